"""Reading ahead: by processes and from staged files the same batches, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from ferflow import readers
from ferflow.bench import store_speed
from ferflow.errors import FerflowError, InputError
from ferflow.features import staging, store
from ferflow.models import temporal
from ferflow.settings import HeadSettings
from ferflow.training import data
from ferflow.training.data import loader


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return store_speed.generate(tmp_path_factory.mktemp("made"), 20, 40, (5, 9), seed=3)


@pytest.fixture
def large(monkeypatch):
    """An epoch of any size is worth processes and staging."""
    monkeypatch.setattr(data, "LARGE", 0)


@pytest.fixture
def several():
    started = readers.Readers(2)
    yield started
    started.close()


def batches(study, staged=None, n_readers=0, normalise="none", memory=0):
    changed = type(study)(**{**vars(study), "normalise": normalise})
    items = changed.features(changed.clips, (), memory, n_readers, staged)
    ahead = loader(items, 4, seed=5)
    ahead.sampler.set_epoch(1)
    return [tuple(part.clone() for part in batch) for batch in ahead], items


@pytest.mark.parametrize("normalise", ["none", "clip", "subject"])
def test_processes_and_staged_files_give_the_same_bytes(made, large, tmp_path, normalise):
    here, items = batches(made, normalise=normalise)
    assert len(here) == 5 and items.reading[1] == 1
    by_processes, of_processes = batches(made, None, 2, normalise)
    from_disk, of_staged = batches(made, str(tmp_path), 0, normalise)
    in_parts, of_memory = batches(made, None, 2, normalise, memory=1)
    assert of_processes.reading[1] == 2 and list(tmp_path.glob("ferflow-features-*/*-S0000.h5"))
    assert len(of_memory.kept) == 20 and not of_processes.kept and not of_staged.kept
    for other in (by_processes, from_disk, in_parts):
        for one, same in zip(here, other, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))


def test_features_as_stored_give_a_head_what_float32_gives_it(made):
    (features, mask, _), *_ = batches(made)[0]
    assert features.dtype == torch.float16
    for name in temporal.HEADS:
        torch.manual_seed(0)
        head = temporal.build(name, 40, 6, temporal_settings(name)).eval()
        assert torch.equal(head(features, mask), head(features.float(), mask))


def temporal_settings(name: str) -> HeadSettings:
    from ferflow.settings.heads import CNN1D

    return CNN1D if name == "cnn1d" else HeadSettings()


def test_a_small_epoch_starts_nothing(made, monkeypatch, tmp_path):
    monkeypatch.setattr(readers, "shared", lambda n: pytest.fail("a process was started"))
    assert len(batches(made, str(tmp_path), 2)[0]) == 5
    assert not list(tmp_path.iterdir())


def test_an_error_in_a_process_is_the_same_line(made, several, tmp_path):
    absent = store.Reading(tmp_path / "none.h5", "S0_happy", 0, 5, 5)
    out = np.empty((5, 40), np.float16)
    with pytest.raises(InputError) as here:
        store.read_less(absent)
    with pytest.raises(InputError) as there:
        several.fill(out, store.read_less, absent)
    assert str(there.value) == str(here.value)
    clip, path = made.clips.iloc[0], made.files["none", "S0000"]
    n = made.windows[clip.clip_id][1]
    with pytest.raises(ValueError, match="does not fit"):
        several.fill(out[:2], store.read_less, store.Reading(path, clip.clip_id, 0, n, 9))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        several.call(divmod, 1, 0)
    assert several.call(divmod, 7, 2) == (3, 1)  # they go on after all that


def test_a_process_that_was_killed_is_one_line(several):
    for one in several._all:
        one.process.kill()
    with pytest.raises(FerflowError, match=r"has ended \(signal 9\); give the job more memory"):
        several.call(divmod, 7, 2)


def gone(pids) -> bool:
    def dead(pid):
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    deadline = time.monotonic() + 20
    while not all(map(dead, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return all(map(dead, pids))


TRAINS = """
import sys
from ferflow.bench import store_speed
from ferflow.training import data
from ferflow import readers
data.LARGE = 0
study = store_speed.generate(__import__("pathlib").Path(sys.argv[1]), 12, 40, (5, 9))
items = study.features(study.clips, (), 0, 2, sys.argv[2])
for epoch in range(10 ** 9):
    for batch in data.loader(items, 4):
        if epoch == 2:
            print(*[one.process.pid for one in readers.shared(2)._all], flush=True)
    if epoch == 2 and sys.argv[3] == "raise":
        raise SystemExit(1)
