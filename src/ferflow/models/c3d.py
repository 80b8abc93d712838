"""C3D: 3D convolutions, each with a pooling, then two dense layers (thesis, section 3.2.5, Figure 3.22).

Convolutions are not padded and poolings drop what is left over, as Keras's do. At 100×160×160×3 with filters
16, 16, 32, kernel 3 and dense layers of 512:

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
Straight behind one convolution, dense layers of 512 would have 2.5 (16 filters) or 5.0 (32) thousand million
parameters, 40 and 80 GB with gradients and Adam's moments, which the author's 24 GB cards cannot have held.
They are read as pooled to the maps of the three layers, 10×18×18, before the dense layers
(`C3dSettings.map_layers`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.models.clipnetwork import CHANNELS, ClipNetwork, dense_layers
from ferflow.models.layers import activation, initialise
from ferflow.settings import C3dSettings, Pooling


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
    """Blocks of convolution, batch normalisation if set, activation, pooling, dropout; then dense layers.

    With fewer convolutions than `settings.map_layers` the maps are pooled once more before the dense layers.

    The mask plays no part: what a clip lacks in length are zeros to it. `C3dSettings` refuses kernels that
    leave nothing of a clip.
    """

    name = "c3d"
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
