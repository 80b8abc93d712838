"""ResNets: ImageNet's with 18, 34 and 50 layers, VGGFace2's, and a small one for 48×48 images."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn

from ferflow.models import face_weights
from ferflow.models.backbones import Backbone
from ferflow.models.layers import DENSE, DROPOUT, initialise_convolutions
from ferflow.models.network import SpatialNetwork
from ferflow.models.vision import torchvision


class ResNet50(Backbone):
    """torchvision's, in five blocks: the stem and four stages; global average pooling to 2,048."""

    name = "resnet50"
    prefixes = ("fc.",)

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
        name = "resnet50" if self.name == "vggface2" else self.name
        base = getattr(torchvision.models, name)(weights=None)
        base.fc = nn.Identity()
        stem = nn.Sequential(base.conv1, base.bn1, base.relu, base.maxpool)
        return base, [stem, base.layer1, base.layer2, base.layer3, base.layer4]


class ResNet34(ResNet50):
    """With blocks of two convolutions; pooled to 512."""

    name = "resnet34"


class ResNet18(ResNet50):
    """With half as many blocks; pooled to 512."""

    name = "resnet18"


class ResNet50Face(ResNet50):
    """ResNet50 as VGGFace2's Caffe model has it: a stage halves the size in a block's first 1×1 convolution.

    Sizes must be even: the padding of the first convolution is Keras's (`same`), and its pooling has none.
    """

    name = "vggface2"

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
        base, (_, *stages) = super().make()
        base.conv1.padding, base.maxpool.padding = (0, 0), 0
        stem = nn.Sequential(nn.ZeroPad2d((2, 3, 2, 3)), base.conv1, base.bn1, base.relu, base.maxpool)
        for stage in stages[1:]:
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        for module in base.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3  # Keras's own
        return base, [stem, *stages]

    def published(self, path: str | Path) -> dict[str, Tensor]:
        return face_weights.vggface2(path)


class SmallResNet(SpatialNetwork):
    """Grey 48×48 images; layers `pool` (global average, 256) and `dense` (128).

    The compact study reviews Pramerdorfer and Kampel's residual network without its layout (section 2.4).
    Here ResNet18's four stages of two basic blocks have half its width (28,709 small images need no more, and
    a step costs a CPU a quarter), and a 3×3 convolution at full size takes the place of ImageNet's 7×7 with
    stride and pooling, which would leave 12×12 of the image; the stages work at 48, 24, 12 and 6.
    """

    name = "resnet"
    widths = (32, 64, 128, 256)

    def __init__(self, n_classes: int) -> None:
        def unit(channels: int, out: int, kernel: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
            return [convolution, nn.BatchNorm2d(out)]

        def stage(channels: int, out: int) -> nn.Module:
            block = torchvision.models.resnet.BasicBlock
            stride = 1 if channels == out else 2
            shortcut = nn.Sequential(*unit(channels, out, 1, stride)) if stride > 1 else None
            return nn.Sequential(block(channels, out, stride, shortcut), block(out, out))

        first = self.widths[0]
        blocks = [nn.Sequential(*unit(1, first, 3, 1), nn.ReLU(inplace=True))]
        blocks += [stage(a, b) for a, b in pairwise((first, *self.widths))]
        super().__init__(blocks, pool=self.widths[-1], dense=DENSE)
        self.pool_head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify_by((DENSE,), n_classes, DROPOUT)
        initialise_convolutions(self)
