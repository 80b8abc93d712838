"""The tiny studies that several files look at: each is run once, also where several processes share it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from running import AS_USER, IMAGES, TINY, run


@pytest.fixture(scope="session")
def run_once(tmp_path_factory, weights_folder) -> Callable[..., Path]:
    """A function that gives the folder in which a study has run through; it is not to be changed."""

    def finished(study: Path, as_user: bool = AS_USER) -> Path:
        root = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            root = root.parent
        folder, mark = root / study.stem, root / f"{study.stem}.finished"
        with (root / f"{study.stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not mark.exists():
                shutil.rmtree(folder, ignore_errors=True)
                unpacked = shutil.ignore_patterns("*.whl")
                shutil.copytree(weights_folder, folder / "data/weights", ignore=unpacked)
                done = run(folder, study=study, as_user=as_user)
                assert done.returncode == 0, done.stdout + done.stderr
                mark.touch()
        return folder

    return finished


@pytest.fixture(scope="session")
def finished(run_once) -> Path:
    """The folder of the tiny study of clips, which has run as users run it."""
    return run_once(TINY, as_user=True)


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of that folder, file times included."""
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


@pytest.fixture(scope="session")
def finished_images(run_once) -> Path:
    """The folder of the tiny study of images."""
    return run_once(IMAGES)
