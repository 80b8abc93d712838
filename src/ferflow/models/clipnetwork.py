"""What the networks that see a clip's frames themselves have in common (thesis, section 3.2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ferflow.models.layers import initialise
from ferflow.settings import ClipNetworkSettings

CHANNELS = 3
"""Red, green and blue."""


class ClipNetwork(nn.Module):
    """Frames uint8 (0–255) or float (0–1) [N,T,S,S,3] and mask [N,T] (True: a real frame) to logits [N,K].

    T and S are `settings.frames` and `settings.size`; frames that are not real are zeros. The thesis feeds
    frames without saying how they are scaled; here they are 0–1.
    """

    name: str

    def __init__(self, n_classes: int, settings: ClipNetworkSettings) -> None:
        super().__init__()
        self.n_classes, self.settings = n_classes, settings

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of one clip, without the batch: T, S, S, 3."""
        return self.settings.frames, self.settings.size, self.settings.size, CHANNELS

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """Logits [N,K]. Raises ValueError for clips of another length or size than the network's."""
        if clips.shape[1:] != self.shape:
            raise ValueError(f"{self.name} sees clips of {self.shape}, not of {tuple(clips.shape[1:])}")
        if clips.dtype == torch.uint8:
            clips = clips.to(torch.float32).div_(255)
        return self.classify(clips, mask)

    def classify(self, clips: Tensor, mask: Tensor) -> Tensor:
        raise NotImplementedError


def dense_layers(
    n_features: int, n_classes: int, settings: ClipNetworkSettings, activated: Sequence[nn.Module]
) -> list[nn.Module]:
    """`settings.dense` layers, each followed by its activation and its dropout, then the classes."""
    widths = [n_features, *settings.dense]
    layers: list[nn.Module] = []
    for (before, after), active in zip(pairwise(widths), activated, strict=True):
        layer = nn.Linear(before, after)
        initialise(layer.weight, settings.initialiser)
        nn.init.zeros_(layer.bias)
        layers += [layer, active, *_dropout(settings.dense_dropout)]
    classes = nn.Linear(widths[-1], n_classes)
    nn.init.xavier_uniform_(classes.weight)
    nn.init.zeros_(classes.bias)
    return [*layers, classes]


def _dropout(rate: float) -> list[nn.Module]:
    return [nn.Dropout(rate)] if rate else []
