"""The networks that see a clip's frames themselves, C3D and ConvLSTM (thesis, section 3.2.5); their files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils import checkpoint as checkpointing

from ferflow.models import checkpoint
from ferflow.models.layers import activation, initialise
from ferflow.settings import C3dSettings, ClipNetworkSettings, ConvLstmSettings, Pooling

CHANNELS = 3
"""Red, green and blue."""


class ClipNetwork(nn.Module):
    """Frames uint8 (0–255) or float (0–1) [N,T,S,S,3] and mask [N,T] (True: a real frame) to logits [N,K].

    T and S are `settings.frames` and `settings.size`; frames that are not real are zeros. The thesis feeds
    frames without saying how they are scaled; here they are 0–1.
    """

    name: str
    takes: type[ClipNetworkSettings]

    def __init__(self, n_classes: int, settings: ClipNetworkSettings) -> None:
        super().__init__()
        self.n_classes, self.settings = n_classes, settings

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of one clip, without the batch: T, S, S, 3."""
        return self.settings.frames, self.settings.size, self.settings.size, CHANNELS

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """Logits [N,K]. Raises ValueError for clips of another length or size than the network's."""
        if clips.shape[1:] != self.shape:
            raise ValueError(f"{self.name} sees clips of {self.shape}, not of {tuple(clips.shape[1:])}")
        if clips.dtype == torch.uint8:
            clips = clips.to(torch.float32).div_(255)
        return self.classify(clips, mask)

    def classify(self, clips: Tensor, mask: Tensor) -> Tensor:
        raise NotImplementedError


def dense_layers(
    n_features: int, n_classes: int, settings: ClipNetworkSettings, activated: Sequence[nn.Module]
) -> list[nn.Module]:
    """`settings.dense` layers, each followed by its activation and its dropout, then the classes."""
    widths = [n_features, *settings.dense]
    layers: list[nn.Module] = []
    for (before, after), active in zip(pairwise(widths), activated, strict=True):
        layer = nn.Linear(before, after)
        initialise(layer.weight, settings.initialiser)
        nn.init.zeros_(layer.bias)
        layers += [layer, active, *[nn.Dropout(settings.dense_dropout)] * bool(settings.dense_dropout)]
    classes = nn.Linear(widths[-1], n_classes)
    nn.init.xavier_uniform_(classes.weight)
    nn.init.zeros_(classes.bias)
    return [*layers, classes]


class Pool3d(nn.Module):
    """The maximum or mean of every 2×2×2 block of [N,C,T,H,W]; odd last frames, rows and columns go.

    On a GPU in three steps, one per dimension: torch's own poolings over three have no deterministic gradient
    there, and training allows no other. On a CPU they have, and a step of C3D takes a third of the time.
    """

    def __init__(self, kind: Pooling) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda:
            return self.by_pairs(x)
        return functional.max_pool3d(x, 2) if self.kind == "max" else functional.avg_pool3d(x, 2)

    def by_pairs(self, x: Tensor) -> Tensor:
        """The same, a dimension at a time."""
        for dim in (2, 3, 4):
            pairs = x.shape[dim] // 2
            x = x.narrow(dim, 0, 2 * pairs)
            first, second = x.unflatten(dim, (pairs, 2)).unbind(dim + 1)
            x = torch.maximum(first, second) if self.kind == "max" else (first + second) / 2
        return x

    def extra_repr(self) -> str:
        return self.kind


class PoolTo3d(nn.Module):
    """The maximum or mean of each part of [N,C,T,H,W], cut into `frames` × `size` × `size` parts.

    Along a dimension the parts' lengths differ by at most one. A dimension at a time, as torch's adaptive
    poolings have no deterministic gradient on a GPU.
    """

    def __init__(self, kind: Pooling, frames: int, size: int) -> None:
        super().__init__()
        self.kind, self.parts = kind, (frames, size, size)

    def forward(self, x: Tensor) -> Tensor:
        for dim, n in enumerate(self.parts, 2):
            least, longer = divmod(x.shape[dim], n)
            parts = x.split([least + 1] * longer + [least] * (n - longer), dim)
            pooled = [part.amax(dim) if self.kind == "max" else part.mean(dim) for part in parts]
            x = torch.stack(pooled, dim)
        return x

    def extra_repr(self) -> str:
        return f"{self.kind}, {'×'.join(map(str, self.parts))}"


