"""The tiny study, run once for all tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from running import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, weights_folder) -> Path:
    """A folder in which the tiny study has run through."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(weights_folder, folder / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
