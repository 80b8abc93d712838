"""Trainings on clips that were interrupted go on from their last epoch, to the same files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import training_study
from training_study import Stop, contents, counted

from ferflow.training import checkpoints, crossval, final, head_search, module, nested

SEARCH = {
    "run": ["lstm"],
    "trials": 1,
    "startup": 1,
    "pruned_after": None,
    "space": {"lstm": {"units": [4, 8], "dropout": None, "augmentations": None}},
}
SETTINGS = training_study.SMALL | {
    "temporal": training_study.SMALL["temporal"] | {"epochs": 4},
    "finalize": {"max_epochs": 5, "patience": 3},
    "nested": {"outer": 2, "inner": 2, "candidates": {"as_set": {}}},
    "search": SEARCH,
}
"""Five and four epochs a run, by which the tests count."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return training_study.write(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def settings(small_settings):
    return small_settings(SETTINGS)


@pytest.fixture(autouse=True)
def at_every_epoch(monkeypatch):
    """As if each epoch took so long that it is worth a checkpoint."""
    monkeypatch.setattr(checkpoints, "EVERY", 1e-9)
    monkeypatch.setattr(checkpoints, "WRITING", 0)


def fold(study, settings, out: Path, run: Path, **changes) -> None:
    own = {"temporal": settings.temporal, "finalize": settings.finalize, "max_frames": 50, "tested": True}
    own |= {"classes": settings.emotions, "model": "compact+lstm", "seed": 3, "out_folder": out, "run": run}
    crossval.run_fold("lstm", 0, **(study.inputs | own | changes))


def inner(study, settings, out: Path, run: Path) -> None:
    own = {"out_folder": out, "settings": settings, "model": "compact+lstm", "run": run}
    nested.run_inner("lstm", 1, 0, "as_set", **study.inputs, **own)


def last(study, settings, out: Path, run: Path) -> None:
    """The final model's training, without the network below it."""
    training = crossval.head_of_settings(
        "lstm", "m", *(study.inputs[name] for name in ("manifest", "trim", "features")), settings
    )
    early = out.parent / "best_epoch.json"
    early.write_text(json.dumps({"fold": 0, "epoch": 6, "max_accuracy": 0.5}))
    with checkpoints.of_job(run) as kept:
        network, _ = final.write_final(training, study.inputs["splits"], [early], out, kept)
    weights = np.concatenate([weight.detach().flatten() for weight in network.parameters()])
    (out / "weights").write_bytes(weights.tobytes())


def search(study, settings, out: Path, run: Path) -> None:
    head_search.search_head(
        "lstm",
        **{name: study.inputs[name] for name in ("splits", "manifest", "trim")},
        features={1: study.features()},
        out_trials=out / "trials.csv",
        out_best=out / "best.yaml",
        storage=run / "trials.db",
        settings=settings.search,
        temporal=settings.temporal,
        max_frames=50,
        classes=settings.emotions,
        model="compact+lstm",
        seed=3,
        synthetic=True,
    )


@pytest.mark.parametrize(
    ("job", "stop", "again"),
    [
        (fold, 2, [2, 3, 0, 1, 2, 3, 4]),  # in the fixed run: then comes the early one
        (fold, 6, [2, 3, 4]),  # in the early one: the fixed one is not trained again
        (inner, 1, [1, 2, 3, 0, 1, 2, 3, 4]),
        (last, 3, [3, 4, 5]),
        (search, 6, [2, 3, *[0, 1, 2, 3] * 3]),  # in the second of five folds
    ],
)
def test_an_interrupted_job_goes_on_to_the_same_files(study, settings, tmp_path, job, stop, again):
    with counted() as epochs:
        job(study, settings, tmp_path / "whole", tmp_path / "run-whole")
    with counted(stop), pytest.raises(Stop):
        job(study, settings, tmp_path / "out", tmp_path / "run")
    assert not list((tmp_path / "out").glob("*"))
    with counted() as resumed:
        job(study, settings, tmp_path / "out", tmp_path / "run")
    assert resumed == again[: len(resumed)] and len(resumed) == len(epochs) - stop
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    left = [path for path in (tmp_path / "run").rglob("*") if path.suffix != ".db"]
    assert left == []  # nothing piles up