class C3d(ClipNetwork):
    """C3D: 3D convolutions, each with a pooling, then dense layers (thesis, section 3.2.5, Figure 3.22).

    A block is a convolution, batch normalisation if set, activation, pooling and dropout. The mask plays no
    part: what a clip lacks in length are zeros to it. `C3dSettings` refuses kernels that leave nothing of a
    clip. Convolutions are not padded and poolings drop what is left over, as Keras's do. At 100×160×160×3
    with filters 16, 16, 32, kernel 3 and dense layers of 512:

        convolution  98×158×158×16     3·3·3·3·16 + 16      =      1,312
        pooling      49×79×79×16
        convolution  47×77×77×16       3·3·3·16·16 + 16     =      6,928
        pooling      23×38×38×16
        convolution  21×36×36×32       3·3·3·16·32 + 32     =     13,856
        pooling      10×18×18×32       flattened: 103,680
        dense        512               103,680·512 + 512    = 53,084,672
        dense        512               512·512 + 512        =    262,656
        classes      6                 512·6 + 6            =      3,078
                                                      in all: 53,372,502

    Figure 3.21 compares it with networks of one and two convolutions and does not print how these go on.
    Straight behind one convolution, dense layers of 512 would have 2.5 (16 filters) or 5.0 (32) thousand
    million parameters, 40 and 80 GB with gradients and Adam's moments, which the author's 24 GB cards cannot
    have held. They are read as pooled to the maps of the three layers, 10×18×18, before the dense layers
    (`C3dSettings.map_layers`).
    """

    name, takes = "c3d", C3dSettings
    settings: C3dSettings

    def __init__(self, n_classes: int, settings: C3dSettings) -> None:
        super().__init__(n_classes, settings)
        layers: list[nn.Module] = []
        channels = CHANNELS
        for filters in settings.filters:
            convolution = nn.Conv3d(channels, filters, settings.kernel)
            initialise(convolution.weight, settings.initialiser)
            nn.init.zeros_(convolution.bias)
            layers += [
                convolution,
                *[nn.BatchNorm3d(filters)] * settings.batch_norm,
                activation(settings.activation),
                Pool3d(settings.pooling),
                *([nn.Dropout(settings.dropout)] if settings.dropout else []),
            ]
            channels = filters
        frames, size = settings.maps()
        if settings.pooled():
            layers.append(PoolTo3d(settings.pooling, frames, size))
        self.blocks = nn.Sequential(*layers)
        activated = [activation(settings.activation) for _ in settings.dense]
        flat = channels * frames * size * size
        self.head = nn.Sequential(nn.Flatten(), *dense_layers(flat, n_classes, settings, activated))

    def classify(self, clips: Tensor, mask: Tensor) -> Tensor:
        # The layout in memory is channels-last already; only the names of the dimensions change places.
        return self.head(self.blocks(clips.permute(0, 4, 1, 2, 3)))


