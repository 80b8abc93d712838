"""The VGG variant of Khaireddin and Chen 2021, the best single network that the compact study reviews."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from ferflow.models.layers import initialise_convolutions
from ferflow.models.network import SpatialNetwork

WIDTHS = (64, 128, 256, 512)
"""Of the four stages, VGG's own; our paper prints none."""
DENSE = 4096
DROPOUT = 0.2
"""Between the dense layers; not printed either."""


class VggNet(SpatialNetwork):
    """Grey 48×48 images; layers `pool` (3·3·512 = 4608) and `dense` (4096).

    Four stages of two blocks (3×3 convolution, ReLU, batch norm, in the order of section 2.3) and a 2×2
    max-pooling, then three dense layers, the first two with a ReLU. The original sees crops of 40×40; here
    it takes the whole 48×48, as the other networks do, and a crop of the ten-crop evaluation is enlarged to
    that, so that training and evaluation need no second size.
    """

    name = "vggnet"

    def __init__(self, n_classes: int) -> None:
        blocks = [
            nn.Sequential(*_block(channels, out), *_block(out, out), nn.MaxPool2d(2))
            for channels, out in pairwise((1, *WIDTHS))
        ]
        pool = 3 * 3 * WIDTHS[-1]
        super().__init__(blocks, pool, dense=DENSE)
        self.pool_head = nn.Flatten()
        self.dense_head = nn.Sequential(nn.Linear(pool, DENSE), nn.ReLU())
        self.classifier = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(DENSE, DENSE),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPOUT),
            nn.Linear(DENSE, n_classes),
        )
        initialise_convolutions(self)


def _block(channels: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(out)]
