"""VGG16, VGGFace, ResNet50, DenseNet201 under the thesis's classifier (section 3.2.4, Tables 3.2, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from torch import nn

from ferflow.models import checkpoint, vggface
from ferflow.models.network import SpatialNetwork

DROPOUT = 0.5
"""Behind each dense layer; the thesis searched 0.2–0.9 and does not print what it found."""


class _Backbone(SpatialNetwork):
    """224×224 RGB, normalised as ImageNet; dense layers on the last pooling, a dropout behind each.

    `base` is torchvision's network without its classifier, under torchvision's own parameter names. `dense`
    are the dense layers' neurons (None: the thesis's), `dropout` the share that is dropped (None: 0.5). The
    layer `dense` is the first of them, whatever follows.
    """

    input_size = 224
    channels = 3
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)
    dense: tuple[int, ...] = (1024,)
    """The thesis's, which is told from the counts in its Table 3.4."""
    prefixes: tuple[str, ...]
    """Of the names in an ImageNet file that belong to the classifier, which is not taken over."""

    def __init__(
        self,
        n_classes: int,
        dense: Sequence[int] | None,
        dropout: float | None,
        base: nn.Module,
        blocks: list[nn.Module],
        pool: int,
        pool_head: nn.Module,
    ) -> None:
        widths = self.dense if dense is None else tuple(dense)
        share = DROPOUT if dropout is None else dropout
        super().__init__(blocks, pool, widths[0])
        self.options = {"dense": list(widths), "dropout": share}
        # The blocks hold the same parameters; past nn.Module's bookkeeping they are not counted twice.
        object.__setattr__(self, "base", base)
        self.pool_head = pool_head
        self.dense_head = nn.Sequential(nn.Linear(pool, widths[0]), nn.ReLU())
        layers: list[nn.Module] = [nn.Dropout(share)]
        for width, out in pairwise(widths):
            layers += [nn.Linear(width, out), nn.ReLU(), nn.Dropout(share)]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))

    def load_base(self, path: str | Path) -> None:
        """Take the convolutions from an ImageNet state dict of torchvision at `path`.

        Raises WeightsError for a missing or damaged file or one of another architecture.
        """
        state = checkpoint.read_state(path)
        state = {k: v for k, v in state.items() if not k.startswith(self.prefixes)}
        checkpoint.load_state(self.base, state, path, self.name)


class Vgg16(_Backbone):
    """VGG16: the last pooling has 7·7·512 = 25,088 values."""

    name = "vgg16"
    prefixes = ("classifier.",)

    def __init__(
        self, n_classes: int, dense: Sequence[int] | None = None, dropout: float | None = None
    ) -> None:
        from ferflow.models.vision import torchvision

        vgg = torchvision.models.vgg
        base = nn.Module()
        base.features = vgg.make_layers(vgg.cfgs["D"])
        for module in base.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
        layers, blocks = list(base.features), []
        while layers:
            end = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)) + 1
            blocks.append(nn.Sequential(*layers[:end]))
            layers = layers[end:]
        super().__init__(n_classes, dense, dropout, base, blocks, 7 * 7 * 512, nn.Flatten())


class VggFace(Vgg16):
    """VGG16 trained to tell 2,622 people apart (Parkhi 2015); the thesis gave it two dense layers.

    Its inputs are RGB of 0–255 less the mean colour of its training faces, and not divided by anything.
    """

    name = "vggface"
    mean = (129.1863 / 255, 104.7624 / 255, 93.5940 / 255)
    std = (1 / 255, 1 / 255, 1 / 255)
    dense = (1024, 1024)

    def load_base(self, path: str | Path) -> None:
        """Take the convolutions from a published file of VGGFace at `path` (`vggface.read`)."""
        checkpoint.load_state(self.base, vggface.read(path), path, self.name)


class ResNet50(_Backbone):
    """ResNet50: global average pooling to 2,048."""

    name = "resnet50"
    prefixes = ("fc.",)

    def __init__(
        self, n_classes: int, dense: Sequence[int] | None = None, dropout: float | None = None
    ) -> None:
        from ferflow.models.vision import torchvision

        base = torchvision.models.resnet50(weights=None)
        base.fc = nn.Identity()
        stem = nn.Sequential(base.conv1, base.bn1, base.relu, base.maxpool)
        blocks = [stem, base.layer1, base.layer2, base.layer3, base.layer4]
        super().__init__(n_classes, dense, dropout, base, blocks, 2048, _global_average())


class DenseNet201(_Backbone):
    """DenseNet201: global average pooling to 1,920."""

    name = "densenet201"
    prefixes = ("classifier.",)

    def __init__(
        self, n_classes: int, dense: Sequence[int] | None = None, dropout: float | None = None
    ) -> None:
        from ferflow.models.vision import torchvision

        base = torchvision.models.densenet201(weights=None)
        base.classifier = nn.Identity()
        f = base.features
        blocks = [
            nn.Sequential(f.conv0, f.norm0, f.relu0, f.pool0),
            nn.Sequential(f.denseblock1, f.transition1),
            nn.Sequential(f.denseblock2, f.transition2),
            nn.Sequential(f.denseblock3, f.transition3),
            nn.Sequential(f.denseblock4, f.norm5, nn.ReLU()),
        ]
        super().__init__(n_classes, dense, dropout, base, blocks, 1920, _global_average())

    def load_base(self, path: str | Path) -> None:
        # torchvision's published file says denselayer1.norm.1 where its network says denselayer1.norm1.
        state = checkpoint.read_state(path)
        state = {k: v for k, v in state.items() if not k.startswith(self.prefixes)}
        state = {re.sub(r"(denselayer\d+\.(?:norm|conv))\.", r"\1", k): v for k, v in state.items()}
        checkpoint.load_state(self.base, state, path, self.name)


def _global_average() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
