"""Snakemake and ferflow's commands, run in forks of one process that has loaded the libraries already.

A job of Snakemake is a new Python that loads its libraries for seconds, often to work for less than one, and
a tiny study has some hundred jobs. Here Snakemake is a fork of a process that has loaded them, and so is each
of its jobs: the same script on the same snakemake object, in a process of its own. Jobs share no seeds,
threads, settings of libraries or redirected output, so their results are those of Snakemake's own jobs.

`snakemake(...)` and `python(...)` answer like `subprocess.run`, `start(...)` like `subprocess.Popen`; from a
shell, `python tests/preloaded.py ...` takes Snakemake's own arguments.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import pkgutil
import re
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

LIBRARIES = (
    "ferflow.models.vision",  # before lightning, which loads torchvision
    "lightning.pytorch",
    "matplotlib.backends.backend_svg",
    "optuna",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.svm",
    "snakemake.cli",
    "snakemake.script",
    "snakemake.workflow",
    "threadpoolctl",
)
PROGRAM = str(Path(sys.executable).with_name("snakemake"))
FAILING = "FERFLOW_TESTS_FAIL"
"""The variable that names jobs that are to fail, with rule and wildcards: `fold lstm 0, final lstm`."""
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")
"""Libraries whose number of threads Snakemake sets in a job's environment."""


# --- for tests ---------------------------------------------------------------------------------------


