"""The study of the thesis with made-up results: what its trainings would write, and its report from that."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import prediction_study

from fer2013_csv import write_stills
from ferflow import layout, settings, tables
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.datasets import bu4dfe
from ferflow.evaluation import predictions
from ferflow.parts import report_steps
from ferflow.runs.failed_jobs import FailedJob, Unmade
from ferflow.steps import preflight, run
from ferflow.steps.files import ClipFiles, files_of
from ferflow.training import splits

REPOSITORY = Path(__file__).parents[2]
STUDY = REPOSITORY / "workflow/studies/thesis.yaml"
SKILLS = {"lstm": 1.0, "bilstm": 1.1, "cnn1d": 1.4, "c3d": 0.5, "convlstm": 0.3}
STILLS = {"Training": 3, "PublicTest": 3, "PrivateTest": 5}
"""Images of each class and part."""


def write(folder: Path, network: str, absent: Sequence[str] = (), failed: str = "") -> ClipFiles:
    """What the trainings of the study write, with `network` under its heads and without `absent` subjects.

    `failed` is a comparison's run whose first fold ran out of memory.
    """
    subjects = [name for name in (*bu4dfe.SUBJECTS, *bu4dfe.ABSENT) if name not in absent]
    root = folder / "data/raw/bu4dfe"
    root.mkdir(parents=True)
    for subject in subjects:
        for emotion in EMOTIONS:
            (root / f"{subject}_{emotion}_tex.avi").touch()
    (folder / "data/raw/fer2013").mkdir()
    write_stills(folder / "data/raw/fer2013/fer2013.csv", STILLS)
    changed = {"evaluation": {"bootstrap": 20}, "spatial": {"network": network}}
    # What takes most of the time is left out.
    left_out = dict.fromkeys(("lstm_bilstm_cnn1d", "cnn1d_c3d", "all"))
    changed["fusion"] = {"best": None, "stacking": None, "sets": left_out}
    changed["experiments"] = {"compared": ["baseline", "c3d-depth"]}
    if network != "vggface":
        changed["spatial"]["pretrained"] = "vgg16-397923af.pth"
    with contextlib.chdir(folder):
        ready = preflight.look(settings.load(REPOSITORY / "params.yaml", STUDY, more=changed))
        study = files_of(ready, _unmade(files_of(ready), failed))
        _write_data(study)
        _write_trainings(study)
    return study


def _unmade(study: ClipFiles, run: str) -> Unmade:
    if not run:
        return Unmade()
    outputs = [f"{study.at(layout.EXPERIMENT_FOLD, run=run, fold=0)}/predictions.csv"]
    name = f"experiment_frames_fold {run} 0"
    return Unmade([FailedJob(name, "it exceeded its memory (24300 of 22000 MB)", outputs)])


def _write_data(study: ClipFiles) -> None:
    sexes = {clip.subject_id: clip.sex for clip in study.ready.clips}
    clips = prediction_study.clips(sexes)
    about = {"source": "a.avi", "n_frames": 100, "fps": 25.0, "width": 1040, "height": 1329}
    clips = clips.assign(split="", sha256="0" * 64, synthetic=False, **about)
    for path in (study.at(layout.MANIFEST), study.clips):
        tables.write(clips, path, "manifest")
    kept = {"begin": 5, "end": 90, "max_score": 1.0, "anomaly": False, "reason": "", "overridden": False}
    tables.write(clips[["clip_id", "n_frames"]].assign(**kept), study.trim, "trim")
    split, _ = splits.planned(study.settings, study.ready.clips)
    splits.write(split, study.splits)
    tables.write(tables.from_rows([], "unusable"), study.table("unusable"), "unusable")


def _write_trainings(study: ClipFiles) -> None:
    clips, split = tables.read(study.clips, "manifest"), splits.read(study.splits)
    rng = np.random.default_rng(0)
    sides = split["folds"]

    def predict(path: str, model: str, skill: float, fold: int | None, protocol: str) -> None:
        rows = clips[clips["subject_id"].isin(split["test"] if protocol == "test" else sides[fold])]
        shares = prediction_study.scores(rows["emotion"].map(EMOTIONS.index).to_numpy(), skill, rng)
        named = (model, protocol, fold, study.settings.seed)
        predictions.write(predictions.table(rows, shares, EMOTIONS, *named), path)

    def learn(path: str) -> None:
        rates = {"train_loss": [1.5, 1.0], "train_accuracy": [0.4, 0.7], "validation_loss": [1.6, 1.4]}
        rates["validation_accuracy"] = list(rng.uniform(0.3, 0.6, 2).round(3))
        tables.write(pd.DataFrame({"epoch": [1, 2], **rates, "learning_rate": 1e-4}), path, "history")

    for name, model in study.models.items():
        folds, final = (
            (layout.FOLD, layout.FINAL)
            if name in study.heads
            else (layout.END_TO_END_FOLD, layout.END_TO_END_FINAL)
        )
        for fold in study.folds:
            folder = study.at(folds, head=name, network=name, fold=fold)
            predict(f"{folder}/predictions.csv", model, SKILLS[name], fold, "cv")
            predict(f"{folder}/fold_test_predictions.csv", model, SKILLS[name], fold, "test")
            learn(f"{folder}/history.csv")
            learn(f"{folder}/early_history.csv")
        folder = study.at(final, head=name, network=name)
        predict(f"{folder}/predictions.csv", model, SKILLS[name], None, "test")
        learn(f"{folder}/history.csv")
    for name in study.runs:
        for fold in study.folds:
            folder = study.at(layout.EXPERIMENT_FOLD, run=name, fold=fold)
            predict(f"{folder}/predictions.csv", name, 0.8, fold, "cv")
            learn(f"{folder}/history.csv")
    _write_spatial(study, rng)


def _write_spatial(study: ClipFiles, rng: np.random.Generator) -> None:
    network, count = study.settings.spatial.network, STILLS["PrivateTest"]
    truth = np.repeat(np.arange(7), count)
    shares = rng.dirichlet(np.ones(7), len(truth))
    shares[np.arange(len(truth)), truth] += rng.uniform(0, 1, len(truth))
    shares /= shares.sum(1, keepdims=True)
    stills = pd.DataFrame({"clip_id": [f"i{k}" for k in range(len(truth))], "subject_id": ""})
    stills["emotion"] = np.take(EMOTIONS_NEUTRAL, truth)
    named = (EMOTIONS_NEUTRAL, network, "test", None, study.settings.seed)
    predictions.write(predictions.table(stills, shares, *named), f"{study.spatial}/predictions.csv")
    right = float((shares.argmax(1) == truth).mean())
    row = {"network": network, "model": network, "parameters": 39727111, "blocks": 2, "ours": right}
    rows = [row | {"synthetic": False, "note": ""}]
    tables.write(tables.from_rows(rows, "finetuned"), study.table("finetuned"), "finetuned")


def report(
    folder: Path, study: ClipFiles, skipped: str = "finetuned|figures_.*|fold_models|results_by_column"
) -> set[str]:
    """Make what of the report rests on these files alone, but for `skipped`; the names of its steps."""
    made: set[str] = set()
    with contextlib.chdir(folder):
        waiting = {step.name: step for step in report_steps(study) if not re.fullmatch(skipped, step.name)}
        listed = waiting.pop("render_tables")
        while ready := [s for s in waiting.values() if _there(run.flat(s.inputs.values()))]:
            for step in ready:
                _make(
                    study, step, step.inputs, {name: _paths(study, one) for name, one in step.outputs.items()}
                )
                made.add(waiting.pop(step.name).name)
        shown = listed.given["shown"]
        there = [name for name in shown if Path(study.table(name)).exists()]
        given = listed.given | {"shown": {name: shown[name] for name in there}}
        pages = {
            end: [f"{study.at(layout.TABLES)}/{name}.{end}" for name in there]
            for end in ("html", "md", "tex")
        }
        params = listed.params(study.settings, **given)
        run.call(listed.call, {"tables_csv": [study.table(name) for name in there]}, pages, params)
    return made


def _there(paths: Sequence[str]) -> bool:
    return all(Path(path).exists() for path in paths)


def _paths(study: ClipFiles, outputs: object) -> object:
    return [study.path(one) for one in outputs] if isinstance(outputs, list) else study.path(outputs)


def _make(study: ClipFiles, step, inputs: dict, outputs: dict) -> None:
    for path in run.flat(outputs.values()):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    run.call(step.call, inputs, outputs, step.params(study.settings, **step.given), {"threads": 1})


def everybody() -> list[SimpleNamespace]:
    """The people of BU-4DFE, as the split looks at them."""
    sexes = {"F": "female", "M": "male"}
    return [
        SimpleNamespace(subject_id=name, sex=sexes[name[0]], split="", fold="") for name in bu4dfe.SUBJECTS
    ]
