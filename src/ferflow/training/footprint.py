"""What a step of training takes, reckoned on torch's device `meta`, where nothing is computed or allocated.

Every operation of a pass forward and backward is seen as it is dispatched: the memory that is alive at once,
multiplications, bytes read and written, and how many operations there are. Of these `steps.cost` makes the
memory and time that a job asks for. `python -m ferflow.training.footprint` does it for others, who wait
without loading torch: JSON from standard input to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakIdKeyDictionary

from ferflow.models import endtoend, spatial, temporal, transfer
from ferflow.models.affect import AffectNetwork
from ferflow.models.network import SpatialNetwork
from ferflow.settings import HeadSettings
from ferflow.settings.affect import AffectHeads

FLOAT = 4
"""Bytes."""
CACHED = 2**20
"""Bytes up to which what an operation reads and writes stays in a cache, as in the steps of a small LSTM."""
Made = tuple[nn.Module, Callable[[], Any]]
"""A network, and a pass of it that gives its outputs."""


class Footprint(TorchDispatchMode):
    """Watches what is dispatched within it.

    `peak` is the most memory that is alive at once (bytes), of what comes into being within it. `flops`
    counts a multiplication and an addition as two; `moved` are bytes of inputs and outputs of operations
    that compute, where they are more than `CACHED`; `calls` is the number of operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.alive = self.peak = self.flops = self.moved = self.calls = 0
        self._seen = WeakIdKeyDictionary()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        new = sum(map(self._born, _tensors(out)))
        if new:  # views move nothing
            self.calls += 1
            touched = new + sum(map(_size, _tensors(args)))
            self.moved += touched if touched > CACHED else 0
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out

    def _born(self, made: Tensor) -> int:
        """Count the memory of a tensor until it is freed; its bytes where they are new."""
        storage = made.untyped_storage()
        if storage in self._seen:
            return 0
        size = storage.nbytes()
        self._seen[storage] = _Freed(self, size)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        return size


class _Freed:
    """Takes `size` off what is alive when it goes, with the storage that it stands for."""

    def __init__(self, footprint: Footprint, size: int) -> None:
        self.footprint, self.size = footprint, size

    def __del__(self) -> None:
        self.footprint.alive -= self.size


