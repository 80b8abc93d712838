"""Networks with published weights under the thesis's classifier (section 3.2.4, Tables 3.2, 3.4).

VGG16, VGGFace and DenseNet201; the ResNets are in `resnet`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ferflow import weights
from ferflow.models import checkpoint, face_weights
from ferflow.models.network import SpatialNetwork
from ferflow.models.vision import torchvision
from ferflow.networks import NETWORKS

DROPOUT = 0.5
"""Behind each dense layer; the thesis searched 0.2–0.9 and does not print what it found."""
_CALIBRATION = (16, 112)
"""Images, and pixels of their side, from which a random start takes the statistics of its normalisation."""


class Backbone(SpatialNetwork):
    """RGB images; dense layers on the last pooling, a dropout behind each.

    `dense` are the dense layers' neurons (None: those of the registry), `dropout` the share that is dropped
    (None: 0.5). The layer `dense` is the first of them, whatever follows. `calibrated` is for a base of new
    weights that is to stay as it is: see `_calibrate`. A subclass gives `make`, and `published` where its
    file has other names. `base` is what `make` gave.
    """

    flat = False
    """All values of the last block go on; else their mean over the image."""
    prefixes: tuple[str, ...]
    """Of the names in a published file that belong to the classifier, which is not taken over."""

    def __init__(
        self,
        n_classes: int,
        dense: Sequence[int] | None = None,
        dropout: float | None = None,
        calibrated: bool = False,
    ) -> None:
        base, blocks = self.make()
        entry = NETWORKS[self.name]
        widths = entry.dense if dense is None else tuple(dense)
        share = DROPOUT if dropout is None else dropout
        super().__init__(blocks, entry.pool, widths[0])
        self.options = {"dense": list(widths), "dropout": share}
        # The blocks hold the same parameters; past nn.Module's bookkeeping they are not counted twice.
        object.__setattr__(self, "base", base)
        if calibrated:
            self._calibrate()
        self.pool_head = nn.Flatten() if self.flat else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify_by(widths, n_classes, share)

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
        """The base without a classifier, its parameters named as in the published file; and its blocks."""
        raise NotImplementedError

    def published(self, path: str | Path) -> dict[str, Tensor]:
        """The base's weights in the published file at `path`, under the base's own names."""
        state = checkpoint.read_state(path)
        return {name: value for name, value in state.items() if not name.startswith(self.prefixes)}

    def load_base(self, path: str | Path) -> None:
        """Start the base from the published file at `path`.

        Raises WeightsError for a missing or damaged file or one of another architecture.
        """
        checkpoint.load_state(self.base, self.published(path), path, self.name)
        weights.note(path)  # after that: what does not fit is no first file

    def _calibrate(self) -> None:
        """Give the batch normalisation of new weights the statistics of smooth noise.

        Without any, values double from block to block. No image of a study has a say in them.
        """
        count, size = _CALIBRATION
        noise = torch.randn(count, 3, 7, 7)
        x = nn.functional.interpolate(noise, (size, size), mode="bilinear") + 0.3 * torch.randn(
            count, 3, size, size
        )
        layers = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        usual = [layer.momentum for layer in layers]
        for layer in layers:
            layer.momentum = 1.0
        with torch.inference_mode():
            for block in self.blocks:
                x = block.train()(x)
        for layer, momentum in zip(layers, usual, strict=True):
            layer.momentum = momentum


class Vgg16(Backbone):
    """VGG16: the last pooling has 7·7·512 = 25,088 values."""

    name = "vgg16"
    flat = True
    prefixes = ("classifier.",)

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
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
        return base, blocks


class VggFace(Vgg16):
    """VGG16 trained to tell 2,622 people apart (Parkhi 2015); the thesis gave it two dense layers."""

    name = "vggface"

    def published(self, path: str | Path) -> dict[str, Tensor]:
        return face_weights.vggface(path)


class DenseNet201(Backbone):
    """DenseNet201: global average pooling to 1,920."""

    name = "densenet201"
    prefixes = ("classifier.",)

    def make(self) -> tuple[nn.Module, list[nn.Module]]:
        base = torchvision.models.densenet201(weights=None)
        base.classifier = nn.Identity()
        f = base.features
        blocks = [
            nn.Sequential(f.conv0, f.norm0, f.relu0, f.pool0),
            *(nn.Sequential(getattr(f, f"denseblock{n}"), getattr(f, f"transition{n}")) for n in (1, 2, 3)),
            nn.Sequential(f.denseblock4, f.norm5, nn.ReLU()),
        ]
        return base, blocks

    def published(self, path: str | Path) -> dict[str, Tensor]:
        # torchvision's published file says denselayer1.norm.1 where its network says denselayer1.norm1.
        state = super().published(path)
        return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.", r"\1", k): v for k, v in state.items()}
