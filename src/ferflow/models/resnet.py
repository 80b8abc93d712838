"""A residual network for 48×48 images: ResNet18's four stages of two basic blocks at half its width."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from ferflow.models.layers import DENSE, DROPOUT, initialise_convolutions
from ferflow.models.network import SpatialNetwork

WIDTHS = (32, 64, 128, 256)
"""Half of ResNet18's: 28,709 small images need no more, and a step costs a CPU a quarter."""


class ResNet(SpatialNetwork):
    """Grey 48×48 images; layers `pool` (global average, 256) and `dense` (128).

    The compact study reviews Pramerdorfer and Kampel's residual network without its layout (section 2.4).
    Here a 3×3 convolution at full size takes the place of ImageNet's 7×7 with stride and pooling, which
    would leave 12×12 of the image; the stages work at 48, 24, 12 and 6.
    """

    name = "resnet"
    input_size = 48
    channels = 1
    mean = (0.5,)
    std = (0.25,)

    def __init__(self, n_classes: int) -> None:
        stem = nn.Sequential(*_unit(1, WIDTHS[0], 3, 1), nn.ReLU(inplace=True))
        stages = [_stage(WIDTHS[0], WIDTHS[0], stride=1)]
        stages += [_stage(a, b, stride=2) for a, b in pairwise(WIDTHS)]
        super().__init__([stem, *stages], pool=WIDTHS[-1], dense=DENSE)
        self.pool_head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dense_head = nn.Sequential(nn.Linear(WIDTHS[-1], DENSE), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(DENSE, n_classes))
        initialise_convolutions(self)


def _stage(channels: int, out: int, stride: int) -> nn.Module:
    from ferflow.models.vision import torchvision

    block = torchvision.models.resnet.BasicBlock
    shortcut = nn.Sequential(*_unit(channels, out, 1, stride)) if stride > 1 else None
    return nn.Sequential(block(channels, out, stride, shortcut), block(out, out))


def _unit(channels: int, out: int, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(out)]