def _tensors(values: Any) -> Iterator[Tensor]:
    """Those in nested lists and tuples; a good deal faster than torch's own way through all containers."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for one in values:
            yield from _tensors(one)


def _size(one: Tensor) -> int:
    return one.numel() * one.element_size()


def reckon(described: Mapping[str, Any]) -> dict[str, int]:
    """The figures of one pass of the network `described` (`steps.cost.Pass.described`).

    Returns `parameters` and those that learn (`trained`), `largest` (values of the largest that learns),
    `held` (bytes of all parameters and buffers), and of a pass forward (and backward, where it is
    trained): `peak` and on a GPU `gpu_peak` (bytes alive at once, of inputs, activations and gradients),
    `flops`, `moved` and `calls`.
    """
    kind, trained = described["kind"], described["trained"]
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        network, run = MAKERS[kind](described)
        network.train(trained)
        found = _watched(network, run, trained)
        # What is pooled in one step on a CPU is pooled in three on a GPU, and keeps more for the way back.
        pooled = any(isinstance(layer, endtoend.Pool3d) for layer in network.modules())
        with patch.object(endtoend.Pool3d, "forward", endtoend.Pool3d.by_pairs):
            other = _watched(network, run, trained) if pooled else found
    weights = list(network.parameters())
    learning = [weight.numel() for weight in weights if weight.requires_grad] if trained else []
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "trained": sum(learning),
        "largest": max(learning, default=0),
        "held": sum(map(_size, (*weights, *network.buffers()))),
        "peak": found.peak,
        "gpu_peak": other.peak,
        "flops": found.flops,
        "moved": found.moved,
        "calls": found.calls,
    }


def _watched(network: nn.Module, run: Callable[[], Any], trained: bool) -> Footprint:
    network.zero_grad()
    with Footprint() as found, torch.set_grad_enabled(trained):
        outputs = run()
        if trained:
            loss = sum(one.float().sum() for one in tree_leaves(outputs))
            del outputs
            loss.backward()
    return found


def _head(described: Mapping[str, Any]) -> Made:
    """A head on features. Its masks are left out: which frames are real cannot be known here."""
    own = HeadSettings.model_validate(described["settings"])
    # Batch normalisation picks the real frames, which cannot be done without their values.
    network = temporal.build(
        described["name"],
        described["features"],
        described["classes"],
        own.model_copy(update={"batch_norm": False}) if own.batch_norm else own,
    )
    n, frames = described["items"], described["frames"]

    def run() -> Tensor:
        features = torch.empty(n, frames, described["features"])
        mask = torch.ones(n, frames, dtype=torch.bool)
        # As `forward`, which looks into the mask.
        filled = features.masked_fill(~mask[:, :, None], 0)
        return network.classify(filled, mask, mask.sum(1))

    return network, run


def _frames(described: Mapping[str, Any]) -> Made:
    kind = endtoend.BY_NAME[described["name"]]
    own = kind.takes.model_validate(described["settings"])
    network = endtoend.build(described["name"], described["classes"], own)

    def run() -> Tensor:
        clips = torch.empty(described["items"], *network.shape, dtype=torch.uint8)
        return network(clips, torch.ones(clips.shape[:2], dtype=torch.bool))

    return network, run


def _images(described: Mapping[str, Any]) -> Made:
    """A network for single images; `blocks` of it learn (None: all), `layer` is what is wanted of it."""
    network = spatial.build(described["name"], described["classes"], described.get("dense"))
    network.unfreeze(described.get("blocks"))
    layer = described.get("layer")

    def run() -> Tensor:
        images = torch.empty(described["items"], *network.image_shape)
        return network(images) if layer is None else network.features(images, layer)

    return network, run


def _classifier(described: Mapping[str, Any]) -> Made:
    """The dense layers of a network for single images, on features of its base."""
    whole = spatial.build(described["name"], described["classes"], described.get("dense"))
    network = nn.Sequential(whole.dense_head, whole.classifier)
    return network, lambda: network(torch.empty(described["items"], whole.layers["pool"]))


def _affect(described: Mapping[str, Any]) -> Made:
    heads = AffectHeads.model_validate(described["heads"])
    network = AffectNetwork(described["name"], described["size"], heads)
    if described["frozen"]:
        network.freeze()
    shape = described["items"], 3, described["size"], described["size"]
    return network, lambda: network(torch.empty(shape))


def _frozen_stages(described: Mapping[str, Any]) -> Made:
    """The first blocks of a network in a pass."""
    network = spatial.build(described["name"], described["classes"])
    kept = len(network.blocks) - described["unfrozen"]
    return network, lambda: _blocks(network, kept, described["items"])


def _transfer(described: Mapping[str, Any]) -> Made:
    """The last blocks of a network and a classifier, on what the first ones give."""
    whole = spatial.build(described["name"], described["classes"])
    unfrozen = described["unfrozen"]
    network = transfer.head(whole, described["name"], unfrozen, described["classes"])
    if not unfrozen:
        width = network.classifier.in_features
        return network, lambda: network(torch.empty(described["items"], width))
    with torch.no_grad():
        shape = _blocks(whole, len(whole.blocks) - unfrozen, 1).shape
    return network, lambda: network(torch.empty(described["items"], *shape[1:]))


def _blocks(network: SpatialNetwork, count: int, items: int) -> Tensor:
    x = network.normalised(torch.empty(items, *network.image_shape))
    for block in network.blocks[:count]:
        x = block(x)
    return x


MAKERS: dict[str, Callable[[Mapping[str, Any]], Made]] = {
    "head": _head,
    "frames": _frames,
    "images": _images,
    "classifier": _classifier,
    "affect": _affect,
    "frozen": _frozen_stages,
    "transfer": _transfer,
}
"""How the networks of each kind of pass are made."""


def reckon_all(described: Iterable[Mapping[str, Any]]) -> list[dict[str, int]]:
    """`reckon` of each."""
    return [reckon(one) for one in described]


if __name__ == "__main__":
    json.dump(reckon_all(json.load(sys.stdin)), sys.stdout)
