"""The folder in which a training run keeps what it needs to be taken up again after an interruption.

`last.ckpt` and, where the best epoch is kept, `best.ckpt` (Lightning's checkpoints), `history.csv` (the
learning curve so far) and `tensorboard/`. A job of several runs has a folder of such folders.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ferflow import files

RUN = "ferflow"
"""Key, in a checkpoint, of what is not Lightning's (`module.Learner.on_save_checkpoint`)."""
LAST, BEST, CURVE = "last.ckpt", "best.ckpt", "history.csv"
LOCK = "lock"
LEASE = 100.0
"""Seconds to wait for a lock: a file server holds that of a machine that has died for a while (NFS: 90)."""
EVERY = 20.0
"""Seconds between the checkpoints of a job that nobody waits for: a tiny run of a second keeps none. Slurm
leaves a job 30 s after it has told it to end, in which a shorter epoch can come to its end."""
WRITING = 30
"""How many times as long as a checkpoint was written nothing else is written: 3 % of the time at most."""


def last(folder: Path, identity: str) -> Path | None:
    """The checkpoint that the run `identity` goes on from; None where it starts anew.

    A checkpoint of another run (other settings, images or seed) or a damaged one is removed with its folder.
    """
    import torch

    path = folder / LAST
    if path.is_file():
        try:
            run = torch.load(path, map_location="cpu", weights_only=True)[RUN]
            if run["identity"] == identity and "at" in run:
                return path
            what = "is of another run, or of another version of ferflow"
        except Exception:  # a damaged file makes torch's reader raise nearly anything
            what = "is damaged"
        print(f"{path} {what}: training starts anew", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return None


def seconds(folder: Path) -> float:
    """How long the run in `folder` took until its last checkpoint, over all of its starts."""
    import torch

    return torch.load(folder / LAST, map_location="cpu", weights_only=True)[RUN]["seconds"]


def write_time(seconds: float | None, path: Path) -> None:
    """Note in a file of its own how long a training took: alone of what it leaves, that is never the same."""
    files.write_text(path, json.dumps({"seconds": None if seconds is None else round(seconds, 1)}) + "\n")


def read_time(path: str | Path) -> float | None:
    """The seconds in a file of `write_time`; None where nothing was trained."""
    return files.read_record(path, {"seconds": object}, "delete it and run again")["seconds"]


@contextlib.contextmanager
def of_job(folder: str | Path | None, keep: bool = False) -> Iterator[Path | None]:
    """Give the block the folder of a job's runs; unless `keep`, remove it when the block has ended well.

    None where there is none, and where another process is at work in it: what two processes wrote to one
    folder would be of neither.
    """
    if folder is None:
        yield None
        return
    folder = Path(folder)
    with _locked(folder / LOCK) as free:
        yield folder if free else None
        if free and not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold the file `path`, which a process that ends lets go of by itself. False where another holds it."""
    until = time.monotonic() + LEASE
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a")
        except FileNotFoundError:  # its folder was removed in between
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                still = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(1)
                    continue
                line = f"another process trains in {path.parent}: this one keeps no checkpoints"
                print(line, file=sys.stderr)
                yield False
                return
            except FileNotFoundError:
                still = False
            except OSError as error:
                # Some file systems of clusters know no locks. Two copies of a job are rare.
                if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
                    raise
                still = True
            if still:
                yield True
                return


def fingerprint(paths: Iterable[str | Path]) -> list[list]:
    """Name, size and time of change of files: what changes with their content and costs no reading."""
    facts = ((str(path), Path(path).stat()) for path in paths)
    return [[name, fact.st_size, fact.st_mtime_ns] for name, fact in facts]
