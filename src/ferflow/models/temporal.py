"""Heads over the features of a clip's frames: LSTM, BiLSTM, 1D-CNN (thesis, section 3.2.4).

Padding never changes an output: the recurrent heads read their state before they reach it, the convolutions
see zeros in its place after every layer, and poolings and batch normalisation leave it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.errors import SettingError
from ferflow.models import checkpoint
from ferflow.models.layers import LEAK, initialise, initialise_as_keras, sequence_dropout
from ferflow.settings import HeadSettings

HEADS = ("lstm", "bilstm", "cnn1d")
_CHOICES = ("layers", "recurrent_dropout", "kernel", "batch_norm", "activation", "pooling", "initialiser")
_RECURRENT = dict(zip(_CHOICES, (1, 0.0, None, None, None, None, "glorot_uniform"), strict=True))
_CONVOLUTIONS = dict(zip(_CHOICES, (4, None, 3, False, "relu", "max", "glorot_uniform"), strict=True))
_BEFORE = {"lstm": _RECURRENT, "bilstm": _RECURRENT, "cnn1d": _CONVOLUTIONS}
"""What heads were before these were settings; files from then lack them."""
WIDE = 4096
"""Features from which torch's own loop no longer pays on a CPU: the product with the inputs takes nearly all
of the time, and torch's LSTM copies them several times over and works out a gradient for them."""


class TemporalHead(nn.Module):
    """Features [N,T,F] and mask [N,T] (True: a real frame) to logits [N,K].

    `dropout` acts on the inputs, with one mask per sequence that is the same at every frame (Keras's
    `dropout`, the thesis's naive one).
    """

    name: str

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__()
        self.n_features, self.n_classes = n_features, n_classes
        self.settings = settings

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Logits [N,K]. Raises ValueError if a sequence has no real frame."""
        features, lengths = _close_ranks(features.float(), mask)
        # A NaN in the padding would survive a product with zero; so it is replaced, not multiplied.
        mask = torch.arange(features.shape[1], device=mask.device) < lengths[:, None]
        features = features.masked_fill(~mask[:, :, None], 0)
        features = sequence_dropout(features, self.settings.dropout, self.training, inplace=True)
        return self.classify(features, mask, lengths)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        raise NotImplementedError


def _close_ranks(features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move each sequence's real frames to its front, in order, and cut what is padding in all of them."""
    lengths = mask.sum(1)
    longest = int(lengths.max())
    if int(lengths.min()) == 0:
        raise ValueError("a sequence has no real frame")
    if not bool(mask[:, 1:].le(mask[:, :-1]).all()):  # a gap, from a frame without a face
        order = torch.argsort(mask.to(torch.int8), dim=1, descending=True, stable=True)
        features = features.gather(1, order[:, :, None].expand_as(features))
    return features[:, :longest], lengths


def lstm_states(
    lstm: nn.LSTM, x: Tensor, recurrent_dropout: float, turn: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """States [N,T,H] of the one-layer, batch-first `lstm` over sequences [N,T,F] (thesis, Table 2.1, left).

    Unlike torch's own it drops a share of its state and is small in memory on wide inputs. The dropout's
    mask is drawn once per sequence and is the same at every step (Gal and Ghahramani 2016; Keras's
    `recurrent_dropout`): it acts on the state that goes into the gates, not on the state that is given out.
    While `lstm` is trained, a share `recurrent_dropout` of the state is dropped on
    its way into the gates. Without that, and outside training, torch's own loop is several times as fast.
    `turn` puts the frames of [N,T,...] into the order in which they are read.
    """
    dropped = recurrent_dropout if lstm.training else 0.0
    if dropped == 0 and (x.shape[2] < WIDE or x.is_cuda):
        return lstm(x if turn is None else turn(x))[0]
    n, units = len(x), lstm.hidden_size
    keep = functional.dropout(x.new_ones(n, units), dropped)
    # The inputs' part of the gates is the same product at every step, so it is taken once for all of them.
    inward = functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    if turn is not None:
        inward = turn(inward)
    state = x.new_zeros(n, units)
    cell = x.new_zeros(n, units)
    recurrent = lstm.weight_hh_l0.t()
    states = []
    for gates_of_input in inward.unbind(1):
        gates = torch.addmm(gates_of_input, state * keep, recurrent)
        i, f, new, o = gates.chunk(4, dim=1)  # torch's order: input, forget, cell, output
        cell = f.sigmoid() * cell + i.sigmoid() * new.tanh()
        state = o.sigmoid() * cell.tanh()
        states.append(state)
    return torch.stack(states, dim=1)


class _Recurrent(TemporalHead):
    """LSTM layers; the last one's state after the last real frame (of each direction) goes to the classes.

    `dropout` acts on the inputs of every layer, `recurrent_dropout` on its state, each with one mask per
    sequence and direction. torch's LSTM has a second bias vector of 4 × hidden size per
    direction that Keras's has not: 1,024 features give 591,110 parameters and 512 more.
    """

    directions: int

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__(n_features, n_classes, settings)
        width = settings.units * self.directions
        # Layer by layer, in each the direction of time first.
        self.lstms = nn.ModuleList(
            nn.LSTM(width if layer else n_features, settings.units, batch_first=True)
            for layer in range(settings.layers)
            for _ in range(self.directions)
        )
        self.classifier = nn.Linear(width, n_classes)
        for lstm in self.lstms:
            initialise_as_keras(lstm, settings.initialiser)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        clips = torch.arange(len(features), device=features.device)
        for layer in range(self.settings.layers - 1):
            states = self._states(layer, features, lengths)
            if self.directions == 2:
                states[1] = _reversed(states[1], lengths)
            features = sequence_dropout(torch.cat(states, dim=2), self.settings.dropout, self.training)
        last = self._states(self.settings.layers - 1, features, lengths)
        return self.classifier(torch.cat([states[clips, lengths - 1] for states in last], dim=1))

    def _states(self, layer: int, features: Tensor, lengths: Tensor) -> list[Tensor]:
        """States [N,T,H] of each direction of a layer; the second one's run against time."""
        # Packed sequences and a two-way nn.LSTM would do the same, at six times the time on a CPU.
        first = layer * self.directions
        turns = (None, partial(_reversed, lengths=lengths))
        return [
            lstm_states(lstm, features, self.settings.recurrent_dropout, turn)
            for lstm, turn in zip(self.lstms[first : first + self.directions], turns, strict=False)
        ]


def _reversed(features: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence's real frames from the last to the first; what follows them is of no account."""
    frames = torch.arange(features.shape[1], device=features.device)
    order = (lengths[:, None] - 1 - frames).clamp(min=0)
    return features.gather(1, order[:, :, None].expand_as(features))


class Lstm(_Recurrent):
    name = "lstm"
    directions = 1


class BiLstm(_Recurrent):
    name = "bilstm"
    directions = 2


class Cnn1d(TemporalHead):
    """Convolutions with a pooling after every second one; then one dense layer to the classes.

    The thesis's has four of them (its section 3.3.2). Poolings halve the frames, the last one takes all that
    are left, so that the output does not depend on how far a clip is padded. Batch normalisation sees the
    real frames alone. The thesis does not print the width of its kernels; it is 3 here.
    """

    name = "cnn1d"

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__(n_features, n_classes, settings)
        widths = [n_features, *[settings.units] * settings.layers]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, settings.kernel, padding="same") for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:] * bool(settings.batch_norm))
        self.classifier = nn.Linear(settings.units, n_classes)
        for convolution in self.convolutions:
            initialise(convolution.weight, settings.initialiser)
            nn.init.zeros_(convolution.bias)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        x, real = features.transpose(1, 2), mask[:, None]
        slope = LEAK if self.settings.activation == "leaky_relu" else 0.0
        for number, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if self.norms:
                x = _normalised(x, real, self.norms[number])
            x = (functional.leaky_relu(x, slope) if slope else functional.relu(x)) * real
            if number % 2 and number + 1 < len(self.convolutions):
                x, real = _halved(x, real, self.settings.pooling)
        if self.settings.pooling == "average":
            return self.classifier(x.sum(2) / real.sum(2))
        return self.classifier(_below_all(x, real).amax(2))


