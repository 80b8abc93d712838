"""EfficientNet-Lite0 (Tan and Le 2019; Liu 2020), for small devices: ReLU6, no squeeze-and-excitation.

The layers have the names of the published file (the package efficientnet-lite-pytorch's). Stochastic depth,
with which it was trained on ImageNet, is left out.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from ferflow.models.backbones import Backbone
from ferflow.models.layers import initialise_convolutions

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first block, expansion, and channels of each stage."""
STEM, TOP = 32, 1280
"""Channels of the first and of the last convolution."""


class SamePadding(nn.Module):
    """Zeros about maps [N,C,H,W] as TensorFlow's `same` puts them: of an odd number, more at the end."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        edges: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            edges += [total // 2, total - total // 2]
        return nn.functional.pad(x, edges)


class Residual(nn.Sequential):
    """Layers whose result is added to their input."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class EfficientNetLite0(Backbone):
    """Eight blocks: the stem and seven stages, the last with the top convolution; pooled to 1,280."""

    name = "efficientnet_lite0"
    prefixes = ("_fc.",)

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
        stem = nn.Sequential(OrderedDict(_unit("_conv_stem", "_bn0", 3, STEM, 3, stride=2)))
        top = nn.Sequential(OrderedDict(_unit("_conv_head", "_bn1", STAGES[-1][-1], TOP, 1)))
        stages, channels = [], STEM
        for number, kernel, stride, expansion, out in STAGES:
            stage = [_block(channels, out, kernel, stride, expansion)]
            stage += [_block(out, out, kernel, 1, expansion) for _ in range(number - 1)]
            stages.append(nn.Sequential(*stage))
            channels = out
        base = nn.Module()
        for part in (stem, top):
            for name, layer in part.named_children():
                base.add_module(name, layer)
        base._blocks = nn.ModuleList(block for stage in stages for block in stage)
        initialise_convolutions(base)
        return base, [stem, *stages[:-1], nn.Sequential(*stages[-1], top)]


def _block(channels: int, out: int, kernel: int, stride: int, expansion: int) -> nn.Sequential:
    """MobileNetV2's block: 1×1 to more channels, a convolution per channel, 1×1 to `out`."""
    hidden = channels * expansion
    layers = _unit("_expand_conv", "_bn0", channels, hidden, 1) if expansion > 1 else []
    layers += _unit("_depthwise_conv", "_bn1", hidden, hidden, kernel, stride, groups=hidden)
    layers += _unit("_project_conv", "_bn2", hidden, out, 1)[:-1]
    kind = Residual if stride == 1 and channels == out else nn.Sequential
    return kind(OrderedDict(layers))


def _unit(
    convolution: str, norm: str, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[tuple[str, nn.Module]]:
    """A convolution, its batch normalisation and a ReLU6, by name; padded before it where it has a stride."""
    edge = 0 if stride > 1 else kernel // 2
    layers: list[tuple[str, nn.Module]] = [
        (convolution, nn.Conv2d(channels, out, kernel, stride, edge, groups=groups, bias=False)),
        (norm, nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)),
        (f"{norm}_relu", nn.ReLU6(inplace=True)),
    ]
    return [(f"{convolution}_padding", SamePadding(kernel, stride))] * (stride > 1) + layers
