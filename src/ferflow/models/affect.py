"""A backbone under three heads: expression, valence, arousal (Akhtar 2022, section 3, Figures 3 and 4).

The heads of the paper: two dense layers and a softmax of eight nodes for the expression, and two more
heads for valence and arousal. It prints no widths, no activation of the regression's outputs and no dropout.
The reading here: two dense layers of 512 each, which is the fine-tuning example of the keras-vggface page
that it links, under each of the three; a tanh, whose range is that of the annotations. All of it is a setting
(`affect.recipe.heads`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.errors import WeightsError
from ferflow.models import checkpoint, spatial
from ferflow.networks import NETWORKS

KIND = "affect"
"""Of a saved model (`models.checkpoint`)."""


@dataclass(frozen=True)
class Shape:
    """What a network is built from: pixels of an image's side, the dense layers' neurons, and the output."""

    size: int
    expression: tuple[int, ...]
    valence: tuple[int, ...]
    arousal: tuple[int, ...]
    dropout: float
    output: Literal["tanh", "linear"]
    """`linear` learns without a bound and is clipped to -1..1 in evaluation mode."""


class AffectNetwork(nn.Module):
    """The base of network `backbone` with new weights from torch's current seed, and three heads."""

    def __init__(self, backbone: str, shape: Shape, n_classes: int = len(EMOTIONS_CONTEMPT)) -> None:
        super().__init__()
        self.backbone, self.shape = backbone, shape
        self.base = spatial.base(backbone, shape.size)
        width = self.base.layers["pool"]
        self.expression = _head(width, shape.expression, n_classes, shape.dropout)
        self.valence = _head(width, shape.valence, 1, shape.dropout)
        self.arousal = _head(width, shape.arousal, 1, shape.dropout)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B,K], and valence and arousal [B,2] in -1..1, of images [B,3,S,S] (RGB, values 0–1)."""
        features = self.base.features(images, "pool")
        pair = torch.cat([self.valence(features), self.arousal(features)], 1).float()
        if self.shape.output == "tanh":
            pair = pair.tanh()
        elif not self.training:  # a clipped output learns nothing where it is beyond the clip
            pair = pair.clamp(-1, 1)
        return self.expression(features).float(), pair

    def freeze(self, frozen: bool = True) -> None:
        """Let the heads alone learn; batch normalisation in a frozen backbone keeps its statistics."""
        self.base.unfreeze(0 if frozen else None)


def _head(width: int, dense: Sequence[int], out: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise((width, *dense)):
        layers += [nn.Linear(a, b), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(dense[-1] if dense else width, out))


def save(path: str | Path, network: AffectNetwork, classes: Sequence[str], meta: dict) -> None:
    """Write a trained network whose logits stand for `classes`; `meta` as in `spatial.save`."""
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
    if name not in NETWORKS:
        raise WeightsError(path, f"holds the unknown network {name}", "update ferflow")
    try:
        shape = Shape(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
        network = checkpoint.built(
            path, state, name, lambda: AffectNetwork(name, shape, len(content["classes"]))
        )
    except (TypeError, ValueError, RuntimeError):
        raise WeightsError(path, f"has the unknown options {options}", "update ferflow") from None
    return network.eval(), content
