"""How long a network for clips will train on this machine: one measured step, times the number of clips."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ferflow import seeds
from ferflow.models import endtoend, precision, spatial, temporal
from ferflow.models.fuse import placed
from ferflow.settings import ClipNetworkSettings, HeadSettings

LONG = 3600
"""Seconds from which on a training is announced."""
QUICK = 2.0
"""Seconds; a first step below this is mostly preparation, and a second one is taken."""
PROBE = 8
"""Frames on which a ConvLSTM is timed: all of its steps are alike, and its full size takes 40 s a clip."""
BATCH = 64
"""Frames of a pass on a GPU."""
FEW = 4
"""Clips of features on which a head is timed on a CPU: with 25,088 features one clip has 10 MB."""


@dataclass(frozen=True)
class Cost:
    """Seconds that one clip takes in a training step, and where that was measured."""

    seconds: float
    device: str


def network_cost(
    name: str, settings: ClipNetworkSettings, n_classes: int, batch: int, threads: int = 1
) -> Cost:
    """Measure a training step of network `name` on frames: on a CPU with one clip, on a GPU with a batch.

    A ConvLSTM is timed on a few frames and the rest reckoned, since its steps are alike.
    """
    frames = min(settings.frames, PROBE) if name == "convlstm" else settings.frames

    def make(n: int) -> tuple[nn.Module, Tensor]:
        network = endtoend.build(name, n_classes, settings.model_copy(update={"frames": frames}))
        return network.train(), torch.randint(0, 256, (n, *network.shape), dtype=torch.uint8)

    cost = _measured(make, 1, batch, threads, _masked_step)
    return replace(cost, seconds=cost.seconds * settings.frames / frames)


def head_cost(
    name: str,
    settings: HeadSettings,
    n_features: int,
    frames: int,
    n_classes: int,
    batch: int,
    threads: int = 1,
) -> Cost:
    """Measure a training step of head `name` on clips of `frames`: on a CPU with a few, on a GPU a batch."""

    def make(n: int) -> tuple[nn.Module, Tensor]:
        head = temporal.build(name, n_features, n_classes, settings)
        return head.train(), torch.randn(n, frames, n_features)

    return _measured(make, min(batch, FEW), batch, threads, _masked_step)


def image_cost(name: str, n_classes: int, batch: int, threads: int = 1) -> Cost:
    """Measure a training step of network `name` for single images, by the image."""

    def make(n: int) -> tuple[nn.Module, Tensor]:
        network = spatial.build(name, n_classes)
        return network.train(), torch.rand(n, network.channels, network.input_size, network.input_size)

    return _measured(make, FEW, batch, threads, lambda network, images: _step(network, images, None))


def frame_cost(name: str, n_classes: int, dtype: torch.dtype, threads: int = 1) -> Cost:
    """Measure what network `name` takes to look at one frame (features), fused as for extraction."""

    def make(n: int) -> tuple[nn.Module, Tensor]:
        network = placed(spatial.build(name, n_classes).eval(), dtype)
        size = network.input_size
        return network, torch.rand(n, network.channels, size, size).to(dtype)

    with torch.inference_mode():
        return _measured(make, FEW, BATCH, threads, _pass)


def _measured(
    make: Callable[[int], tuple[nn.Module, Tensor]],
    on_cpu: int,
    on_gpu: int,
    threads: int,
    work: Callable[[nn.Module, Tensor], float],
) -> Cost:
    """The cost of an item by `work` (seconds) on the network and the so many items that `make` gives.

    torch's random numbers and its number of threads stay as they are.
    """
    device = precision.device()
    with torch.random.fork_rng(), seeds.threads(threads):
        network, items = make(on_gpu if device.type == "cuda" else on_cpu)
        network.to(device)
        items = items.to(device)
        taken = work(network, items)
        if taken < QUICK:
            taken = work(network, items)
    return Cost(taken / len(items), device.type)


def _masked_step(network: nn.Module, clips: Tensor) -> float:
    """`_step` on clips of frames all of which count."""
    return _step(network, clips, torch.ones(clips.shape[:2], dtype=torch.bool, device=clips.device))


def _step(network: nn.Module, items: Tensor, mask: Tensor | None) -> float:
    """Seconds of one forward and backward step in float32; the optimiser's step comes once a batch."""
    network.zero_grad()
    labels = torch.zeros(len(items), dtype=torch.int64, device=items.device)
    start = time.perf_counter()
    logits = network(items) if mask is None else network(items, mask)
    nn.functional.cross_entropy(logits, labels).backward()
    return _until_now(start, items)


def _pass(network: nn.Module, frames: Tensor) -> float:
    """Seconds of one pass without a gradient."""
    start = time.perf_counter()
    network(frames)
    return _until_now(start, frames)


def _until_now(start: float, items: Tensor) -> float:
    if items.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def line(what: str, cost: Cost, clips: int, epochs: int) -> str:
    """The estimate in words; `epochs` are the most that can be run."""
    place = "the GPU" if cost.device == "cuda" else "a CPU"
    return (
        f"{what}: at most {duration(cost.seconds * clips * epochs)} on {place} of this machine "
        f"({cost.seconds:.2g} s a clip, {clips:,} clips, at most {epochs} epochs)"
    )


def warn(text: str) -> None:
    """Print a line where a person or a log reads it."""
    print(text, file=sys.stderr, flush=True)


def announce(what: str, cost: Cost, clips: int, epochs: int, say: Callable[[str], None] = warn) -> None:
    """Say how long a training will take where that is long, and what makes it shorter."""
    if cost.seconds * clips * epochs >= LONG:
        advice = "smaller inputs or fewer augmentations take less, a GPU a small part of it"
        say(f"warning: {line(what, cost, clips, epochs)}; {advice}")


def duration(seconds: float) -> str:
    """`90` as `1.5 min` and so on."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
