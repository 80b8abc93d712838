"""A backbone under three heads: expression, valence, arousal (Akhtar 2022, section 3, Figures 3 and 4).

The heads of the paper: two dense layers and a softmax of eight nodes for the expression, and two more
heads for valence and arousal. It prints no widths, no activation of the regression's outputs and no dropout.
The reading here: two dense layers of 512 each, which is the fine-tuning example of the keras-vggface page
that it links, under each of the three; a tanh, whose range is that of the annotations. All of it is a setting
(`affect.recipe.heads`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.models import checkpoint, spatial
from ferflow.networks import NETWORKS
from ferflow.settings.affect import AffectHeads

KIND = "affect"
"""Of a saved model (`models.checkpoint`)."""


class AffectNetwork(nn.Module):
    """The base of network `backbone` for images of `size` pixels, and three heads.

    Weights are new ones from torch's current seed.
    """

    def __init__(
        self, backbone: str, size: int, heads: AffectHeads, n_classes: int = len(EMOTIONS_CONTEMPT)
    ) -> None:
        super().__init__()
        self.backbone, self.size, self.heads = backbone, size, heads
        self.base = spatial.base(backbone, size)
        width = self.base.layers["pool"]
        self.expression = _head(width, heads.expression, n_classes, heads.dropout)
        self.valence = _head(width, heads.valence, 1, heads.dropout)
        self.arousal = _head(width, heads.arousal, 1, heads.dropout)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B,K], and valence and arousal [B,2] in -1..1, of images [B,3,S,S] (RGB, values 0–1)."""
        features = self.base.features(images, "pool")
        pair = torch.cat([self.valence(features), self.arousal(features)], 1).float()
        if self.heads.output == "tanh":
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
    options = {"size": network.size, **network.heads.model_dump()}
    checkpoint.write(path, KIND, network.backbone, network, classes, options, meta)


def load(path: str | Path) -> tuple[AffectNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network` (the backbone), `classes`, `options` (with `size`, pixels) and `meta`.
    Raises WeightsError for a missing or damaged file, one of another kind, or weights that do not fit.
    """
    return checkpoint.load(path, KIND, NETWORKS, _build)


def _build(name: str, n_classes: int, options: dict) -> AffectNetwork:
    heads = {key: value for key, value in options.items() if key != "size"}
    return AffectNetwork(name, options["size"], AffectHeads.recorded(heads), n_classes)
