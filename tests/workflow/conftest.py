"""The tiny studies that several files look at: each is run once, also where several processes share it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from running import IMAGES, as_user, run


def _finished(
    name: str,
    tmp: pytest.TempPathFactory,
    weights_folder: Path,
    ran: Callable[[Path], subprocess.CompletedProcess],
) -> Path:
    root = tmp.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, mark = root / name, root / f"{name}.finished"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            unpacked = shutil.ignore_patterns("*.whl")
            shutil.copytree(weights_folder, folder / "data/weights", ignore=unpacked)
            done = ran(folder)
            assert done.returncode == 0, done.stdout + done.stderr
            mark.touch()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, weights_folder) -> Path:
    """A folder in which the tiny study has run through as users run it; not to be changed."""
    return _finished("tiny", tmp_path_factory, weights_folder, as_user)


@pytest.fixture(scope="session")
def finished_images(tmp_path_factory, weights_folder) -> Path:
    """A folder in which the tiny study of images has run through; not to be changed."""
    return _finished(
        "tiny-images", tmp_path_factory, weights_folder, lambda folder: run(folder, study=IMAGES)
    )
