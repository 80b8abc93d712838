"""The tiny studies, each run once for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from running import IMAGES, TINY, run


def _finished(folder: Path, weights_folder: Path, study: Path) -> Path:
    shutil.copytree(weights_folder, folder / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    done = run(folder, study=study)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, weights_folder) -> Path:
    """A folder in which the tiny study has run through."""
    return _finished(tmp_path_factory.mktemp("tiny"), weights_folder, TINY)


@pytest.fixture(scope="session")
def finished_images(tmp_path_factory, weights_folder) -> Path:
    """A folder in which the tiny study of images has run through."""
    return _finished(tmp_path_factory.mktemp("tiny-images"), weights_folder, IMAGES)