def test_a_fold_whose_score_was_not_kept_is_not_trained_again(study, settings, tmp_path, monkeypatch):
    """Killed between the end of a search's second fold and the note of its score."""
    import optuna

    note = optuna.Trial.set_user_attr

    def noting(self, name, value):
        if name == "folds" and len(value) == 2:
            raise Stop
        note(self, name, value)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(optuna.Trial, "set_user_attr", noting)
        search(study, settings, tmp_path / "out", tmp_path / "run")
    with counted() as epochs:
        search(study, settings, tmp_path / "out", tmp_path / "run")
    assert epochs == [0, 1, 2, 3] * 3


def interrupted(study, settings, tmp_path: Path, **changes) -> None:
    with counted(2), pytest.raises(Stop):
        fold(study, settings, tmp_path / "out", tmp_path / "run", **changes)


@pytest.mark.parametrize("what", ["seed", "rate", "features", "labels"])
def test_what_is_another_training_starts_anew(study, settings, tmp_path, what, capsys):
    """Other settings, another seed, other data: nothing of the old run is taken up."""
    changes = {}
    if what == "seed":
        changes["seed"] = 4
    elif what == "rate":
        changes["temporal"] = settings.temporal.model_copy(update={"learning_rate": 0.01})
    elif what == "labels":
        changes["manifest"] = tmp_path / "manifest.csv"
        text = study.inputs["manifest"].read_text()
        other = text.replace("F001_happy,F001,female,happy", "F001_happy,F001,female,sad")
        changes["manifest"].write_text(other)
        assert other != text
    interrupted(study, settings, tmp_path)
    if what == "features":
        file = study.folder / "none" / "F001.h5"
        os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1))
    with counted() as epochs:
        fold(study, settings, tmp_path / "out", tmp_path / "run", **changes)
    assert epochs[:4] == [0, 1, 2, 3]
    assert "is of another run" in capsys.readouterr().err


def test_short_runs_keep_no_checkpoint(study, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 60.0)
    kept: list[Callable] = []
    monkeypatch.setattr(module.Learner, "on_save_checkpoint", lambda *_: kept.append(1))
    fold(study, settings, tmp_path / "out", tmp_path / "run", finalize=None, tested=False)
    assert kept == []


def test_two_processes_share_no_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(checkpoints, "LEASE", 0)
    code = (
        "import sys\nfrom ferflow.training import checkpoints\n"
        "with checkpoints.of_job(sys.argv[1]) as folder:\n    print(folder, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline().strip() == str(tmp_path / "run")
        with checkpoints.of_job(tmp_path / "run") as folder:
            assert folder is None
        assert "another process trains in" in capsys.readouterr().err
        assert (tmp_path / "run").is_dir()  # it is not ours to remove
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with checkpoints.of_job(tmp_path / "run") as folder:
        assert folder == tmp_path / "run"  # what a killed process held is free
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("long", [False, True])
def test_a_run_that_is_told_to_end_keeps_its_epoch(study, settings, tmp_path, monkeypatch, long):
    """A short epoch comes to its end and is kept though none was due; a long one is trained again."""
    monkeypatch.setattr(checkpoints, "EVERY", 60.0)
    step = module.Learner.training_step

    def terminated(self, batch, number):
        if self.current_epoch == 1 and number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            if long:
                monkeypatch.setattr(checkpoints, "EVERY", 0.0)
        return step(self, batch, number)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(module.Learner, "training_step", terminated)
        fold(study, settings, tmp_path / "out", tmp_path / "run")
    assert ended.value.code == 128 + signal.SIGTERM and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert not (tmp_path / "out").exists()
    with counted() as epochs:
        fold(study, settings, tmp_path / "out", tmp_path / "run")
    assert epochs[:2] == ([0, 1] if long else [2, 3])


def test_writing_checkpoints_takes_a_small_part_of_the_time(study, settings, tmp_path, monkeypatch):
    """A checkpoint that takes a second to write waits for thirty of training."""
    monkeypatch.setattr(checkpoints, "WRITING", 30)
    from ferflow.training.fit import _Last

    saved = []

    def slow(self, _trainer):
        saved.append(1)
        self.saved, self.kept, self.took = time.monotonic(), True, 1.0

    monkeypatch.setattr(_Last, "_save", slow)
    fold(study, settings, tmp_path / "out", tmp_path / "run", finalize=None, tested=False)
    assert len(saved) == 2  # the first epoch's, and the last one's
