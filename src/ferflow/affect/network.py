"""A backbone under three heads: expression, valence, arousal (Akhtar 2022, section 3, Figures 3 and 4).

The paper says of the heads: two dense layers and a softmax of eight nodes for the expression, and two more
heads for valence and arousal. It prints no widths, no activation of the regression's outputs and no dropout.
The reading here: two dense layers of 512 each, which is the fine-tuning example of the keras-vggface page
that it links, under each of the three; a tanh, whose range is that of the annotations. All of it is a setting
(`affect.recipe.heads`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ferflow.datasets.affectnet import CLASSES
from ferflow.errors import WeightsError
from ferflow.models import checkpoint, spatial
from ferflow.models.network import SpatialNetwork

KIND = "affect"
"""Of a saved model (`models.checkpoint`)."""


@dataclass(frozen=True)
class Backbone:
    """A network's base: where its class is, by what it divides the image's side, and its last channels."""

    module: str
    cls: str
    stride: int
    channels: int
    flat: bool
    """All values of the last block go to the heads (VGG16, Flatten); else their mean over the image."""

    def width(self, size: int) -> int:
        """Values that the heads take of an image of `size` pixels."""
        return self.channels * (size // self.stride) ** 2 if self.flat else self.channels


BACKBONES = {
    "compact": Backbone("compact", "Compact", 8, 128, True),
    "vgg16": Backbone("backbones", "Vgg16", 32, 512, True),
    "vggface": Backbone("backbones", "VggFace", 32, 512, True),
    "resnet50": Backbone("backbones", "ResNet50", 32, 2048, False),
    "vggface2": Backbone("vggface2", "ResNet50Face", 32, 2048, False),
}
"""By the names of their networks. The two of faces take colours of 0–255 less a mean, as their weights were
trained; without such weights the other two, whose inputs are near 1, are what can be trained."""
FACES = {"vgg16": "vggface", "resnet50": "vggface2"}
"""A backbone by its setting, and the network that it is with face weights."""


@dataclass(frozen=True)
class Shape:
    """What a network is built from: pixels of an image's side, the dense layers' neurons, and the output."""

    size: int
    expression: tuple[int, ...]
    valence: tuple[int, ...]
    arousal: tuple[int, ...]
    dropout: float
    output: Literal["tanh", "linear"]
    """`linear` learns without a bound and is clipped to -1..1 where it is asked (evaluation mode)."""


class AffectNetwork(nn.Module):
    """Backbone `backbone` (one of BACKBONES) with new weights from torch's current seed, and three heads."""

    def __init__(self, backbone: str, shape: Shape, n_classes: int = len(CLASSES)) -> None:
        super().__init__()
        made = BACKBONES[backbone]
        self.backbone, self.shape = backbone, shape
        self.base = _base(made, shape.size)
        width = made.width(shape.size)
        self.expression = _head(width, shape.expression, n_classes, shape.dropout)
        self.valence = _head(width, shape.valence, 1, shape.dropout)
        self.arousal = _head(width, shape.arousal, 1, shape.dropout)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B,K], and valence and arousal [B,2] in -1..1, of images [B,3,S,S] (RGB, values 0–1)."""
        found = self.base.features(images, "pool")
        pair = torch.cat([self.valence(found), self.arousal(found)], 1).float()
        if self.shape.output == "tanh":
            pair = pair.tanh()
        elif not self.training:  # a clipped output learns nothing where it is beyond the clip
            pair = pair.clamp(-1, 1)
        return self.expression(found).float(), pair

    def freeze(self, frozen: bool = True) -> None:
        """Let the heads alone learn; batch normalisation in a frozen backbone keeps its statistics."""
        self.base.unfreeze(0 if frozen else None)

    def start_from(self, path: str | Path) -> None:
        """Take the backbone from a published file of faces, or from an image model of ferflow's own.

        Raises WeightsError for a missing or damaged file or one of another network.
        """
        import h5py

        content = None if h5py.is_hdf5(path) else checkpoint.load_file(path)
        if not (isinstance(content, dict) and "kind" in content and "state_dict" in content):
            if not hasattr(self.base, "load_base"):
                problem = f"is no model file of ferflow, and {self.base.name} starts from no other"
                raise WeightsError(path, problem, "set start: shipped or untrained")
            self.base.load_base(path)
            return
        other, _ = spatial.load(path)
        if other.name != self.base.name:
            raise WeightsError(
                path, f"holds {other.name}, not {self.base.name}", f"give weights of {self.base.name}"
            )
        self.base.blocks.load_state_dict(other.blocks.state_dict())


def _base(made: Backbone, size: int) -> SpatialNetwork:
    """The backbone alone, for images of `size` pixels."""
    network = getattr(import_module(f"ferflow.models.{made.module}"), made.cls)
    # Its own classifier is none of ours: as narrow as can be, and taken away.
    base = network(1) if made.cls == "Compact" else network(1, (1,), 0.0)
    base.dense_head, base.classifier = nn.Identity(), nn.Identity()
    base.input_size, base.layers = size, {"pool": made.width(size)}
    return base


def _head(width: int, dense: Sequence[int], out: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise((width, *dense)):
        layers += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(dense[-1] if dense else width, out))


def save(path: str | Path, network: AffectNetwork, meta: dict, classes: Sequence[str] = CLASSES) -> None:
    """Write a trained network to `path`; `meta` holds JSON values, among them `synthetic` (bool)."""
    options = asdict(network.shape)
    options |= {name: list(value) for name, value in options.items() if isinstance(value, tuple)}
    checkpoint.write(path, KIND, network.backbone, network, classes, options, meta)


def load(path: str | Path) -> tuple[AffectNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network` (the backbone), `classes`, `options` (with `size`, pixels) and `meta`.
    Raises WeightsError for a missing or damaged file, one of another kind, or weights that do not fit.
    """
    content = checkpoint.read(path, KIND)
    name, state, options = content["network"], content.pop("state_dict"), content["options"]
    if name not in BACKBONES:
        raise WeightsError(path, f"holds the unknown network {name}", "update ferflow")
    try:
        shape = Shape(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
        network = checkpoint.built(
            path, state, name, lambda: AffectNetwork(name, shape, len(content["classes"]))
        )
    except (TypeError, ValueError, RuntimeError):
        raise WeightsError(path, f"has the unknown options {options}", "update ferflow") from None
    return network.eval(), content
