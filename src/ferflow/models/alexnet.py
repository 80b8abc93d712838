"""AlexNet (Krizhevsky 2012) for seven expressions, the first network that the compact study reviews."""

from __future__ import annotations

from torch import nn

from ferflow.models.layers import DROPOUT, initialise_convolutions
from ferflow.models.network import SpatialNetwork

WIDTH = 4096
"""Neurons of both dense layers."""


class AlexNet(SpatialNetwork):
    """227×227 RGB; layers `pool` (6·6·256 = 9216) and `dense` (4096).

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
        pool = 6 * 6 * 256
        super().__init__(blocks, pool, dense=WIDTH)
        self.pool_head = nn.Flatten()
        self.dense_head = nn.Sequential(nn.Linear(pool, WIDTH), nn.ReLU())
        self.classifier = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH, WIDTH),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPOUT),
            nn.Linear(WIDTH, n_classes),
        )
        initialise_convolutions(self)
