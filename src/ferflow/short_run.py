"""What a job of a rehearsal (`ferflow rehearse`) cuts short and measures; elsewhere nothing happens here.

A rehearsal runs a study's own graph with networks, images and batches of their real size, and stops each
training after a few steps of an epoch. `steps.run` begins that for a job by the setting `rehearsal`, which
the results keep: what comes of it is marked, and `ferflow bundle` refuses it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferflow import layout
from ferflow.files import write_text

if TYPE_CHECKING:
    from torch import Tensor

MARK = "rehearsal: no result"
REPEATED = ("fold", "outer", "inner")
"""Wildcards by which jobs of one kind differ: the first is run at full size, the others with an item."""
PASSES = 2
"""Passes through the network in a step, at most, where a batch goes through it in smaller parts."""
MIB = 2**20


@dataclass
class Measured:
    """A job that ended: wall-clock and processor seconds, greatest memory of its process (MiB).

    `steps` are the training steps that were timed: items, and seconds with the reading of the next batch.
    `whole` says whether it ran at full size.
    """

    rule: str
    wildcards: dict[str, str]
    whole: bool
    seconds: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0
    steps: list[tuple[int, float]] = field(default_factory=list)


@dataclass
class _Job:
    batches: int
    measured: Measured


_job: _Job | None = None
_planned = False


def plan(batches: int | None) -> None:
    """Say by the setting `rehearsal` whether this process plans the jobs of one."""
    global _planned
    _planned = batches is not None


def takes_random_weights() -> bool:
    """Whether pretrained files may be random ones, which `ferflow rehearse` has written and noted."""
    return _planned or active()


def active() -> bool:
    """Whether this process works for a rehearsal."""
    return _job is not None


@contextlib.contextmanager
def of_job(
    batches: int | None, rule: str, wildcards: Mapping[str, str], outputs: Sequence[str]
) -> Iterator[None]:
    """Cut the work of the block short, to so many batches an epoch, and keep what it took; None: do not."""
    global _job
    if batches is None:
        yield
        return
    whole = all(wildcards.get(name, "0") == "0" for name in REPEATED)
    measured = Measured(rule, dict(wildcards), whole)
    _job = _Job(batches, measured)
    begin = time.perf_counter()
    try:
        yield
        measured.seconds, measured.cpu = time.perf_counter() - begin, time.process_time()
        measured.memory = greatest_memory()
        write_text(_record_of(outputs), json.dumps(asdict(measured)) + "\n")
    finally:
        _job = None


def measured(folder: Path, outputs: Sequence[str]) -> Measured | None:
    """What the job with these outputs took in `folder`; None where it has not ended well."""
    try:
        return Measured(**json.loads((folder / _record_of(outputs)).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record_of(outputs: Sequence[str]) -> Path:
    digest = hashlib.sha256(outputs[0].encode()).hexdigest()
    return Path(layout.REHEARSED.format(digest=digest[:32]))


def greatest_memory() -> float:
    """MiB that this process had in memory at most, by the system's own mark (Linux), else by its usage."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / MIB if sys.platform == "darwin" else most / 1024


# --- what trainings and predictions ask --------------------------------------------------------------


def batches() -> int | None:
    """Batches of an epoch or a prediction, at most; None: all."""
    return None if _job is None else _job.batches


def skips(number: int) -> bool:
    """Whether the batch `number` of a prediction is not looked at: it gets what the first one said."""
    return _job is not None and number >= (_job.batches if _job.measured.whole else 1)


def cut(batch: Sequence[Tensor], at_once: int | None = None) -> list[Tensor]:
    """The items of a batch that a job looks at: all of them, but for jobs of a kind that is run already.

    Those take one clip of frames, and two of other items, which batch normalisation needs. Where `at_once` go
    through the network in one pass, two passes are enough to have its memory.
    """
    if _job is None:
        return list(batch)
    most = len(batch[0])
    if at_once is not None and at_once < most:
        most = PASSES * at_once
    if not _job.measured.whole:
        most = min(most, 1 if batch[0].ndim == 5 else 2)
    return [part[:most] for part in batch]


def repeated(outputs: Sequence[Tensor], n: int) -> list[Tensor]:
    """Outputs of the first item for `n` of them: in each row the classes' probabilities change places."""
    if _job is None or len(outputs[0]) == n:
        return list(outputs)
    import torch

    return [
        torch.stack([part[0].roll(i) for i in range(n)]) if part.ndim > 1 else part[:1].expand(n)
        for part in outputs
    ]


def length(longest: int, most: int) -> int:
    """Frames to which the sequences of a batch are padded: to the `most` that a study's can have."""
    return longest if _job is None else most


def timed(items: int, seconds: float) -> None:
    """Note a training step of so many items."""
    if _job is not None:
        _job.measured.steps.append((items, seconds))


@contextlib.contextmanager
def timing(items: int) -> Iterator[None]:
    """Time the block as a step of so many items."""
    begin = time.perf_counter(), time.process_time()
    yield
    timed(items, min(time.perf_counter() - begin[0], time.process_time() - begin[1]))


def mark() -> str:
    """The mark of everything that a rehearsal shows; empty elsewhere."""
    return "" if _job is None else MARK


def about(**more: Any) -> dict[str, Any]:
    """What a model's file says of its training: that it was a rehearsal."""
    return more | ({"rehearsal": True} if _job is not None else {})
