"""The faults: each does its harm in a folder of its own, and lets the study settle."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from faults_study import (
    ITSELF,
    LOST,
    PREDICTIONS,
    RESULTS,
    Ended,
    complaint,
    copy,
    killed,
    run,
    settle,
    start,
)

HEADS = tuple(f"{RESULTS}/{name}" for name in ("models/heads", "split_kinds", "nested", "predictions.csv"))
HEADS += ("data/features", "runs")
"""What is left out of a copy so that something is to be done: features, what is trained on them, and the
predictions: where equal features are made again, Snakemake would take those that lie there."""
DAY = 24 * 3600


def kills(finished: Path, scratch: Path, rng: Random, count: int, wait=(2.0, 9.0)) -> Iterator[Ended]:
    """Kill the study `count` times, call after call; a new one begins when it is complete."""
    expected = (finished / PREDICTIONS).read_bytes()
    done = 0
    while done < count:
        folder = scratch / "kills"
        shutil.copytree(finished / "data/weights", folder / "data/weights")
        began, here, failure = time.monotonic(), [], ""
        while done + len(here) < count:
            what, code = killed(folder, rng, wait)
            if what == "nothing":
                failure = "" if code == 0 else f"a call after {len(here)} kills failed"
                break
            here.append(what)
        ended = settle("kill", folder, expected, failure)
        outcome = LOST if failure else ended.outcome
        each = (time.monotonic() - began) / max(1, len(here))
        for what in here:
            yield Ended(f"kill of {what}", outcome, ended.said, each)
        if not here and outcome != ITSELF:
            yield Ended("kill", outcome, ended.said, each)
        done += len(here)
        shutil.rmtree(folder)


def truncated_file(finished: Path, scratch: Path, rng: Random) -> Ended:
    """A file that a job has written and another one reads loses its end, now and then at a line's."""
    folder = copy(finished, scratch / "truncated")
    path = rng.choice(_intermediate(folder))
    data = path.read_bytes()
    at = rng.randrange(len(data))
    lines = [i + 1 for i, byte in enumerate(data[:-1]) if byte == 10]
    if path.suffix == ".csv" and lines and rng.random() < 0.5:
        at = rng.choice(lines)
    path.write_bytes(data[:at])
    note = f"{path.relative_to(folder)} cut from {len(data)} to {at} bytes"
    return settle("file truncated", folder, (finished / PREDICTIONS).read_bytes(), note)


def _intermediate(folder: Path) -> list[Path]:
    """Files between the first jobs and the predictions."""
    found = []
    for pattern in ("data/raw/**/*", "data/interim/**/*", "data/features/**/*", f"{RESULTS}/**/*"):
        found += [path for path in folder.glob(pattern) if path.is_file() and path.stat().st_size]
    last = [folder / RESULTS / name for name in ("tables", "figures")]
    return sorted(path for path in found if not any(above in last for above in path.parents))


def flipped_store(finished: Path, scratch: Path, rng: Random) -> Ended:
    """Some bytes of a faces or features file become others, and what is trained on it is to be made."""
    models = (
        f"{RESULTS}/{name}" for name in ("models/heads", "models/end_to_end", "nested", "predictions.csv")
    )
    folder = copy(finished, scratch / "flipped", *models, "runs")
    path = rng.choice(
        sorted([*folder.glob("data/interim/*/faces/*.h5"), *folder.glob("data/features/**/*.h5")])
    )
    data, before = bytearray(path.read_bytes()), path.stat()
    for _ in range(rng.choice((1, 4, 64))):
        data[rng.randrange(len(data))] ^= rng.randint(1, 255)
    with path.open("r+b") as file:
        file.write(data)
    kept = rng.random() < 0.5
    if kept:  # a disk that loses bits does not say when
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    note = f"{path.relative_to(folder)}, its time {'kept' if kept else 'new'}"
    return settle("HDF5 store flipped", folder, (finished / PREDICTIONS).read_bytes(), note)


def removed_weight(finished: Path, scratch: Path, rng: Random) -> Ended:
    """A pretrained file goes while the study is running, and no source of it can be reached."""
    folder = scratch / "weight"
    shutil.copytree(finished / "data/weights", folder / "data/weights")
    name = rng.choice(sorted(file.name for file in (folder / "data/weights").iterdir()))
    process = start(folder)
    time.sleep(rng.uniform(5, 25))
    (folder / "data/weights" / name).unlink(missing_ok=True)
    process.wait(timeout=900)
    with _no_index():
        done = run(folder)
    note = f"{name}: {complaint(done) if done.returncode else 'not needed any more'}"
    others = sorted(file.name for file in (finished / "data/weights").iterdir() if file.name != name)
    gone = [other for other in others if not (folder / "data/weights" / other).exists()]
    if gone or (done.returncode and "put it there" not in note):
        return Ended("weight removed", LOST, f"{note}; gone with it: {gone}", 0.0)
    if done.returncode:
        shutil.copy2(finished / "data/weights" / name, folder / "data/weights" / name)
    ended = settle("weight removed", folder, (finished / PREDICTIONS).read_bytes(), note)
    by_hand = ended.outcome == ITSELF and done.returncode
    return Ended(
        ended.fault, "after the named command" if by_hand else ended.outcome, ended.said, ended.seconds
    )


