"""ResNet-18, -34 and -50 cut in two: stages that are frozen, and what learns behind them.

torchvision's networks under their own parameter names. With `unfrozen` 0 only the classifier learns (Gong,
section 2.2); with 1 or 2 the last stages do too, which he names as future work.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ferflow import weights
from ferflow.models import checkpoint, spatial
from ferflow.networks import COMPACT, TRANSFER_FILES, TRANSFER_WIDTHS
from ferflow.seeds import derive

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Of ImageNet's training images, by which inputs of 0–1 are standardised (Gong, equation 2)."""
STAGES = ("layer1", "layer2", "layer3", "layer4")
_CALIBRATION = (16, 112)
"""Images, and pixels of their side, from which a random start takes the statistics of its normalisation."""


class Frozen(nn.Module):
    """The first stages of a network, which never change: their batch normalisation is always that of use.

    Takes uint8 [N,224,224,3] RGB; gives float32 [N,F] (the last pooling) or [N,C,H,W] (what the first
    unfrozen stage reads).
    """

    def __init__(self, stages: Sequence[nn.Module], pooled: bool) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)
        self.pooled = pooled
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)

    def standardised(self, images: np.ndarray) -> Tensor:
        """uint8 [N,224,224,3] as float32 [N,3,224,224], less ImageNet's mean, by its standard deviation."""
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(self.mean.device).permute(0, 3, 1, 2)
        batch = batch.to(torch.float32, memory_format=torch.channels_last)
        return batch.div_(255).sub_(self.mean).div_(self.std)

    def forward(self, images: np.ndarray) -> Tensor:
        with torch.inference_mode():
            values = self.stages(self.standardised(images))
            return values.mean((2, 3)) if self.pooled else values.contiguous()


class Shipped(nn.Module):
    """The compact network that comes with ferflow up to its first dense layer: features float32 [N,32].

    Takes uint8 [N,S,S,3] RGB. It learnt expressions from FER2013's faces, not objects from ImageNet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = spatial.load(weights.shipped())[0]
        self.requires_grad_(False)

    def forward(self, images: np.ndarray) -> Tensor:
        with torch.inference_mode():
            return self.network.features(spatial.prepare(images, self.network), "dense")


class Head(nn.Module):
    """What learns: the unfrozen stages and the classifier, on what `Frozen` gives; logits [N,K]."""

    def __init__(self, stages: Sequence[nn.Module], width: int, n_classes: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        values = self.stages(features)
        return self.classifier(values.mean((2, 3)) if values.ndim == 4 else values)


def base(network: str, weights: str | Path | None, seed: int) -> nn.Module:
    """The network with ImageNet's `weights`, or (None) a random start that depends on `seed` alone.

    Raises WeightsError for a missing or damaged file or one of another network.
    """
    from ferflow.models.vision import torchvision

    if weights is not None:
        state = {k: v for k, v in checkpoint.read_state(weights).items() if not k.startswith("fc.")}
        made = getattr(torchvision.models, network)(weights=None)
        made.fc = nn.Identity()
        checkpoint.load_state(made, state, weights, network)
        return made.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "transfer", network) % 2**63)
        made = getattr(torchvision.models, network)(weights=None)
        made.fc = nn.Identity()
        _normalise(made)
    return made.eval()


def _normalise(network: nn.Module) -> None:
    """Give a random start's batch normalisation the statistics of smooth noise.

    Without any, values double from block to block. No image of a study has a say in them.
    """
    count, size = _CALIBRATION
    noise = torch.randn(count, 3, 7, 7)
    images = nn.functional.interpolate(noise, (size, size), mode="bilinear") + 0.3 * torch.randn(
        count, 3, size, size
    )
    layers = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = layers[0].momentum
    for layer in layers:
        layer.momentum = 1.0
    with torch.inference_mode():
        network.train()(images)
    for layer in layers:
        layer.momentum = usual


def stages(network: str, weights: str | Path | None, seed: int, unfrozen: int) -> Frozen | Shipped:
    """What is frozen of a network; see `base` and `frozen`."""
    return Shipped() if network == COMPACT else frozen(base(network, weights, seed), unfrozen)


def frozen(network: nn.Module, unfrozen: int) -> Frozen:
    """The stages before the last `unfrozen` (0–2) of a network that `base` made."""
    first = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    kept = [getattr(network, name) for name in STAGES[: len(STAGES) - unfrozen]]
    return Frozen([first, *kept], pooled=unfrozen == 0)


def head(network: nn.Module | None, name: str, unfrozen: int, n_classes: int) -> Head:
    """What learns: copies of the last `unfrozen` stages, and a classifier drawn from torch's current seed.

    With `unfrozen` 0 `network` may be None.
    """
    import copy

    stages = [copy.deepcopy(getattr(network, stage)) for stage in STAGES[len(STAGES) - unfrozen :]]
    made = Head(stages, TRANSFER_WIDTHS[name], n_classes)
    return made.requires_grad_(True)


def weights_file(network: str, start: str, folder: str | Path) -> Path | None:
    """The checked file of published weights for `start` imagenet; None for others.

    Raises WeightsError, saying where the file comes from, where it is missing or another.
    """
    return weights.path(TRANSFER_FILES[network], folder) if start == "imagenet" else None
