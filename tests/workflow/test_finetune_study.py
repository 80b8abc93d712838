"""Fine-tuning and the sweep through the workflow, on a few made-up images: interrupted, again, wrong."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from running import AS_USER, run, start

from fer2013_csv import write_stills
from ferflow import tables
from ferflow.models import spatial as networks
from preloaded import wait_for

pytestmark = pytest.mark.workflow

STUDY = Path(__file__).with_name("tiny_finetune.yaml")
RESULTS = Path("results/tiny-finetune")
TRIALS = Path("runs/tiny-finetune/tuned/trials.db")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a few images and a base that nobody trained."""
    import torch

    write_stills(tmp_path / "fer2013.csv", {"Training": 6, "PublicTest": 4, "PrivateTest": 2})
    (tmp_path / "data/weights").mkdir(parents=True)
    torch.manual_seed(1)
    state = networks.build("resnet50", 7).base.state_dict()
    torch.save(state, tmp_path / "data/weights/made-up.pth")
    return tmp_path


def ended(storage: Path) -> int:
    """How many trials of a search have ended; 0 where there is no store yet."""
    if not storage.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{storage}?mode=ro", uri=True) as store:
            return store.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_a_search_that_is_killed_goes_on_and_the_phases_follow(folder):
    model = RESULTS / "models/tuned/spatial/model.pt"
    process = start(folder, "--", str(model), study=STUDY, as_user=AS_USER)
    before = wait_for(lambda: ended(folder / TRIALS), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / RESULTS / "models/tuned/classifier/model.pt").exists()

    wanted = str(model), str(RESULTS / "figures/trials-tuned.svg")
    done = run(folder, "--", *wanted, study=STUDY, as_user=AS_USER)
    assert done.returncode == 0, done.stdout + done.stderr
    log = (folder / "logs/classifier/tuned.log").read_text()
    assert f"trial {before} of 3" not in log and "trial 3 of 3" in log
    trials = tables.read(folder / RESULTS / "tables/trials-tuned.csv", "trials")
    assert trials.trial.tolist() == [1, 2, 3]
    phases = tables.read(folder / RESULTS / "models/tuned/spatial/phases.csv", "phases")
    assert list(dict.fromkeys(phases.phase)) == ["classifier", "unfreeze", "refine"]
    assert set(phases.attempt) >= {"1 block", "rate 0.0001"}
    predictions = tables.read(folder / RESULTS / "models/tuned/spatial/predictions.csv", "predictions")
    assert len(predictions) == 14
    assert networks.load(folder / model)[1]["meta"]["images"]["Training"] == 42
    assert not list((folder / "data").rglob("frozen.h5"))  # large, and of no use any more


def test_missing_weights_are_said_in_one_line(folder):
    (folder / "data/weights/made-up.pth").unlink()
    done = run(folder, "--", str(RESULTS / "models/tuned/spatial/model.pt"), study=STUDY)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "ferflow: error" in line]
    assert done.returncode != 0 and len(said) == 1 and "made-up.pth" in said[0]
    assert not (folder / RESULTS).exists()


def test_the_sweep_is_a_target_of_its_own(folder):
    done = run(folder, "--", "sweep", study=STUDY)
    assert done.returncode == 0, done.stdout + done.stderr
    table = tables.read(folder / RESULTS / "tables/sweep.csv", "sweep")
    assert table.groupby("stage", sort=False).size().to_dict() == {"optimiser": 2, "schedule": 1, "tuning": 4}
    assert table.best.sum() == 2 and set(table.images) == {21, 35}
    assert (folder / RESULTS / "figures/sweep.svg").exists()
    again = run(folder, "--", "sweep", study=STUDY)
    assert "Nothing to be done" in again.stdout + again.stderr
