"""DVC's coarse stages over the same workflow: reproduce, do nothing, share, compare experiments."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import ssh_server
import yaml
from running import REPOSITORY, TINY

import preloaded
from debian_packages import NoPackagesError
from ferflow import settings

STAGES = ("faces", "features", "train", "evaluate", "report")
LARGE = ("data/interim", "data/features/tiny")
"""Folders that stay out of DVC's cache, since Snakemake makes them again."""

pytestmark = pytest.mark.workflow


@functools.cache
def programs() -> str:
    """A search path on which `snakemake` runs its jobs in forks of one process."""
    folder = Path(tempfile.mkdtemp(prefix="ferflow-tests-"))
    atexit.register(shutil.rmtree, folder)
    preloaded.write_command(folder / "snakemake")
    return os.pathsep.join(map(str, [folder, Path(sys.executable).parent, os.environ["PATH"]]))


def called(folder: Path, *command: str) -> str:
    environment = {
        **os.environ,
        "PATH": programs(),
        "DVC_NO_ANALYTICS": "1",
        **{f"GIT_{who}_{what}": "tests" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1800,
        env=environment,
        stdin=subprocess.DEVNULL,  # nobody answers
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def dvc(folder: Path, *more: str) -> str:
    return called(folder, str(Path(sys.executable).with_name("dvc")), *more)


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory) -> Path:
    """The repository with the tiny study's settings in params.yaml, and what that study has made."""
    folder = tmp_path_factory.mktemp("dvc") / "clone"
    tracked = called(REPOSITORY, "git", "ls-files", "-z").split("\0")
    for name in filter(None, tracked):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    for name in ("data", "results", ".snakemake"):
        shutil.copytree(finished / name, folder / name, dirs_exist_ok=True)
    tiny = settings.load(REPOSITORY / "params.yaml", TINY).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False))
    called(folder, "git", "init", "-q")
    called(folder, "git", "add", "-A")
    called(folder, "git", "commit", "-q", "-m", "the tiny study")
    return folder


@pytest.fixture(scope="module")
def reproduced(clone) -> tuple[Path, str]:
    """The same after `dvc repro`, its lock committed, and what the command said."""
    said = dvc(clone, "repro")
    called(clone, "git", "add", "-A")
    called(clone, "git", "commit", "-q", "-m", "reproduced")
    return clone, said


def test_repro_leaves_a_lock_and_then_has_nothing_to_do(finished, reproduced):
    folder, said = reproduced
    assert (folder / "dvc.lock").is_file()
    assert all(f"Running stage '{stage}'" in said for stage in STAGES)
    # Snakemake's own state survives inside the stages: what was there is not made again, then or later.
    assert said.count("Nothing to be done") == 4
    name = "results/tiny/predictions.csv"
    assert (folder / name).read_bytes() == (finished / name).read_bytes()
    assert "Data and pipelines are up to date" in dvc(folder, "repro")
    assert "accuracy" in dvc(folder, "metrics", "show")
    dvc(folder, "plots", "show", "--out", "plots")
    page = (folder / "plots/index.html").read_text()
    assert "validation_accuracy" in page
    assert "predicted" in page


def test_raw_data_weights_and_models_are_outputs_and_large_files_stay_out_of_the_cache(reproduced):
    folder, _ = reproduced
    lock = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    outs = {one["path"]: one for stage in lock.values() for one in stage["outs"]}
    for name in (
        "data/raw/synth4d",
        "data/weights/face_landmark.tflite",
        "results/tiny/models/heads",
        "results/tiny/models/end_to_end",
        "results/tiny/metrics.json",
    ):
        assert (folder / ".dvc/cache/files/md5" / outs[name]["md5"][:2] / outs[name]["md5"][2:]).exists(), (
            name
        )
    for name in LARGE:
        assert not (folder / ".dvc/cache/files/md5" / outs[name]["md5"][:2] / outs[name]["md5"][2:]).exists()


@pytest.mark.parametrize(
    ("section", "change", "stages"),
    [
        ("trim", {"threshold": 0.4}, ["faces"]),
        ("temporal", {"epochs": 3}, ["train"]),
        ("evaluation", {"bootstrap": 60}, ["evaluate"]),
    ],
)
def test_a_changed_parameter_is_asked_of_its_own_stage_first(reproduced, section, change, stages):
    folder, _ = reproduced
    params = folder / "params.yaml"
    before = params.read_text()
    settings = yaml.safe_load(before)
    settings[section] |= change
    try:
        params.write_text(yaml.safe_dump(settings, sort_keys=False))
        changed = json.loads(dvc(folder, "status", "--json").splitlines()[-1])
    finally:
        params.write_text(before)
    asked = [name for name, why in changed.items() if any("params.yaml" in str(one) for one in why)]
    assert asked == stages