def _normalised(x: Tensor, real: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """`norm` over the real frames of [N,C,T]; `real` is [N,1,T]."""
    rows = x.transpose(1, 2)
    normalised = torch.zeros_like(rows)
    normalised[real[:, 0]] = norm(rows[real[:, 0]])
    return normalised.transpose(1, 2)


def _halved(x: Tensor, real: Tensor, pooling: str) -> tuple[Tensor, Tensor]:
    """Half as many frames of [N,C,T], of real ones only, and which of them are real."""
    # ceil_mode: else an odd last frame would count in a padded clip and be dropped in an unpadded one
    pairs = {"kernel_size": 2, "ceil_mode": True}
    left = functional.max_pool1d(real.to(x.dtype), **pairs).bool()
    if pooling == "max":
        return functional.max_pool1d(_below_all(x, real), **pairs).masked_fill(~left, 0), left
    weights = functional.avg_pool1d(real.to(x.dtype), **pairs)
    return functional.avg_pool1d(x, **pairs) / weights.masked_fill(~left, 1), left


def _below_all(x: Tensor, real: Tensor) -> Tensor:
    """`x` with what is no real frame below every value, so that it never wins a maximum."""
    return x.masked_fill(~real, -torch.inf)


def build(name: str, n_features: int, n_classes: int, settings: HeadSettings) -> TemporalHead:
    """Build head `name` (settings.Head) with new weights from torch's current seed.

    Raises ValueError for an unknown name, SettingError for settings that are another head's.
    """
    heads = {head.name: head for head in (Lstm, BiLstm, Cnn1d)}
    if name not in heads:
        raise ValueError(f"no temporal head {name}; there are {', '.join(HEADS)}")
    misfit = settings.misfit(name)
    if misfit:
        raise SettingError(name, misfit, "correct it")
    return heads[name](n_features, n_classes, settings)


def settings_of(name: str, written: dict) -> HeadSettings:
    """The settings of head `name` as a model file holds them, also one from before there was a choice."""
    return HeadSettings.recorded(_BEFORE[name] | written)


def save(path: str | Path, head: TemporalHead, classes: Sequence[str], meta: dict) -> None:
    """Write a trained head whose logits stand for `classes`; `meta` as in `spatial.save`."""
    options = {"n_features": head.n_features, "settings": head.settings.model_dump()}
    checkpoint.write(path, "temporal", head.name, head, classes, options, meta)


def load(path: str | Path) -> tuple[TemporalHead, dict]:
    """Read a file that `save` wrote: the head in evaluation mode, and its description.

    The description has `network`, `classes`, `options`, `meta`. Raises WeightsError as `spatial.load`.
    """

    def make(name: str, n_classes: int, options: dict) -> TemporalHead:
        return build(name, options["n_features"], n_classes, settings_of(name, options["settings"]))

    return checkpoint.load(path, "temporal", HEADS, make)
