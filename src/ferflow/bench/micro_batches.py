"""Compare the gradient of a batch in passes with that of the whole batch, and measure the memory of a pass.

python -m ferflow.bench.micro_batches [STUDY.yaml] [--clips 2] [--networks c3d convlstm]

Each network on frames of the study (thesis) is trained for one step on random clips: as many a pass as the
study has them, half of them at most, with its activation checkpointing; then all at once without it. On a
CPU, pooling goes by pairs as on a GPU, so that as many tensors are kept. At the thesis's size a ConvLSTM clip
takes a CPU core a minute, and 4 GB without checkpointing. What differs is rounding: in double precision and
at a smaller size it is 1e-14 (`tests/unit/test_micro_batches.py`).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor

from ferflow.apps.terminal import errors_in_one_line
from ferflow.models import endtoend, precision
from ferflow.settings import ClipNetworkSettings, load
from ferflow.training.module import backward_but_last
from ferflow.training.task import Expression

GB = 2**30
ADAM = 16
"""Bytes of a parameter that Adam trains: itself, its gradient, and two moments, float32."""


def peak(reset: bool, device: torch.device) -> float:
    """GB in use at most since the last reset: of the GPU, else of the process."""
    if device.type == "cuda":
        most = torch.cuda.max_memory_allocated(device)
        if reset:
            torch.cuda.reset_peak_memory_stats(device)
        return most / GB
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def gradient(
    name: str, settings: ClipNetworkSettings, n_classes: int, clips: int, at_once: int
) -> tuple[list[Tensor], float, float]:
    """The gradient of random clips, `at_once` a pass; the GB that the passes add; seconds."""
    device = precision.device()
    torch.manual_seed(0)
    network = endtoend.build(name, n_classes, settings).train().to(device)
    frames = torch.randint(0, 256, (clips, *network.shape), dtype=torch.uint8)
    mask = torch.ones(clips, network.shape[0], dtype=torch.bool)
    batch = tuple(part.to(device) for part in (frames, mask, torch.arange(clips) % n_classes))
    before, began = peak(True, device), time.perf_counter()
    if device.type == "cpu":
        before = peak(False, device)
    backward_but_last(network, Expression(), batch, at_once)[0].backward()
    taken = peak(False, device) - before, time.perf_counter() - began
    return [weight.grad.double().cpu() for weight in network.parameters()], *taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", nargs="?", default="workflow/studies/thesis.yaml", type=Path)
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--networks", nargs="+", default=list(endtoend.BY_NAME), choices=endtoend.BY_NAME)
    options = parser.parse_args()
    with errors_in_one_line():
        settings = load("params.yaml", options.study)
    endtoend.Pool3d.forward = endtoend.Pool3d.by_pairs
    n_classes = len(settings.emotions)
    for name in options.networks:
        chosen = settings.end_to_end.of(name)
        at_once = min(chosen.at_once, max(1, options.clips // 2))
        parts, of_pass, seconds = gradient(name, chosen, n_classes, options.clips, at_once)
        plain = {"checkpoint_frames": 0} if name == "convlstm" else {}
        unlike = chosen.model_copy(update=plain)
        whole, of_all, whole_seconds = gradient(name, unlike, n_classes, options.clips, options.clips)
        pairs = list(zip(parts, whole, strict=True))
        greatest = max((a - b).abs().max() for a, b in pairs) / max(one.abs().max() for one in whole)
        length = sum(one.square().sum() for one in whole).sqrt()
        differs = sum((a - b).square().sum() for a, b in pairs).sqrt() / length
        weights = ADAM * sum(one.numel() for one in whole) / GB
        clip = f"{chosen.frames}×{chosen.size}×{chosen.size}"
        most = chosen.at_once / at_once * of_pass + weights
        line = (
            f"{name}, {options.clips} clips of {clip}: {at_once} a pass {of_pass:.2f} GB and "
            f"{seconds / options.clips:.1f} s a clip, all at once {of_all:.2f} GB and "
            f"{whole_seconds / options.clips:.1f} s a clip",
            f"gradients differ by {differs:.1e} of their length, one by {greatest:.1e} of the greatest",
            f"a batch of {chosen.batch}, {chosen.at_once} a pass: at most {most:.1f} GB with "
            f"{weights:.1f} of weights, gradients and Adam's moments",
        )
        print("; ".join(line), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
