"""Processes that read arrays for a training, several at once and ahead of it.

HDF5 lets one thread of a process read at a time, and unpacking is most of that. The processes are new Pythons
that import what they are asked to call, and nothing of the program that asks: they start in a third of a
second without torch, and work under a script that must not be imported twice. An array comes back through
memory that both share, which has no name that could be left behind. They end with the process that asks,
however that ends.
"""

from __future__ import annotations

import atexit
import functools
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import IO, Any

import numpy as np

from ferflow.errors import FerflowError

_MAIN = "import sys; sys.path[:] = {path!r}; from ferflow.readers import serve; serve({shared})"
_ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {
    # Of glibc: what a clip took is kept for the next one, not given back and filled with zeros again.
    "MALLOC_MMAP_THRESHOLD_": str(2**27),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(2**26),
}


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared(n: int) -> Readers:
    """The `n` processes of this process, started when they are first asked for; they end with it."""
    return _shared(n, os.getpid())


@functools.cache
def _shared(n: int, of_process: int) -> Readers:
    readers = Readers(n)
    atexit.register(readers.close)
    return readers


class Readers:
    """`n` processes that call functions; any number of threads may ask, and wait until one is free.

    A function is one that a module has at its top; its arguments are copied to the process. What a function
    raises is raised here. Raises FerflowError where a process has ended.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._all = [_Reader() for _ in range(n)]
        self._idle: SimpleQueue[_Reader] = SimpleQueue()
        for reader in self._all:
            self._idle.put(reader)

    def call(self, function: Callable, *arguments: Any) -> Any:
        """What `function` returns; small, since it is copied."""
        reader = self._idle.get()
        try:
            return reader.ask(function, arguments)
        finally:
            self._idle.put(reader)

    def fill(self, out: np.ndarray, function: Callable, *arguments: Any) -> int:
        """Copy the array that `function` returns to the front of the larger, contiguous `out`; its length."""
        reader = self._idle.get()
        try:
            shape, dtype = reader.ask(_Array(function), arguments)
            if dtype != out.dtype.str or shape[1:] != out.shape[1:] or shape[0] > len(out):
                raise ValueError(f"{shape} {dtype} does not fit into {out.shape} {out.dtype.str}")
            read_at(reader.memory, out[: shape[0]], 0)
            return shape[0]
        finally:
            self._idle.put(reader)

    def close(self) -> None:
        """End the processes, when they have done what they were asked."""
        for reader in self._all:
            reader.close()


def read_at(file: int, out: np.ndarray, offset: int) -> None:
    """Fill the contiguous `out` with bytes of an open file. Raises OSError where it has fewer."""
    view, done = memoryview(out.reshape(-1).view(np.uint8)), 0
    while done < len(view):
        n = os.preadv(file, [view[done:]], offset + done)
        if not n:
            raise OSError(f"ends {len(view) - done} bytes early")
        done += n


class _Reader:
    """One process, with the memory that it shares with this one."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._owner: IO[bytes] = os.fdopen(os.memfd_create("ferflow"), "r+b", buffering=0)
        else:
            self._owner = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  open as long as the process
        self.memory = self._owner.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _MAIN.format(path=sys.path, shared=self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self.memory],
            env=os.environ | _ENVIRONMENT,
        )
        with self.process.stdin as asks, self.process.stdout as answers:
            self._asks = Connection(os.dup(asks.fileno()), readable=False)
            self._answers = Connection(os.dup(answers.fileno()), writable=False)

    def ask(self, function: Callable, arguments: tuple) -> Any:
        try:
            self._asks.send((function, arguments))
            answer, error = self._answers.recv()
        except (EOFError, OSError):
            problem = f"has ended ({_status(self.process)})"
            remedy = "give the job more memory or set temporal.readers to fewer, and run again"
            raise FerflowError("a process that reads features", problem, remedy) from None
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        self._asks.close()
        self._answers.close()
        self.process.wait()
        self._owner.close()


def _status(process: subprocess.Popen) -> str:
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return "it answers no more"
    return f"signal {-code}" if code < 0 else f"exit status {code}"


class _Array:
    """Calls a function for an array, which it leaves in the shared memory; gives its shape and type."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, memory: int, *arguments: Any) -> tuple[tuple[int, ...], str]:
        array = np.ascontiguousarray(self.function(*arguments))
        view, done = memoryview(array.reshape(-1).view(np.uint8)), 0
        while done < len(view):
            done += os.pwrite(memory, view[done:], done)
        return array.shape, array.dtype.str


def serve(memory: int) -> None:
    """What such a process does: call what it is asked to, until nobody asks any more."""
    # Ctrl-C and a scheduler's notice go to all processes of a job; its first one decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    asks, answers = Connection(0, writable=False), Connection(os.dup(1), readable=False)
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, arguments = asks.recv()
        except EOFError:
            return
        answer: Any = None
        error: Exception | None = None
        try:
            more = (memory, *arguments) if isinstance(function, _Array) else arguments
            answer = function(*more)
        except FerflowError as known:
            error = known
        except Exception:
            error = RuntimeError(f"in a process that reads:\n{traceback.format_exc()}")
        try:
            answers.send((answer, error))
        except BrokenPipeError:
            os._exit(0)  # whoever asked has gone
