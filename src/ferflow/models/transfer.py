"""A network cut in two for transfer learning: blocks that are frozen, and what learns behind them.

With `unfrozen` 0 only the classifier learns (Gong, section 2.2); with 1 or 2 the last blocks do too, which he
names as future work.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ferflow.models import spatial
from ferflow.models.network import SpatialNetwork
from ferflow.networks import NETWORKS, SHIPPED_NETWORK
from ferflow.seeds import derive_seed


class Frozen(nn.Module):
    """The first blocks of a network, which never change: their batch normalisation is always that of use.

    Takes uint8 [N,H,W,3] RGB; gives float32 [N,F] (the layer `layer`) or [N,C,H,W] (what the first unfrozen
    block reads).
    """

    def __init__(self, network: SpatialNetwork, unfrozen: int, layer: str = "pool") -> None:
        super().__init__()
        self.network, self.layer = network, layer
        self.kept = len(network.blocks) - unfrozen
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)

    def forward(self, images: np.ndarray) -> Tensor:
        device = self.network._mean.device
        with torch.inference_mode():
            x = spatial.prepare(np.ascontiguousarray(images), self.network).to(device)
            if self.kept == len(self.network.blocks):
                return self.network.features(x, self.layer)
            x = self.network.normalised(x)
            for block in self.network.blocks[: self.kept]:
                x = block(x)
            return x.contiguous()


class Head(nn.Module):
    """What learns: the unfrozen blocks and the classifier, on what `Frozen` gives; logits [N,K]."""

    def __init__(self, blocks: nn.Module, pool_head: nn.Module, width: int, n_classes: int) -> None:
        super().__init__()
        self.blocks, self.pool_head = blocks, pool_head
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.pool_head(self.blocks(features)))


def start(name: str, weights: str | Path | None, seed: int) -> SpatialNetwork:
    """Network `name` to be frozen: with the file `weights`, or (None) random from `seed` alone.

    The network that ships is taken whole, of others the base. Raises WeightsError for a missing or damaged
    file or one of another network.
    """
    if name == SHIPPED_NETWORK:
        return spatial.load(weights)[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "transfer", name) % 2**63)
        network = spatial.base(name, calibrated=weights is None)
    if weights is not None:
        spatial.load_base(network, weights)
    return network.eval()


def frozen(network: SpatialNetwork, unfrozen: int) -> Frozen:
    """The blocks before the last `unfrozen` of a network of `start`.

    Of one that is whole, the first dense layer belongs to them: it learnt expressions, not objects.
    """
    return Frozen(network, unfrozen, "dense" if "dense" in network.layers else "pool")


def head(network: SpatialNetwork | None, name: str, unfrozen: int, n_classes: int) -> Head:
    """What learns: copies of the last `unfrozen` blocks, and a classifier drawn from torch's current seed.

    With `unfrozen` 0 `network` may be None.
    """
    entry = NETWORKS[name]
    blocks, pool_head = nn.Sequential(), nn.Identity()
    if unfrozen:
        blocks = nn.Sequential(*copy.deepcopy(network.blocks[-unfrozen:]))
        pool_head = copy.deepcopy(network.pool_head)
    width = entry.dense[0] if name == SHIPPED_NETWORK else entry.pool
    return Head(blocks, pool_head, width, n_classes).requires_grad_(True)
