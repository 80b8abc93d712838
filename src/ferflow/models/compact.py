"""The compact network of Dao 2021 and the networks that its paper reviews."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ferflow.models.layers import DROPOUT, initialise_convolutions
from ferflow.models.network import SpatialNetwork


def _convolution(
    channels: int, out: int, kernel: int, groups: int = 1, relu: bool = True, pool: bool = False
) -> list[nn.Module]:
    """A convolution without bias that keeps the size, batch normalisation, and perhaps pooling and a ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    # The maximum and the ReLU commute; this way round, the ReLU has a quarter of the values to go over.
    layers += [nn.MaxPool2d(2)] * pool
    return layers + [nn.ReLU(inplace=True)] * relu


class InvertedResidual(nn.Module):
    """MobileNetV2's block: 1×1 to `hidden` channels, 3×3 per channel, 1×1 back, added to the input."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_convolution(channels, hidden, 1),
            *_convolution(hidden, hidden, 3, groups=hidden),
            *_convolution(hidden, channels, 1, relu=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Compact(SpatialNetwork):
    """Dao's network, 784,263 parameters for seven classes; grey 48×48 images.

    Layers `pool` (6·6·128 = 4608) and `dense` (32). The paper prints the parameter count and the hidden
    widths 256, 256, 512, 512; the other widths are the ones that meet the count. Where the three poolings
    stand is not printed either: after the first two convolutions, so that the costly 5×5 runs at 24×24, and
    between the pairs of residual blocks.
    """

    name = "compact"

    def __init__(self, n_classes: int) -> None:
        blocks = [
            nn.Sequential(*_convolution(1, 64, 3, pool=True)),
            nn.Sequential(*_convolution(64, 128, 5, pool=True)),
            nn.Sequential(*_convolution(128, 64, 3)),
            nn.Sequential(InvertedResidual(64, 256), InvertedResidual(64, 256)),
            nn.Sequential(nn.MaxPool2d(2), *_convolution(64, 128, 1)),
            nn.Sequential(InvertedResidual(128, 512), InvertedResidual(128, 512)),
        ]
        super().__init__(blocks, pool=6 * 6 * 128, dense=32)
        self.pool_head = nn.Flatten()
        self.dense_head = nn.Sequential(nn.Linear(6 * 6 * 128, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.classifier = nn.Linear(32, n_classes)
        initialise_convolutions(self)


class AlexNet(SpatialNetwork):
    """AlexNet (Krizhevsky 2012): 227×227 RGB; layers `pool` (6·6·256 = 9216) and `dense` (4096).

    The layout of the original: convolutions 2, 4 and 5 in two groups (its two GPUs), local response
    normalisation behind the first two, overlapping 3×3 poolings. With 1000 classes it has the well-known
    60,965,224 parameters. FER2013's grey images are enlarged bilinearly, as in the paper (section 2.1), and
    stand in all three channels.
    """

    name = "alexnet"

    def __init__(self, n_classes: int) -> None:
        def convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1):
            padding = 0 if stride > 1 else kernel // 2
            return [nn.Conv2d(channels, out, kernel, stride, padding, groups=groups), nn.ReLU(inplace=True)]

        def normalised() -> nn.Module:
            # The original's alpha multiplies the sum over its five neighbours, torch's the mean.
            return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2)

        def pooling() -> nn.Module:
            return nn.MaxPool2d(3, 2)

        blocks = [
            nn.Sequential(*convolution(3, 96, 11, stride=4), normalised(), pooling()),
            nn.Sequential(*convolution(96, 256, 5, groups=2), normalised(), pooling()),
            nn.Sequential(*convolution(256, 384, 3)),
            nn.Sequential(*convolution(384, 384, 3, groups=2)),
            nn.Sequential(*convolution(384, 256, 3, groups=2), pooling()),
        ]
        super().__init__(blocks, pool=6 * 6 * 256, dense=4096)
        self.pool_head = nn.Flatten()
        self.classify_by((4096, 4096), n_classes, DROPOUT)
        initialise_convolutions(self)


class FerNet(SpatialNetwork):
    """FER-Net (Mohan 2021), as far as the compact study describes it (section 2.2); grey 48×48 images.

    Layers `pool` (3·3·256 = 2304) and `dense` (256, the first dense layer). Four times 3×3 convolution, batch
    norm, ReLU, 2×2 max-pooling, dropout 0.25; two dense layers with batch norm, ReLU and dropout 0.5. The
    paper's softmax layer behind the second dense one is read as a layer of its own, as in Keras. It prints
    neither the widths of the convolutions, which double here at each halving of the size, nor of the dense
    layers.
    """

    name = "fernet"
    widths, dense = (32, 64, 128, 256), (256, 128)

    def __init__(self, n_classes: int) -> None:
        def dense(width: int, out: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(width, out, bias=False), nn.BatchNorm1d(out), nn.ReLU())

        blocks = [
            nn.Sequential(*_convolution(channels, out, 3, pool=True), nn.Dropout(0.25))
            for channels, out in pairwise((1, *self.widths))
        ]
        pool = 3 * 3 * self.widths[-1]
        super().__init__(blocks, pool, dense=self.dense[0])
        self.pool_head = nn.Flatten()
        self.dense_head = dense(pool, self.dense[0])
        self.classifier = nn.Sequential(
            nn.Dropout(DROPOUT), *dense(*self.dense), nn.Dropout(DROPOUT), nn.Linear(self.dense[1], n_classes)
        )
        initialise_convolutions(self)


class VggNet(SpatialNetwork):
    """The VGG variant of Khaireddin and Chen 2021, the best single network that the study reviews.

    Grey 48×48 images; layers `pool` (3·3·512 = 4608) and `dense` (4096). Four stages, of VGG's own widths, of
    two blocks (3×3 convolution, ReLU, batch norm, in the order of section 2.3) and a 2×2 max-pooling, then
    three dense layers, the first two with a ReLU. Neither the widths nor the dropout are printed. The
    original sees crops of 40×40; here it takes the whole 48×48, as the other networks do, and a crop of the
    ten-crop evaluation is enlarged to that, so that training and evaluation need no second size.
    """

    name = "vggnet"
    widths = (64, 128, 256, 512)

    def __init__(self, n_classes: int) -> None:
        def block(channels: int, out: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(out)]

        blocks = [
            nn.Sequential(*block(channels, out), *block(out, out), nn.MaxPool2d(2))
            for channels, out in pairwise((1, *self.widths))
        ]
        super().__init__(blocks, pool=3 * 3 * self.widths[-1], dense=4096)
        self.pool_head = nn.Flatten()
        self.classify_by((4096, 4096), n_classes, dropout=0.2)
        initialise_convolutions(self)