"""


@pytest.mark.parametrize("how", ["raise", "kill"])
def test_nothing_is_left_of_a_job_that_failed_or_was_killed(tmp_path, made, large, how):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", TRAINS, str(tmp_path / "made"), str(scratch), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        pids = [int(number) for number in process.stdout.readline().split()]
        if how == "kill":
            os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
    assert len(pids) == 2 and gone(pids)
    left = set(scratch.iterdir())
    assert len(left) == (how == "kill")
    # The next job removes what the killed one left, and not its own.
    batches(made, str(scratch))
    assert len(set(scratch.iterdir())) == 1 and not left & set(scratch.iterdir())


def test_jobs_share_staged_files_and_the_last_one_removes_them(made, tmp_path):
    files = made.readings()
    at = staging.staged(tmp_path, files).at
    one, other = staging.Staged(at), staging.Staged(at)
    one.add(files, made.width, None)
    times = {path: path.stat().st_mtime_ns for path in at.glob("*.h5")}
    assert len(times) == 4
    other.add(files, made.width, None)
    assert times == {path: path.stat().st_mtime_ns for path in at.glob("*.h5")}
    staging._staged.cache_clear()
    first = staging.staged(tmp_path, files)  # does not take the folder for one that was left
    first.close()
    one.close()
    assert len(list(at.glob("*.h5"))) == 4
    out = np.empty((9, 40), np.float16)
    clip = made.clips.iloc[3]
    n = other.fill(out, made.files["none", "S0000"], clip.clip_id)
    assert np.array_equal(out[:n], store.read(made.files["none", "S0000"], clip.clip_id))


def test_other_features_are_never_taken_for_staged_ones(made, tmp_path):
    at = staging.staged(tmp_path, made.readings()).at
    shorter = type(made)(**{**vars(made), "max_frames": 4})
    clipwise = type(made)(**{**vars(made), "normalise": "clip"})
    places = {at, *(staging.staged(tmp_path, other.readings()).at for other in (shorter, clipwise))}
    path = made.files["none", "S0001"]
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    places.add(staging.staged(tmp_path, made.readings()).at)
    assert len(places) == 4


def test_too_little_space_is_said_before_anything_is_written(made, large, tmp_path, monkeypatch):
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and Disk())
    with pytest.raises(FerflowError, match=r"staging the features needs 0\.0 GB there, it has 0\.0"):
        batches(made, str(tmp_path))
    assert not list(tmp_path.glob("*/*.h5"))
    assert staging.folder("auto", 2000) is None
    with pytest.raises(FerflowError, match="is no folder"):
        staging.folder(str(tmp_path / "none"), 1)


class Disk:
    free = 1000


def test_auto_stages_in_tmpdir_and_never_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(staging.tempfile, "gettempdir", lambda: str(tmp_path))
    assert staging.folder("auto", 1000) == tmp_path and staging.folder(None, 1000) is None
    assert staging.folder("auto", 10**18) is None
    monkeypatch.setattr(staging, "_in_memory", lambda _: True)
    assert staging.folder("auto", 1000) is None
    if Path("/dev/shm").is_mount():
        monkeypatch.undo()
        assert staging._in_memory(Path("/dev/shm")) and not staging._in_memory(Path("/usr"))