@contextmanager
def _no_index() -> Iterator[None]:
    """No package index, as on a machine without network."""
    os.environ["PIP_NO_INDEX"] = "1"
    try:
        yield
    finally:
        del os.environ["PIP_NO_INDEX"]


def two_runs(finished: Path, scratch: Path, rng: Random) -> Ended:
    """Two runs at once in one folder: one of them is refused in one line, and the other completes."""
    folder = copy(finished, scratch / "two", *HEADS)
    first, second = start(folder), None
    time.sleep(rng.uniform(0, 6))
    second = run(folder)
    code = first.wait(timeout=900)
    refused = "another run works in this folder"
    note = f"first ended with {code}, second with {second.returncode}"
    ended = settle("two runs at once", folder, (finished / PREDICTIONS).read_bytes(), note)
    fine = (code == 0) != (second.returncode == 0) and (second.returncode == 0 or refused in second.stderr)
    fine |= code == 0 and second.returncode == 0  # one after the other
    return ended if fine else Ended(ended.fault, LOST, f"{ended.said} {complaint(second)}", ended.seconds)


def shifted_times(finished: Path, scratch: Path, rng: Random) -> Ended:
    """File times as a copy without them, or a machine with another clock, leaves them."""
    folder = copy(finished, scratch / "times")
    how = rng.choice(("all now", "all a day ahead", "all long ago", "at random", "some a day ahead"))
    now = time.time()
    for path in sorted(
        path for path in folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts
    ):
        if how == "some a day ahead" and rng.random() < 0.8:
            continue
        shift = {"all now": 0, "all long ago": -1000 * DAY, "at random": rng.uniform(-30, 2) * DAY}.get(
            how, DAY
        )
        os.utime(path, (now + shift, now + shift))
    return settle("file times shifted", folder, (finished / PREDICTIONS).read_bytes(), how)


def full_disk(finished: Path, scratch: Path, rng: Random) -> Ended:
    """The disk fills up while the study writes; then there is room again."""
    with _tmpfs(scratch / "full", "2g") as folder:
        copy(finished, folder, *HEADS)
        used = shutil.disk_usage(folder).used
        _mount("remount", folder, f"size={used + rng.randint(100_000, 3_000_000)}")
        done = run(folder)
        _mount("remount", folder, "size=2g")
        note = complaint(done)
        ended = settle("disk full", folder, (finished / PREDICTIONS).read_bytes(), note)
    clear = done.returncode != 0 and ("disk is full" in note or "No space left" in note)
    return ended if clear else Ended(ended.fault, LOST, f"not said: {ended.said}", ended.seconds)


def read_only_folder(finished: Path, scratch: Path, rng: Random) -> Ended:
    """A folder that the study writes to can only be read; then it can be written to again."""
    folder = copy(finished, scratch / "read-only", *HEADS)
    place = folder / rng.choice((f"{RESULTS}/models", "data", str(RESULTS)))
    _mount("bind", place)
    try:
        done = run(folder)
    finally:
        subprocess.run(["umount", place], check=True)
    note = f"{place.relative_to(folder)}: {complaint(done)}"
    ended = settle("folder read-only", folder, (finished / PREDICTIONS).read_bytes(), note)
    clear = done.returncode != 0 and ("cannot be written" in note or "Read-only" in note)
    return ended if clear else Ended(ended.fault, LOST, f"not said: {ended.said}", ended.seconds)


@contextmanager
def _tmpfs(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def _mount(how: str, folder: Path, options: str = "") -> None:
    if how == "bind":
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    else:
        subprocess.run(["mount", "-o", f"{how},{options}", folder], check=True)


def mounting(scratch: Path) -> str:
    """Why no folder can be mounted here; empty where one can."""
    if os.geteuid() != 0:
        return "needs root, to mount a folder"
    try:
        with _tmpfs(scratch / "probe", "1m"):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a folder cannot be mounted here ({error})"


Fault = Callable[[Path, Path, Random], Ended]
FAULTS: dict[Fault, int] = {
    truncated_file: 6,
    flipped_store: 5,
    removed_weight: 2,
    two_runs: 2,
    shifted_times: 5,
    full_disk: 2,
    read_only_folder: 2,
}
"""The faults, and how often each is tried."""
MOUNTED = (full_disk, read_only_folder)
"""Those that need to mount a folder."""