def pulled(folder: Path, into: Path) -> Path:
    """A new clone of `folder` with what its default remote holds."""
    called(folder, "git", "clone", "-q", str(folder), str(into))
    local = folder / ".dvc/config.local"
    if local.is_file():
        shutil.copy2(local, into / ".dvc/config.local")
    dvc(into, "pull", "--allow-missing")
    return into


def reports_without_training(original: Path, copy: Path) -> None:
    """The copy makes its report from what was pulled, and nothing that a training needs is there."""
    for name in ("predictions.csv", "metrics.json", "tables/results.csv", "figures/accuracy.svg"):
        path = Path("results/tiny") / name
        assert (copy / path).read_bytes() == (original / path).read_bytes()
    model = "results/tiny/models/heads/compact+lstm/final/model.pt"
    assert (copy / model).read_bytes() == (original / model).read_bytes()
    assert not any((copy / name).exists() for name in LARGE)
    (copy / "results/tiny/report.html").unlink()
    said = dvc(copy, "repro", "--single-item", "--force", "report")
    assert "Running stage 'report'" in said and "Running stage 'train'" not in said
    assert (copy / "results/tiny/report.html").stat().st_size > 1_000_000
    assert not any((copy / name).exists() for name in LARGE)


def test_a_clone_pulls_from_a_folder_and_reports_without_training(reproduced, tmp_path):
    folder, _ = reproduced
    dvc(folder, "remote", "add", "--local", "--force", "--default", "shelf", str(tmp_path / "shelf"))
    assert "pushed" in dvc(folder, "push")
    assert "up to date" in dvc(folder, "push")
    reports_without_training(folder, pulled(folder, tmp_path / "copy"))


@pytest.mark.full
def test_a_clone_pulls_over_ssh_and_reports_without_training(reproduced, tmp_path):
    try:
        sshd = ssh_server.program()
    except NoPackagesError as error:
        pytest.skip(f"no OpenSSH server here: {error}")
    folder, _ = reproduced
    with ssh_server.served(sshd) as server:
        dvc(folder, "remote", "add", "--local", "--force", "--default", "lab", server.url)
        dvc(folder, "remote", "modify", "--local", "lab", "keyfile", str(server.key))
        assert "pushed" in dvc(folder, "push")
        assert list(server.folder.glob("files/md5/*/*"))
        copy = pulled(folder, tmp_path / "copy")
    reports_without_training(folder, copy)


def two_heads(folder: Path) -> None:
    """Leave of the study what two experiments with a head need; the other one is never trained again."""
    params = folder / "params.yaml"
    study = yaml.safe_load(params.read_text())
    study["temporal"]["heads"]["bilstm"] = None
    study["end_to_end"]["run"], study["search"]["run"], study["nested"]["heads"] = [], [], []
    study["splits"]["compared"], study["experiments"]["compared"] = [], []
    sets = dict.fromkeys(study["fusion"]["sets"]) | {"both": ["lstm", "cnn1d"]}
    study["fusion"] |= {"sets": sets, "stacking": None, "best": None}
    study["humans"]["simulated"], study["evaluation"]["controls"] = None, False
    params.write_text(yaml.safe_dump(study, sort_keys=False))
    called(folder, "git", "commit", "-q", "-a", "-m", "two heads")


@pytest.mark.full
def test_two_experiments_are_compared_in_metrics_and_plots(reproduced, tmp_path):
    folder, _ = reproduced
    two_heads(folder)
    for units in (4, 12):
        said = dvc(
            folder, "exp", "run", "--name", f"units-{units}", "-S", f"temporal.heads.lstm.units={units}"
        )
        assert "Running stage 'train'" in said
        assert "Stage 'faces' didn't change, skipping" in said
        assert "Stage 'features' didn't change, skipping" in said
    # The heads with other settings were left alone, inside the stage that ran.
    changed = json.loads(dvc(folder, "metrics", "diff", "--json", "units-4", "units-12").splitlines()[-1])
    (metrics,) = changed.values()
    names = " ".join(metrics)
    assert "compact+lstm" in names and "compact+cnn1d.test" not in names
    shown = dvc(folder, "exp", "show", "--csv")
    assert "units-4" in shown and "units-12" in shown
    dvc(folder, "plots", "diff", "units-4", "units-12", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert "validation_accuracy" in page and "units-4" in page and "units-12" in page
