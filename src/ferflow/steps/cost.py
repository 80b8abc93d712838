"""What a job needs and asks for: memory, memory of a GPU, and time.

A network's own figures (`training.footprint`) are reckoned once, in a process that has torch, and kept in a
file by what the network is and by the code that makes it. All else is arithmetic.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ferflow.errors import FerflowError, SettingError
from ferflow.files import write_text
from ferflow.runs import machine
from ferflow.settings import Settings
from ferflow.steps import code, passes, sizes
from ferflow.steps.computing import STEPS
from ferflow.steps.passes import FLOAT, MIB, Pass
from ferflow.steps.work import CONSTANT, STEPPED, VERSION, Sizes, Work

RECKONER = "ferflow.training.footprint"
KEPT = Path(".snakemake/ferflow/networks.json")
CPU = "cpu"
BASE = 700 * MIB
"""Bytes that a training's process takes anyway: Python, torch and Lightning, 450 to 600 MiB as measured."""
BASE_GPU = 2800 * MIB
"""The same where CUDA's libraries are loaded too."""
CONTEXT = 1024 * MIB
"""Bytes on a GPU that CUDA, cuDNN and fragments of freed memory take."""
ALIVE = 1.75
"""Measured memory of a pass on a CPU against what is alive in it: convolutions bring their inputs and outputs
into another order, and what is freed is not all used again. `python -m ferflow.bench --parts footprint`."""
ALIVE_GPU = 1.25
LISTED = 2048
"""Bytes of a clip in the lists that a job reads, with the Snakefile (900 measured) and as a table (600)."""
MOST_READERS = 16
"""`training.data.MOST_READERS`."""
SAFETY = 3.0
"""By which the time that a job asks for exceeds its estimate."""


@dataclass(frozen=True)
class Machine:
    """What jobs are reckoned for: FLOP/s, bytes moved a second, and seconds to start an operation."""

    name: str
    flops: float
    bandwidth: float
    call: float
    memory: float = 0.0
    """Of a GPU, MiB; 0 where it is not known."""

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.name != CPU


