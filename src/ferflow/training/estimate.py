"""How long a network for clips will train on this machine: one measured step, times the number of clips."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

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
    device = precision.device().type
    frames = min(settings.frames, PROBE) if name == "convlstm" else settings.frames
    n = batch if device == "cuda" else 1

    def make() -> tuple[nn.Module, Tensor]:
        network = endtoend.build(name, n_classes, settings.model_copy(update={"frames": frames}))
        return network, torch.randint(0, 256, (n, *network.shape), dtype=torch.uint8)

    seconds = _seconds_a_clip(make, device, threads)
    return Cost(seconds * settings.frames / frames, device)


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
    device = precision.device().type
    n = batch if device == "cuda" else min(batch, FEW)

    def make() -> tuple[nn.Module, Tensor]:
        return temporal.build(name, n_features, n_classes, settings), torch.randn(n, frames, n_features)

    return Cost(_seconds_a_clip(make, device, threads), device)


def frame_cost(name: str, n_classes: int, dtype: torch.dtype, threads: int = 1) -> Cost:
    """Measure what network `name` takes to look at one frame (features), fused as for extraction."""
    device, before = precision.device(), torch.get_num_threads()
    n = BATCH if device.type == "cuda" else FEW
    with torch.random.fork_rng(), torch.inference_mode():
        try:
            torch.set_num_threads(threads)
            network = placed(spatial.build(name, n_classes).eval(), dtype)
            size = network.input_size
            frames = torch.rand(n, network.channels, size, size).to(device, dtype)
            taken = _pass(network, frames)
            if taken < QUICK:
                taken = _pass(network, frames)
        finally:
            torch.set_num_threads(before)
    return Cost(taken / n, device.type)


def image_cost(name: str, n_classes: int, batch: int, threads: int = 1) -> Cost:
    """Measure a training step of network `name` for single images, by the image."""
    device = precision.device().type
    n = batch if device == "cuda" else FEW

    def make() -> tuple[nn.Module, Tensor]:
        network = spatial.build(name, n_classes)
        return network, torch.rand(n, network.channels, network.input_size, network.input_size)

    return Cost(_seconds_a_clip(make, device, threads, masked=False), device)


def _pass(network: nn.Module, frames: Tensor) -> float:
    """Seconds of one pass without a gradient."""
    start = time.perf_counter()
    network(frames)
    if frames.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _seconds_a_clip(
    make: Callable[[], tuple[nn.Module, Tensor]], device: str, threads: int, masked: bool = True
) -> float:
    """Seconds of one forward and backward step in float32, by the clip.

    The optimiser's step is left out; it comes once a batch. torch's random numbers stay as they are.
    """
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            torch.set_num_threads(threads)
            network, clips = make()
            network.to(device).train()
            clips = clips.to(device)
            mask = torch.ones(clips.shape[:2], dtype=torch.bool, device=device) if masked else None
            taken = _step(network, clips, mask)
            if taken < QUICK:
                taken = _step(network, clips, mask)
        finally:
            torch.set_num_threads(before)
    return taken / len(clips)


def _step(network: nn.Module, clips: Tensor, mask: Tensor | None) -> float:
    """Seconds of one forward and backward step."""
    network.zero_grad()
    labels = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    start = time.perf_counter()
    logits = network(clips) if mask is None else network(clips, mask)
    nn.functional.cross_entropy(logits, labels).backward()
    if clips.is_cuda:
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
    """Say it where a person or a log reads it."""
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
