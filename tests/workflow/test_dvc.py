"""DVC's coarse stages over the same workflow: reproduce, do nothing, show metrics and plots."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import REPOSITORY, TINY

from ferflow import settings

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory) -> Path:
    """The repository with the tiny study's settings in params.yaml, and what that study has made."""
    folder = tmp_path_factory.mktemp("dvc") / "clone"
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, tracked):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    for name in ("data", "results", ".snakemake"):
        shutil.copytree(finished / name, folder / name, dirs_exist_ok=True)
    tiny = settings.load(REPOSITORY / "params.yaml", TINY).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def dvc(folder: Path, *more: str) -> str:
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        [str(tools / "dvc"), *more], cwd=folder, capture_output=True, text=True, timeout=900, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_repro_leaves_a_lock_and_then_has_nothing_to_do(clone):
    predictions = clone / "results/tiny/predictions.csv"
    before = predictions.read_bytes()
    first = dvc(clone, "repro")
    assert (clone / "dvc.lock").is_file()
    assert all(f"Running stage '{stage}'" in first for stage in ("faces", "features", "train", "evaluate"))
    # Snakemake's own state survives inside the stages: what was there is not made again, then or later.
    assert first.count("Nothing to be done") == 4
    assert predictions.read_bytes() == before
    assert "Data and pipelines are up to date" in dvc(clone, "repro")
    assert "accuracy" in dvc(clone, "metrics", "show")
    dvc(clone, "plots", "show", "--out", "plots")
    page = (clone / "plots/index.html").read_text()
    assert "validation_accuracy" in page
    assert "predicted" in page