@cache
def rates() -> dict[str, Any]:
    """`resources/machines.yaml`."""
    text = resources.files("ferflow.resources").joinpath("machines.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def machine_of(name: str) -> Machine:
    """The machine `name`: auto (what there is here), cpu, or a GPU.

    A GPU is one of `rates`, or what names one (gpu:a100:1); of another (gpu, gpu:1), the slowest counts.
    Raises SettingError for what is none of these.
    """
    listed, memory = rates()["gpus"], 0
    if name == "auto":
        there = machine.cards()
        memory = min((card.memory for card in there), default=0)
        name = f"gpu:{there[0].name}" if there else CPU
    if name == CPU:
        own = rates()["cpu"]
        return Machine(CPU, own["tflops"] * 1e12, own["gbps"] * 1e9, own["call"])
    known = machine.known_as(name, list(listed))
    if known is None and not name.startswith("gpu"):
        raise SettingError("machine", f"there are no rates of {name}", f"name {CPU}, {', '.join(listed)}")
    known = known or min(listed, key=lambda one: listed[one]["tflops"])
    own, share = listed[known], rates()["reached"]
    flops, bandwidth = own["tflops"] * 1e12 * share["flops"], own["gbps"] * 1e9 * share["bandwidth"]
    return Machine(known, flops, bandwidth, share["call"], memory or own["memory"] * 1e9 / MIB)


def slowness() -> float:
    """How many times longer a core of this machine takes than the one on which `rates` were measured."""
    import numpy as np

    rng, taken = np.random.default_rng(0), []
    for _ in range(3):
        begin = time.process_time()
        image = rng.random((480, 640), np.float32)
        for _ in range(20):
            image = np.sqrt(image * image + 0.5).cumsum(1) % 1.0
        sum(number % 7 for number in range(400_000))
        taken.append(time.process_time() - begin)
    return min(taken) / rates()["measured"]


@dataclass(frozen=True)
class Need:
    """What a job needs: MiB of memory, MiB of a GPU, and seconds on its machine."""

    memory: int
    gpu: int
    seconds: float


class Figures:
    """The networks' figures (`training.footprint.reckon`), from the file `kept` or reckoned now."""

    def __init__(self, kept: Path | None = KEPT) -> None:
        self.kept = kept

    @cached_property
    def _known(self) -> dict[str, dict[str, int]]:
        with suppress(OSError, ValueError, TypeError):
            found = json.loads(self.kept.read_text(encoding="utf-8")) if self.kept else {}
            return found if isinstance(found, dict) else {}
        return {}

    def of(self, described: Mapping[str, Any], others: Callable[[], Iterable[Mapping]] = tuple) -> dict:
        """Those of a network; where they are not known, those of `others` are reckoned with them."""
        key = _key(described)
        if key not in self._known:
            missing = {_key(one): one for one in (*others(), described)}
            missing = {name: one for name, one in missing.items() if name not in self._known}
            self._known.update(zip(missing, _reckoned(list(missing.values())), strict=True))
            # Where Snakemake has been; elsewhere nothing is left behind.
            if self.kept is not None and self.kept.parents[1].is_dir():
                with suppress(OSError):
                    self.kept.parent.mkdir(exist_ok=True)
                    write_text(self.kept, json.dumps(self._known))
        return self._known[key]


def _key(described: Mapping[str, Any]) -> str:
    made_by = code.digest_of_values(f"{RECKONER}:reckon", described)
    return hashlib.sha256(json.dumps([made_by, described], sort_keys=True).encode()).hexdigest()[:32]


def _reckoned(described: list[Mapping[str, Any]]) -> list[dict[str, int]]:
    """`footprint.reckon_all`, in this process where it has torch already, else in one of its own."""
    if "torch" in sys.modules:
        from ferflow.training.footprint import reckon_all

        return reckon_all(described)
    command = [sys.executable, "-m", RECKONER]
    done = subprocess.run(command, input=json.dumps(described), capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FerflowError(RECKONER, f"cannot reckon the study's networks ({reason})", "report it")
    return json.loads(done.stdout)


class Costs:
    """What the jobs of a study need on `on` (`machine_of`); `size` is the study's."""

    def __init__(
        self,
        settings: Settings,
        size: Callable[[], Sizes] | None = None,
        figures: Figures | None = None,
        on: str | None = None,
    ) -> None:
        self.settings = settings
        self.on = on or settings.machine
        self.figures = figures or Figures()
        self._size = size
        self._needs: dict[tuple, Need] = {}
        self.slower = 1.0
        """How many times longer cores here take than those on which `rates` were measured."""

    @cached_property
    def machine(self) -> Machine:
        """What jobs are reckoned for. SettingError where there is no such machine."""
        return machine_of(self.on)

    @cached_property
    def size(self) -> Sizes:
        """The size of the study's data."""
        return self._size() if self._size else sizes.of_study(self.settings, Path())

    def need(self, rule: str, wildcards: Mapping[str, str]) -> Need:
        """What a job of a step needs."""
        key = rule, *wildcards.items()
        if key not in self._needs:
            self._needs[key] = self._need(rule, dict(wildcards.items()))
        return self._needs[key]

    def _need(self, rule: str, wildcards: Mapping[str, str]) -> Need:
        work = STEPS[rule].work(wildcards, self.settings, self.size)
        found = self.passes(rule, wildcards)
        seconds = self.seconds(rule, work, found)
        if not found:
            return Need(0, 0, seconds)
        base = BASE_GPU if self.machine.is_gpu else BASE
        memory = base + max(self.memory_of(one) for one in found)
        return Need(
            math.ceil(memory / MIB), max(math.ceil(self._on_gpu(one) / MIB) for one in found), seconds
        )

    def asked(self, rule: str) -> Callable[[Mapping[str, str]], tuple[int, int, int]]:
        """What the jobs of a step ask for at first, by their wildcards: MiB, MiB of a GPU, and minutes."""
        step = STEPS[rule]

        def of(wildcards: Mapping[str, str]) -> tuple[int, int, int]:
            need = self.need(rule, wildcards)
            minutes = math.ceil(SAFETY * need.seconds / 60)
            # Of a few thousand clips it is lost in what jobs ask for anyway.
            listed = self.size.clips * LISTED // MIB // 100 * 100
            return max(step.memory, need.memory) + listed, need.gpu, max(step.minutes, minutes)

        return of

    def passes(self, rule: str, wildcards: Mapping[str, str]) -> list[Pass]:
        """The networks of a job."""
        return STEPS[rule].passes(wildcards, self.settings, self.size)

    def stored(self, rule: str, work: Work) -> float:
        """Bytes that a job leaves, where they grow with the data."""
        return rates()["files"].get(rule, 0) * work.amount * self._widths(rule)

    def _widths(self, rule: str) -> int:
        return passes.HALF * passes.width(self.settings) if rule == "features" else 1

    def _of(self, one: Pass) -> dict[str, int]:
        return self.figures.of(one.described, self._all)

    def _all(self) -> list[Mapping[str, Any]]:
        """All networks of the study."""
        return [
            one.described
            for _, rule, wildcards in passes.networks(self.settings)
            for one in self.passes(rule, wildcards)
        ]

    def size_of(self, one: Pass) -> int:
        """Bytes of a network's pass."""
        return self._of(one)["peak"]

    def memory_of(self, one: Pass) -> float:
        """Bytes besides those of the process, on a CPU; on a GPU what stays in the machine's own memory."""
        own = self._of(one)
        moments = FLOAT * one.moments * own["trained"]
        data = one.kept + one.item * one.batch + self._readers(one)
        # When an epoch ends, all that goes on is written to memory first, and from there to a file.
        kept = (own["held"] + moments) * (2.4 if own["trained"] else 1)
        averaged = own["held"] * one.averaged
        if self.machine.is_gpu:
            return kept + averaged + data
        # The optimiser's step takes two more of the largest weight; convolutions copy theirs.
        step = 2 * own["held"] + moments + 2 * FLOAT * own["largest"] + self._again(one, own)
        return max(kept, step + ALIVE * own["peak"]) + averaged + data

    def _readers(self, one: Pass) -> int:
        """Bytes of the processes that read for a training; for a GPU there are as many as cores besides."""
        n = one.readers or 0
        if one.readers is None and self.machine.is_gpu:
            n = min(MOST_READERS, max(1, (os.cpu_count() or 1) - 1)) if machine.cards() else 1
        return n * (passes.FRAME_READER if one.described["kind"] == "frames" else passes.READER)

    def _on_gpu(self, one: Pass) -> float:
        own = self._of(one)
        weights = own["held"] * (1 + one.averaged) + FLOAT * one.moments * own["trained"]
        step = 2 * FLOAT * own["largest"] + self._again(one, own)
        return (
            CONTEXT + weights + step + ALIVE_GPU * own["gpu_peak"] + 2 * one.item * one.batch / passes.BATCHES
        )

    @staticmethod
    def _again(one: Pass, own: dict[str, int]) -> int:
        """Gradients that wait for those of the batch's other passes."""
        return FLOAT * own["trained"] * (one.batch > one.items)

    def seconds(self, rule: str, work: Work, found: list[Pass]) -> float:
        """How long a job takes by stated rates, and one on a CPU on one core."""
        start, each = self.besides(rule, work, found)
        if found and (work.per in (*STEPPED, VERSION) or rule in PASSED):
            each += max(self.an_item(one) for one in found)
        return start + each * (work.amount if each else 1)

    def besides(self, rule: str, work: Work, found: list[Pass]) -> tuple[float, float]:
        """Seconds of a job, and of each unit of its work, that are no pass of its networks."""
        if found and work.per in STEPPED:
            usual = rates()["training"]
            return self.slower * usual["start"], max(self._of_step(one) for one in found)
        listed = rates()["jobs"].get(rule)
        if listed is None or work.per == CONSTANT:
            return self.slower * (listed["start"] if listed else rates()["other"]), 0.0
        return self.slower * listed["start"], self.slower * listed["each"]

    def _of_step(self, one: Pass) -> float:
        """Seconds an item that a step takes besides its passes: Lightning's, the optimiser's, an image's."""
        usual, kind = rates()["training"], one.described["kind"]
        image = usual["image"] if kind in ("images", "affect") else 0.0
        # The optimiser reads and writes a weight, its gradient and its moments, some of them twice.
        moved = 40 * self._of(one)["trained"] / self.machine.bandwidth
        return image + (usual["step"] + moved) / one.batch

    def an_item(self, one: Pass) -> float:
        """Seconds of a clip or image in a pass, forward and backward where it is trained.

        Clips that do not stay in memory are read meanwhile, and may take longer.
        """
        own, on = self._of(one), self.machine
        each = (own["flops"] / on.flops + own["moved"] / on.bandwidth + own["calls"] * on.call) / one.items
        if one.described["kind"] not in ("head", "frames"):
            return each
        stored = one.item / passes.BATCHES
        read = stored / rates()["training"]["read"] if one.kept < stored * self.size.clips else 0.0
        return max(each, read)


PASSED = ("sfew_frozen",)
"""Steps whose work is a pass for each image."""


@dataclass(frozen=True)
class Limits:
    """What a machine has for one job: MiB of memory, and MiB of a GPU; 0: not known, or no such."""

    memory: int
    gpu: int = 0
    what: str = "this machine"


def too_large(
    costs: Costs, limits: Limits, jobs: Iterable[tuple[str, str, Mapping[str, str]]]
) -> Iterator[str]:
    """A line for each of `jobs` (name, rule, wildcards) that needs more than there is, with the remedy.

    Of jobs of one rule that need the same there is one line.
    """
    seen = set()
    for name, rule, wildcards in jobs:
        memory, gpu, _ = costs.asked(rule)(wildcards)
        fits = not (limits.memory and memory > limits.memory) and not (limits.gpu and gpu > limits.gpu)
        if fits or (rule, memory, gpu) in seen:
            continue
        seen.add((rule, memory, gpu))
        found = costs.passes(rule, wildcards)
        remedy = remedy_for(max(found, key=costs.size_of)) if found else "run it where there is more memory"
        if limits.memory and memory > limits.memory:
            yield f"{name} needs {memory:,} MB of memory, {limits.what} has {limits.memory:,}: {remedy}"
        if limits.gpu and gpu > limits.gpu:
            yield f"{name} needs {gpu:,} MB of a GPU, {limits.what} has {limits.gpu:,}: {remedy}"


def remedy_for(one: Pass) -> str:
    """What makes a network need less."""
    name = one.described["name"]
    less = {
        "head": "lower temporal.memory, or set temporal.micro_batch or features.layer: dense",
        "frames": f"set end_to_end.{name}.micro_batch"
        + (" and checkpoint_frames" if name == "convlstm" else "")
        + ", or lower end_to_end.memory",
        "affect": "lower affect.loading.batch",
        "transfer": "lower the run's batch",
    }.get(one.described["kind"], "lower spatial.batch")
    return f"{less}, or take a larger machine or partition"


def limits_here() -> Limits:
    """This machine's."""
    return Limits(machine.memory(), min((card.memory for card in machine.cards()), default=0))
