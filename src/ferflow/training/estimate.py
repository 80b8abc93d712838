"""How long a network on frames will train on this machine: one measured step, times the number of clips."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ferflow.models import endtoend
from ferflow.settings import ClipNetworkSettings

LONG = 3600
"""Seconds from which on a training is announced."""
QUICK = 2.0
"""Seconds; a first step below this is mostly preparation, and a second one is taken."""
PROBE = 8
"""Frames on which a ConvLSTM is timed: all of its steps are alike, and its full size takes 40 s a clip."""


@dataclass(frozen=True)
class Cost:
    """Seconds that one clip takes in a training step, and where that was measured."""

    seconds: float
    device: str


def step_cost(name: str, settings: ClipNetworkSettings, n_classes: int, batch: int, threads: int = 1) -> Cost:
    """Measure one forward and backward step of network `name` on this machine's best device.

    On a CPU with one clip, on a GPU with a whole batch, in float32. The optimiser's step is left out; it
    comes once a batch. A ConvLSTM is timed on a few frames and the rest reckoned, since its steps are alike.
    Neither torch's random numbers nor any network are touched.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    frames = min(settings.frames, PROBE) if name == "convlstm" else settings.frames
    shortened = settings.model_copy(update={"frames": frames})
    n = batch if device.type == "cuda" else 1
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            torch.set_num_threads(threads)
            network = endtoend.build(name, n_classes, shortened).to(device).train()
            clips = torch.randint(0, 256, (n, *network.shape), dtype=torch.uint8, device=device)
            mask = torch.ones(n, frames, dtype=torch.bool, device=device)
            labels = torch.zeros(n, dtype=torch.int64, device=device)
            taken = _step(network, (clips, mask), labels)
            if taken < QUICK:
                taken = _step(network, (clips, mask), labels)
        finally:
            torch.set_num_threads(before)
    return Cost(taken / n * settings.frames / frames, device.type)


def _step(network: nn.Module, inputs: tuple, labels: torch.Tensor) -> float:
    """Seconds of one forward and backward step."""
    network.zero_grad()
    start = time.perf_counter()
    loss = nn.functional.cross_entropy(network(*inputs), labels)
    loss.backward()
    if labels.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def line(what: str, cost: Cost, clips: int, epochs: int) -> str:
    """The estimate in words; `epochs` are the most that can be run."""
    place = "the GPU" if cost.device == "cuda" else "a CPU"
    return (
        f"{what}: at most {duration(cost.seconds * clips * epochs)} on {place} of this machine "
        f"({cost.seconds:.3g} s a clip, {clips} clips, at most {epochs} epochs)"
    )


def announce(what: str, cost: Cost, clips: int, epochs: int, say: Callable[[str], None]) -> None:
    """Say how long a training will take where that is long, and what makes it shorter."""
    if cost.seconds * clips * epochs >= LONG:
        advice = "fewer frames or pixels take less, a GPU a small part of it"
        say(f"warning: {line(what, cost, clips, epochs)}; {advice}")


def duration(seconds: float) -> str:
    """`90` as `1.5 min` and so on."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