def snakemake(
    *arguments: str, folder: Path, timeout: float = 1800, as_user: bool = False
) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder`; `as_user`: each job is a new Python. Its exit status, output and errors."""
    if as_user:
        called = [PROGRAM, *map(str, arguments)]
        return subprocess.run(called, cwd=folder, capture_output=True, text=True, timeout=timeout)
    return _run("snakemake", arguments, folder, timeout)


def listed_jobs(text: str) -> dict[str, int]:
    """Jobs of each rule in the table that Snakemake prints, without their total."""
    listed = re.findall(r"^(\w+) +(\d+)$", text, flags=re.M)
    return {name: int(number) for name, number in listed if name != "total"}


def python(
    module: str, *arguments: str, folder: Path | None = None, timeout: float = 600
) -> subprocess.CompletedProcess:
    """Run `python -m module arguments` in `folder`, by default the current one."""
    return _run(module, arguments, folder or Path.cwd(), timeout)


def start(*arguments: str, folder: Path, as_user: bool = False) -> Started | subprocess.Popen:
    """Snakemake in `folder`, in a session of its own whose output nobody reads; to be interrupted."""
    if as_user:
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # A shell that runs the tests in its background has them ignore Ctrl-C, and so what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    with Path(os.devnull).open("r+b") as nothing:
        return Started(_server(), ["snakemake", *arguments], folder, [nothing.fileno()] * 3)


def wait_for(seen: Callable[[], object], process: Started | subprocess.Popen, patience: float = 400):
    """Wait until `seen` gives something, at most `patience` seconds; the process must not end before."""
    deadline = time.monotonic() + patience
    while not (found := seen()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return found


def write_command(path: Path) -> None:
    """Write a program `snakemake` to `path` that does the same, for those who call it by its name."""
    called = [sys.executable, str(Path(__file__).resolve()), f"--at={_server()}"]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(called)} "$@"\n')
    path.chmod(0o755)


@functools.cache
def _server() -> Path:
    """The socket of the process that has the libraries; it ends with this one."""
    path = Path(tempfile.mkdtemp(prefix="ferflow-tests-"), "socket")
    command = [sys.executable, str(Path(__file__).resolve()), f"--serve={path}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    assert process.stdout.readline() == b"ready\n", "the libraries cannot be loaded"
    return path


def _run(program: str, arguments: Sequence[str], folder: Path, timeout: float) -> subprocess.CompletedProcess:
    """Run `program` in a fork. Raises subprocess.TimeoutExpired after `timeout` seconds and ends it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open() as nothing:
        files = [file.fileno() for file in (nothing, out, err)]
        started = Started(_server(), [program, *arguments], folder, files)
        try:
            code = started.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            raise
        said = [file.seek(0) or file.read().decode() for file in (out, err)]
    return subprocess.CompletedProcess(started.args, code, *said)


class Started:
    """A fork that runs; `files` are the descriptors of its standard input, output and error."""

    def __init__(self, server: Path, command: Sequence[str], folder: Path, files: Sequence[int]) -> None:
        self.args = [*map(str, command)]
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(server))
        request = {"command": self.args, "folder": str(folder), "environment": dict(os.environ)}
        text = json.dumps(request).encode()
        socket.send_fds(self._line, [len(text).to_bytes(8, "big")], files)
        self._line.sendall(text)
        self._answers = self._line.makefile("r")
        self.pid = int(self._answers.readline())

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self.returncode if self._ends_within(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if not self._ends_within(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def _ends_within(self, seconds: float | None) -> bool:
        if self.returncode is None and select.select([self._line], [], [], seconds)[0]:
            self.returncode = int(self._answers.readline())
        return self.returncode is not None


# --- in the process that has the libraries -------------------------------------------------------------

SOCKET: list[str] = []
"""Where that process is asked; empty in one that nobody asks."""


def load() -> None:
    """Import all of ferflow and what its jobs import late."""
    import ferflow

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            importlib.import_module(name)
        for module in pkgutil.walk_packages(ferflow.__path__, "ferflow."):
            if not module.name.endswith("__main__"):
                with contextlib.suppress(Exception):  # it fails again where it is used
                    importlib.import_module(module.name)


def serve(path: str) -> None:
    """Run what is asked for at the socket `path`, until standard input ends."""
    load()
    SOCKET.append(path)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    print("ready", flush=True)
    while sys.stdin not in select.select([sys.stdin, listening], [], [])[0]:
        line, _ = listening.accept()
        if not os.fork():
            _answer(line)
        line.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # those who have answered
                pass
    os._exit(0)  # nothing is left to do, and to free all that is loaded takes seconds


def _answer(line: socket.socket) -> NoReturn:
    """Run one command in a fork of its own; tell its number, and its exit status when it has ended."""
    length, files, _, _ = socket.recv_fds(line, 8, 3)
    left, parts = int.from_bytes(length, "big"), []
    while left:
        parts.append(line.recv(left))
        left -= len(parts[-1])
    request = json.loads(b"".join(parts))
    pid = os.fork()
    if not pid:
        os.setsid()  # so that a signal reaches its jobs too
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        program, *arguments = request["command"]
        if program == "snakemake":
            _leave_after(lambda: run_snakemake(arguments))
        if program == "ferflow.runs.second_pass":
            _leave_after(lambda: _run_second_pass(program, arguments))
        _leave_after(lambda: _run_module(program, arguments))
    line.sendall(b"%d\n" % pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):  # whoever asked has gone
        line.sendall(b"%d\n" % code)
    os._exit(0)


def _run_second_pass(module: str, arguments: Sequence[str]) -> None:
    from snakemake.script import PythonScript

    PythonScript.execute_script = _run_script
    _run_module(module, arguments)


def _run_module(module: str, arguments: Sequence[str]) -> None:
    sys.argv = [module, *arguments]
    sys.modules.pop(module, None)  # it is to run as the main module
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _leave_after(main: Callable[[], object]) -> NoReturn:
    """Run `main` as the whole of this fork, and leave with the exit status that Python would give."""
    atexit._clear()  # what the process before has registered is its own to do
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, closefd=False) for n in (1, 2))
    code = 0
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run_snakemake(arguments: Sequence[str]) -> None:
    """Snakemake's command line, with the scripts of its jobs run in forks of this process."""
    from snakemake.cli import main
    from snakemake.script import PythonScript

    from ferflow.runs import second_pass

    PythonScript.execute_script = _run_script
    if SOCKET:
        second_pass.make = _second_pass
    sys.argv = ["snakemake", *arguments]
    main()


def _second_pass(folder: Path, *about: object) -> int:
    """In place of `second_pass.make`, which starts a new Python."""
    from ferflow.runs import second_pass

    os.environ[second_pass.FAILED] = str(about[-1])
    command = [second_pass.__name__, second_pass.described(*about[:-1])]
    return Started(Path(SOCKET[0]), command, folder, [0, 1, 2]).wait()


def _run_script(script, path: str, edit: bool = False) -> None:
    """In place of `PythonScript.execute_script`, which has a shell run `python path`."""
    from snakemake.benchmark import benchmarked

    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        _leave_after(lambda: _job(script, path))
    record = script.bench_record
    with benchmarked(pid, record) if record is not None else contextlib.nullcontext():
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise subprocess.CalledProcessError(code, f"{sys.executable} {path}")


def _job(script, path: str) -> None:
    """Run a job's script with the environment and the numbers of threads that Snakemake gives its jobs."""
    import numpy as np
    import threadpoolctl
    import torch

    os.environ.update({f"{name}_NUM_THREADS": str(script.threads) for name in THREADS})
    folder = script.resources.get("tmpdir")
    if folder:
        os.environ.update(dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(folder)))
        tempfile.tempdir = None
    threadpoolctl.threadpool_limits(script.threads)
    torch.set_num_threads(script.threads)
    np.random.seed()  # noqa: NPY002  unforeseeable as in a new process, so that nothing can rely on it
    if " ".join([script.rulename, *script.wildcards]) in os.environ.get(FAILING, "").split(", "):
        _fail(script)
    sys.argv = [path]
    runpy.run_path(path, run_name="__main__")


def _fail(script) -> None:
    """Have the function of a job's step raise an error of ferflow."""
    from ferflow.errors import InputError
    from ferflow.steps import run

    def call(*_: object) -> NoReturn:
        raise InputError(script.rulename, "was to fail", "let it")

    run.call = call


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first.startswith("--serve="):
        serve(first.partition("=")[2])
    elif first.startswith("--at="):
        place = Path(first.partition("=")[2])
        sys.exit(Started(place, ["snakemake", *rest], Path.cwd(), [0, 1, 2]).wait())
    else:
        load()
        run_snakemake(sys.argv[1:])
