"""Readers in worker processes: each case on its own, with its time and memory measured and bounded.

A worker makes a kind's valid files once and puts one mutated file after the other in the place of the file
under test. The parent ends a worker that does not come back.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random

from hostile_affect import AFFECT
from hostile_bytes import is_trapped
from hostile_clips import CLIPS
from hostile_kind import Kind, Refused
from hostile_stores import STORES
from hostile_tables import TABLES

from ferflow.errors import FerflowError

KINDS: dict[str, Kind] = {one.name: one for one in (*TABLES, *STORES, *CLIPS, *AFFECT)}
"""Every kind of hostile file by name."""
MIB = 2**20
GREATEST_MEMORY = 1024 * MIB
"""Bytes by which the memory of a reader may grow over one file."""
LONGEST = 10.0
"""Seconds of processor time that a reader may take over one file."""
WALL = 300.0
"""Seconds after which a worker is ended that waits; far above LONGEST, since the machine may be busy."""
LONGEST_LINE = 2000
"""Characters."""

CLEAR, VALID, TRACEBACK, UNCLEAR, HUNG, MEMORY, DIED, UNPICKLED = OUTCOMES = (
    "clear line", "valid", "traceback", "unclear", "hung", "over memory", "died", "unpickled",
)  # fmt: skip
"""CLEAR: one clear line; VALID: accepted; UNCLEAR: an error that is no one line naming the file, or prints
something beside it; DIED: the process ended."""


@dataclass(frozen=True)
class Result:
    """What a reader made of case `number` of `kind`; `said` is its line or the traceback."""

    kind: str
    number: int
    mutation: str
    outcome: str
    said: str
    seconds: float
    mib: float


def judge(cases: Iterable[tuple[str, int]], seed: int, processes: int) -> Iterator[Result]:
    """Put every case (kind, number) before its reader, `processes` at a time."""
    waiting = list(cases)[::-1]
    workers = [_Worker(seed) for _ in range(processes)]
    try:
        while waiting or any(worker.case for worker in workers):
            for worker in workers:
                if worker.case is None and waiting:
                    worker.give(waiting.pop())
            busy = [worker for worker in workers if worker.case is not None]
            ready = wait([worker.connection for worker in busy], timeout=0.5)
            for worker in busy:
                result = worker.result(worker.connection in ready)
                if result is not None:
                    yield result
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._start()

    def _start(self) -> None:
        # What the readers import has been imported here: a worker begins with it.
        context = get_context("fork")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_work, args=(other, self.seed), daemon=True)
        self.process.start()
        other.close()
        self.case, self.since, self.used = None, 0.0, None

    def give(self, case: tuple[str, int]) -> None:
        self.case, self.since, self.used = case, time.monotonic(), None
        self.connection.send(case)

    def result(self, ready: bool) -> Result | None:
        """The result that has come, or that of a worker which is dead or late (and is then replaced)."""
        outcome = None
        if ready:
            try:
                result = self.connection.recv()
                if result is None:  # its files are there, and it begins
                    self.since, self.used = time.monotonic(), _processor_seconds(self.process.pid)
                    return None
                self.case = None
                if result.outcome == DIED:
                    self._start()
                return result
            except EOFError:
                self.process.join()
                outcome, said = DIED, f"exit code {self.process.exitcode}"
        elif self.used is not None and _processor_seconds(self.process.pid) - self.used > 2 * LONGEST:
            outcome, said = HUNG, f"no answer in {2 * LONGEST:g} s of a processor"
        elif time.monotonic() - self.since > WALL:
            outcome, said = HUNG, f"no answer in {WALL:g} s"
        if outcome is None:
            return None
        result = Result(*self.case, "", outcome, said, time.monotonic() - self.since, 0.0)
        self.end()
        self._start()
        return result

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def _work(connection: Connection, seed: int) -> None:
    # What a reader or a library prints beside its one line goes here.
    printed = tempfile.TemporaryFile()  # noqa: SIM115
    folder = Path(tempfile.mkdtemp(prefix="ferflow-hostile-"))
    os.dup2(printed.fileno(), 1)
    os.dup2(printed.fileno(), 2)
    bench = None
    try:
        while True:
            kind, number = connection.recv()
            if bench is None or bench.kind.name != kind:
                shutil.rmtree(folder)
                bench = _Bench(kind, folder, printed)
            connection.send(None)
            connection.send(bench.try_one(number, seed))
    except EOFError:
        pass
    except Exception:
        connection.send(Result(kind, number, "none yet", DIED, traceback.format_exc(), 0.0, 0.0))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Bench:
    """The files of one kind, and its reader, which has read the valid ones once."""

    def __init__(self, name: str, folder: Path, printed) -> None:
        self.kind, self.folder, self.printed = KINDS[name], folder, printed
        folder.mkdir()
        os.chdir(folder)
        self.kind.write(folder)
        self.file = folder / self.kind.file
        self.valid = self.file.read_bytes()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        self.kind.read(folder)  # imports what it needs, and shows that the mutated file had been valid
        here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        # A reader that asks for more fails before the machine suffers, and MemoryError tells.
        resource.setrlimit(resource.RLIMIT_AS, (here + 4 * GREATEST_MEMORY, resource.RLIM_INFINITY))
        self.listed = self._listing()

    def try_one(self, number: int, seed: int) -> Result:
        rng = Random(f"{seed} {self.kind.name} {number}")
        mutation = self.kind.mutations[rng.randrange(len(self.kind.mutations))]
        data = mutation(self.valid, rng)
        self.file.write_bytes(data)
        self.printed.seek(0)
        self.printed.truncate()
        before, began = self._memory_before(), time.process_time()
        try:
            self.kind.read(self.folder)
            outcome, said = VALID, ""
        except BaseException as error:
            outcome, said = _judged(error, self.kind.must_be_named)
            del error
        seconds = time.process_time() - began
        grown = _status("VmHWM") - before
        outcome, said = self._beside(outcome, said, data)
        if seconds > LONGEST:
            outcome = HUNG
        elif grown > GREATEST_MEMORY:
            outcome, said = MEMORY, f"{grown / MIB:.0f} MiB; {said}"
        return Result(self.kind.name, number, mutation.__name__, outcome, said, seconds, grown / MIB)

    def _memory_before(self) -> int:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the greatest memory counts from here
        return _status("VmRSS")

    def _beside(self, outcome: str, said: str, data: bytes) -> tuple[str, str]:
        """What the reader did beside its answer: things printed, files left, pickles loaded."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.printed.seek(0)
        noise = self.printed.read().decode(errors="replace")
        if noise and outcome in (CLEAR, VALID):
            outcome, said = UNCLEAR, f"printed beside {said!r}: {noise}"
        if is_trapped(self.folder):
            outcome = UNPICKLED
        left = self._listing() ^ self.listed
        if left and outcome in (CLEAR, VALID):
            outcome, said = UNCLEAR, f"left or took away {sorted(left)}; {said}"
        if left or self.file.read_bytes() != data:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            os.chdir(self.folder)
            self.kind.write(self.folder)
        return outcome, said

    def _listing(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


def _judged(error: BaseException, named: str) -> tuple[str, str]:
    """Whether `error` is one clear line; `named` must be in it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(
            sign in str(cause).lower()
            for sign in ("can't allocate", "cannot allocate", "insufficient memory")
        ):
            return MEMORY, "".join(traceback.format_exception(error))
        cause = cause.__cause__ or cause.__context__
    if not isinstance(error, FerflowError | Refused):
        return TRACEBACK, "".join(traceback.format_exception(error))
    line = str(error)
    clear = line.isprintable() and len(line) <= LONGEST_LINE and named in line
    return (CLEAR if clear else UNCLEAR), line


def _processor_seconds(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(name: str) -> int:
    """Bytes of a line of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
