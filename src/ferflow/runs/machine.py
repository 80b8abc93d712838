"""This machine's memory and GPUs, found without loading torch, and a GPU of its own for each training."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MIB = 2**20
VISIBLE = "CUDA_VISIBLE_DEVICES"
NVIDIA = Path("/proc/driver/nvidia/gpus")
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
"""Of version 2, and of version 1."""


@dataclass(frozen=True)
class Card:
    """A GPU: its place among the machine's, its identity, its name, and its memory (MiB; 0: unknown)."""

    index: int
    uuid: str
    name: str
    memory: int


def memory() -> int:
    """MiB that this process may use: the machine's, or what its control group allows, if that is less."""
    import psutil

    return min([psutil.virtual_memory().total, *_limits()]) // MIB


def _limits() -> list[int]:
    """Limits of memory (bytes) of this process's control groups and of those above them."""
    found = []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            root, name = (CGROUPS[0], "memory.max")
            if "memory" in controllers:
                root, name = (CGROUPS[1], "memory.limit_in_bytes")
            place = root / path.lstrip("/")
            # In a container the path is the host's, and its own group is the root.
            for folder in (root, place, *place.parents):
                with suppress(OSError, ValueError):
                    if folder.is_relative_to(root):
                        found.append(int((folder / name).read_text(encoding="utf-8")))
    return found


@cache
def cards() -> tuple[Card, ...]:
    """NVIDIA's GPUs that this process may use, in the order of the bus; nothing is started on them."""
    if not NVIDIA.is_dir() and shutil.which("nvidia-smi") is None:
        return ()
    wanted = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(["nvidia-smi", *wanted], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = [_card(line) for line in done.stdout.splitlines() if line.count(",") >= 3]
    return tuple(_visible(found, os.environ.get(VISIBLE)))


def _card(line: str) -> Card:
    index, uuid, name, memory = (one.strip() for one in line.split(",", 3))
    return Card(int(index), uuid, name, int(memory) if memory.isdigit() else 0)


def _visible(found: list[Card], named: str | None) -> list[Card]:
    """The cards that CUDA_VISIBLE_DEVICES names, by number or by identity; up to the first that is none."""
    if named is None:
        return found
    chosen = []
    for one in filter(None, map(str.strip, named.split(","))):
        card = [c for c in found if str(c.index) == one or (not one.isdigit() and c.uuid.startswith(one))]
        if not card:
            break
        chosen += card[:1]
    return chosen


def known_as(name: str, names: list[str]) -> str | None:
    """Which of `names` (`resources/machines.yaml`) a GPU is that calls itself `name`; None: none of them."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((one for one in sorted(names, key=len, reverse=True) if one in plain), None)


_held: list = []


def take_card(say: Callable[[str], None] = print, folder: Path | None = None) -> None:
    """Give this process a GPU that no other training has, to its end; it sees no other then.

    To be called before torch looks for GPUs. It waits where all are taken. Nothing happens on a machine
    without any, and in a job of Slurm, which gives out the cards itself.
    """
    import fcntl

    if _held or "SLURM_JOB_ID" in os.environ or not (there := cards()):
        return
    folder = folder or Path(tempfile.gettempdir()) / f"ferflow-cards-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    waited = False
    while True:
        for card in there:
            file = (folder / card.uuid).open("a")
            try:
                # The system lets go of it with the process.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                continue
            _held.append(file)
            os.environ[VISIBLE] = card.uuid
            return
        if not waited:
            say(f"waits for a GPU: trainings of another run have all {len(there)}")
            waited = True
        time.sleep(1)
