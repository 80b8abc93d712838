"""Heads over the features of a clip's frames: LSTM, BiLSTM, 1D-CNN (thesis, section 3.2.4).

Padding never changes an output: the recurrent heads read their state before they reach it, the convolutions
see zeros in its place after every layer, and the poolings leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.errors import WeightsError
from ferflow.models import checkpoint
from ferflow.models.layers import initialise_as_keras
from ferflow.settings import HeadSettings

HEADS = ("lstm", "bilstm", "cnn1d")
WIDTH = 3
"""Frames that one convolution of the 1D-CNN sees; not printed in the thesis."""


class TemporalHead(nn.Module):
    """Features [N,T,F] and mask [N,T] (True: a real frame) to logits [N,K].

    `dropout` acts on the inputs, with one mask per sequence that is the same at every frame (Keras's
    `dropout`, the thesis's naive one).
    """

    name: str

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__()
        self.n_features, self.n_classes = n_features, n_classes
        self.settings = settings

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Logits [N,K]. Raises ValueError if a sequence has no real frame."""
        features, lengths = _close_ranks(features.float(), mask)
        # A NaN in the padding would survive a product with zero; so it is replaced, not multiplied.
        mask = torch.arange(features.shape[1], device=mask.device) < lengths[:, None]
        features = features.masked_fill(~mask[:, :, None], 0)
        if self.training and self.settings.dropout > 0:
            keep = features.new_ones(len(features), 1, features.shape[2])
            features = features * functional.dropout(keep, self.settings.dropout)
        return self.classify(features, mask, lengths)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        raise NotImplementedError


def _close_ranks(features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move each sequence's real frames to its front, in order, and cut what is padding in all of them."""
    lengths = mask.sum(1)
    longest = int(lengths.max())
    if int(lengths.min()) == 0:
        raise ValueError("a sequence has no real frame")
    if not bool(mask[:, 1:].le(mask[:, :-1]).all()):  # a gap, from a frame without a face
        order = torch.argsort(mask.to(torch.int8), dim=1, descending=True, stable=True)
        features = features.gather(1, order[:, :, None].expand_as(features))
    return features[:, :longest], lengths


class _Recurrent(TemporalHead):
    """One LSTM layer; the state after the last real frame (of each direction) goes to the classes.

    torch's LSTM has a second bias vector of 4 × units per direction that Keras's has not: 1,024 features
    give 591,110 parameters and 512 more.
    """

    directions: int

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__(n_features, n_classes, settings)
        self.lstms = nn.ModuleList(
            nn.LSTM(n_features, settings.units, batch_first=True) for _ in range(self.directions)
        )
        self.classifier = nn.Linear(settings.units * self.directions, n_classes)
        for lstm in self.lstms:
            initialise_as_keras(lstm)
        nn.init.xavier_uniform_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        # Packed sequences and a two-way nn.LSTM would do the same, at six times the time on a CPU.
        clips = torch.arange(len(features), device=features.device)
        states = []
        for backwards, lstm in enumerate(self.lstms):
            outputs, _ = lstm(_reversed(features, lengths) if backwards else features)
            states.append(outputs[clips, lengths - 1])
        return self.classifier(torch.cat(states, dim=1))


def _reversed(features: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence's real frames from the last to the first; what follows them is of no account."""
    frames = torch.arange(features.shape[1], device=features.device)
    order = (lengths[:, None] - 1 - frames).clamp(min=0)
    return features.gather(1, order[:, :, None].expand_as(features))


class Lstm(_Recurrent):
    name = "lstm"
    directions = 1


class BiLstm(_Recurrent):
    name = "bilstm"
    directions = 2


class Cnn1d(TemporalHead):
    """Convolution, convolution, pooling, twice; then one dense layer to the classes.

    The first pooling halves the frames, the second takes the maximum over all of them, so that the output
    does not depend on how far a clip is padded. Every activation is 0 or more, so zeros never win a maximum.
    """

    name = "cnn1d"

    def __init__(self, n_features: int, n_classes: int, settings: HeadSettings) -> None:
        super().__init__(n_features, n_classes, settings)
        widths = [n_features, *[settings.units] * 4]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, WIDTH, padding="same") for a, b in pairwise(widths))
        self.classifier = nn.Linear(settings.units, n_classes)
        for module in (*self.convolutions, self.classifier):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    def classify(self, features: Tensor, mask: Tensor, lengths: Tensor) -> Tensor:
        x, real = features.transpose(1, 2), mask[:, None].to(features.dtype)
        first, second, third, fourth = self.convolutions
        x = functional.relu(first(x)) * real
        x = functional.relu(second(x)) * real
        # ceil_mode: else an odd last frame would count in a padded clip and be dropped in an unpadded one
        x = functional.max_pool1d(x, 2, ceil_mode=True)
        real = functional.max_pool1d(real, 2, ceil_mode=True)
        x = functional.relu(third(x)) * real
        x = functional.relu(fourth(x)) * real
        return self.classifier(x.amax(2))


def build(name: str, n_features: int, n_classes: int, settings: HeadSettings) -> TemporalHead:
    """Build head `name` (settings.Head) with new weights from torch's current seed."""
    heads = {head.name: head for head in (Lstm, BiLstm, Cnn1d)}
    if name not in heads:
        raise ValueError(f"no temporal head {name}; there are {', '.join(HEADS)}")
    return heads[name](n_features, n_classes, settings)


def save(path: str | Path, head: TemporalHead, classes: Sequence[str], meta: dict) -> None:
    """Write a trained head whose logits stand for `classes`; `meta` as in `spatial.save`."""
    options = {"n_features": head.n_features, "settings": head.settings.model_dump()}
    checkpoint.write(path, "temporal", head.name, head, classes, options, meta)


def load(path: str | Path) -> tuple[TemporalHead, dict]:
    """Read a file that `save` wrote: the head in evaluation mode, and its description.

    The description has `network`, `classes`, `options`, `meta`. Raises WeightsError as `spatial.load`.
    """
    content = checkpoint.read(path, "temporal")
    if content["network"] not in HEADS:
        raise WeightsError(path, f"holds the unknown head {content['network']}", "update ferflow")
    options = content["options"]
    settings = HeadSettings.model_validate(options["settings"])
    head = build(content["network"], options["n_features"], len(content["classes"]), settings)
    checkpoint.load_state(head, content.pop("state_dict"), path, content["network"])
    return head.eval(), content
