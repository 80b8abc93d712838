"""The compact network of Dao 2021: 784,263 parameters for seven classes."""

from __future__ import annotations

from torch import Tensor, nn

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
    """Grey 48×48 images; layers `pool` (6·6·128 = 4608) and `dense` (32).

    The paper prints the parameter count and the hidden widths 256, 256, 512, 512; the other widths are the
    ones that meet the count. Where the three poolings stand is not printed either: after the first two
    convolutions, so that the costly 5×5 runs at 24×24, and between the pairs of residual blocks.
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
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