class ConvLstmLayer(nn.Module):
    """One layer: sequences [N,T,C,H,W] to states [N,T,F,H',W'], where H' is H − kernel + 1 (as Keras's).

    Table 2.1, with * for the convolutions that it prints as · (a ConvLSTM has no other products), ⊙ for the
    Hadamard product and σ for the logistic function:

        i_t = σ(W_xi * X_t + W_hi * H_{t−1} + W_ci ⊙ C_{t−1} + b_i)
        f_t = σ(W_xf * X_t + W_hf * H_{t−1} + W_cf ⊙ C_{t−1} + b_f)
        C̃   = tanh(W_xc * X_t + W_hc * H_{t−1} + b_c)
        C_t = f_t ⊙ C_{t−1} + i_t ⊙ C̃
        o_t = σ(W_xo * X_t + W_ho * H_{t−1} + W_co ⊙ C_t + b_o)
        H_t = o_t ⊙ tanh(C_t)

    `inward` holds W_x and b, `recurrent` W_h, each for i, f, C̃, o one after the other, `peepholes` W_ci, W_cf
    and W_co, [3,F,H',W'], which begin at 0. C_0 and H_0 are 0. A frame that the mask leaves out changes
    neither C nor H. `dropout` acts on the inputs, `recurrent_dropout` on the H that goes into the gates, each
    with one mask per sequence.
    """

    def __init__(self, channels: int, filters: int, size: int, settings: ConvLstmSettings) -> None:
        super().__init__()
        self.settings = settings
        kernel = settings.kernel
        self.filters, self.size, self.out = filters, size, size - kernel + 1
        self.inward = nn.Conv2d(channels, 4 * filters, kernel)
        self.recurrent = nn.Conv2d(filters, 4 * filters, kernel, padding=kernel // 2, bias=False)
        self.peepholes = None
        if settings.peepholes:
            self.peepholes = nn.Parameter(torch.zeros(3, filters, self.out, self.out))
        # As Keras's layer: orthogonal for the state, 1 for the forget gate's bias.
        initialise(self.inward.weight, settings.initialiser)
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.zeros_(self.inward.bias)
        nn.init.ones_(self.inward.bias[filters : 2 * filters])

    def masks(self, clips: int) -> tuple[Tensor | None, Tensor | None]:
        """What dropout keeps of the inputs [N,1,C,H,W] and of the state [N,F,H',W'] of so many clips."""
        rates = self.settings.dropout, self.settings.recurrent_dropout
        shapes = (1, self.inward.in_channels, self.size, self.size), (self.filters, self.out, self.out)
        ones = self.inward.weight.new_ones
        inputs, state = (
            functional.dropout(ones(clips, *shape), rate) if self.training and rate else None
            for rate, shape in zip(rates, shapes, strict=True)
        )
        return inputs, state

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        kept: tuple[Tensor | None, Tensor | None] = (None, None),
        carried: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """States of every frame, and what the layer goes on from behind them: H and C.

        `mask` [N,T] (True: a real frame), None: all are. `kept` is what `masks` gives, `carried` the H and C
        before the first frame (None: 0).
        """
        n, frames = x.shape[:2]
        of_inputs, of_state = kept
        if of_inputs is not None:
            x = x * of_inputs
        # The inputs' part of the gates, which waits for no state, is taken for all frames at once.
        inward = self.inward(x.flatten(0, 1)).unflatten(0, (n, frames))
        if carried is None:
            state = inward.new_zeros(n, self.filters, self.out, self.out)
            carried = state, torch.zeros_like(state)
        state, cell = carried
        keep = None if of_state is None else of_state.to(inward.dtype)
        states = []
        for step, gates_of_input in enumerate(inward.unbind(1)):
            shown = state if keep is None else state * keep
            i, f, new, o = (gates_of_input + self.recurrent(shown)).chunk(4, dim=1)
            if self.peepholes is not None:
                i = i + self.peepholes[0] * cell
                f = f + self.peepholes[1] * cell
            cell_now = f.sigmoid() * cell + i.sigmoid() * new.tanh()
            if self.peepholes is not None:
                o = o + self.peepholes[2] * cell_now
            state_now = o.sigmoid() * cell_now.tanh()
            if mask is not None:
                real = mask[:, step, None, None, None]
                cell_now, state_now = torch.where(real, cell_now, cell), torch.where(real, state_now, state)
            cell, state = cell_now, state_now
            states.append(state)
        return torch.stack(states, dim=1), (state, cell)


class ConvLstm(ClipNetwork):
    """Layers of ConvLSTM; the last one's last state, flattened, goes to the classes (thesis, section 3.3.2).

    With `settings.masked` the last state is that after the last real frame; without, the layers go on over
    the zeros behind it, as in the thesis. With `settings.checkpoint_frames` all layers take so many frames at
    a time, and their activations are computed again for the gradient (Chen 2016, arXiv 1604.06174). Without
    peepholes it has the parameters of Keras's layer, that is 4·filters·(kernel²·(channels + filters) + 1):
    3,200 and 4,640 for two layers of 8.
    """

    name, takes = "convlstm", ConvLstmSettings
    settings: ConvLstmSettings

    def __init__(self, n_classes: int, settings: ConvLstmSettings) -> None:
        super().__init__(n_classes, settings)
        self.layers = nn.ModuleList()
        channels, size = CHANNELS, settings.size
        for filters in settings.filters:
            self.layers.append(ConvLstmLayer(channels, filters, size, settings))
            channels, size = filters, size - settings.kernel + 1
        activated = [nn.ReLU() for _ in settings.dense]
        flat = channels * size * size
        self.head = nn.Sequential(nn.Flatten(), *dense_layers(flat, n_classes, settings, activated))

    def classify(self, clips: Tensor, mask: Tensor) -> Tensor:
        length = self.settings.checkpoint_frames or clips.shape[1]
        again = bool(self.settings.checkpoint_frames) and torch.is_grad_enabled()
        kept = [layer.masks(len(clips)) for layer in self.layers]
        state, carried = None, [None] * len(self.layers)
        for frames, real in zip(clips.split(length, 1), mask.split(length, 1), strict=True):
            work = frames, real if self.settings.masked else None, kept, carried
            # Nothing is drawn within a segment, so that no state of the random numbers needs to be kept.
            state, carried = (
                checkpointing.checkpoint(self._segment, *work, use_reentrant=False, preserve_rng_state=False)
                if again
                else self._segment(*work)
            )
        return self.head(state)

    def _segment(
        self,
        clips: Tensor,
        mask: Tensor | None,
        kept: Sequence[tuple[Tensor | None, Tensor | None]],
        carried: Sequence[tuple[Tensor, Tensor] | None],
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """All layers over some frames; returns the last state and what each layer goes on from."""
        x, behind = clips.permute(0, 1, 4, 2, 3), []
        for layer, masks, before in zip(self.layers, kept, carried, strict=True):
            x, after = layer(x, mask, masks, before)
            behind.append(after)
        return x[:, -1], behind


KIND = "end-to-end"
BY_NAME: dict[str, type[ClipNetwork]] = {network.name: network for network in (C3d, ConvLstm)}
_BATCH = {"batch": 16, "micro_batch": None}
_BEFORE: dict[str, dict] = {
    "c3d": {"map_layers": None, **_BATCH},
    "convlstm": {"checkpoint_frames": 0, **_BATCH},
}
"""Settings that model files of earlier versions lack, and what they were built with."""


def build(name: str, n_classes: int, settings: ClipNetworkSettings) -> ClipNetwork:
    """Build network `name` with new weights from torch's current seed.

    Raises ValueError for an unknown name, and for settings of another network.
    """
    if name not in BY_NAME:
        raise ValueError(f"no end-to-end network {name}; there are {', '.join(BY_NAME)}")
    network = BY_NAME[name]
    if not isinstance(settings, network.takes):
        raise ValueError(f"{name} takes {network.takes.__name__}, not {type(settings).__name__}")
    return network(n_classes, settings)


def save(path: str | Path, network: ClipNetwork, classes: Sequence[str], meta: dict) -> None:
    """Write a trained network whose logits stand for `classes`; `meta` as in `spatial.save`."""
    options = {"settings": network.settings.model_dump(mode="json")}
    checkpoint.write(path, KIND, network.name, network, classes, options, meta)


def load(path: str | Path) -> tuple[ClipNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network`, `classes`, `options`, `meta`. Raises WeightsError as `spatial.load`.
    """

    def make(name: str, n_classes: int, options: dict) -> ClipNetwork:
        settings = BY_NAME[name].takes.recorded(_BEFORE[name] | options["settings"])
        return build(name, n_classes, settings)

    return checkpoint.load(path, KIND, BY_NAME, make)
