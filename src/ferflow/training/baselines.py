"""Models without a head over time, tested in the same folds: what a head must beat to be worth its training.

The majority class of the training side; the image network's probabilities of the frames, averaged over the
clip, plainly or by their distance from neutral; and a logistic regression on what a clip's frames are on
average and how far they spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.aus.trim import au_score
from ferflow.classes import AU_COLUMNS
from ferflow.evaluation.clip_answer import weighted_mean
from ferflow.evaluation.predictions import table
from ferflow.features import store
from ferflow.fusion.stacking import prior, regression
from ferflow.models import spatial as networks
from ferflow.settings import BASELINE_CONTROLS, Settings
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import training_subjects
from ferflow.training.data import Study, refuse_leak

LEAST = 1e-6
"""Probabilities below are taken as this before their logarithm."""
NEUTRAL = "neutral"


@dataclass(frozen=True)
class Pooled:
    """What there is of each of N clips, in the order of the study's clips.

    `mean` and `weighted`: probabilities [N,K] of the study's classes; `inputs` [N,I] of the logistic
    regression: mean and standard deviation, over the frames, of the features, the log probabilities and the
    action units.
    """

    mean: np.ndarray
    weighted: np.ndarray
    inputs: np.ndarray


def write(
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    aus: Sequence[str | Path],
    spatial: str | Path,
    out_folder: str | Path,
    settings: Settings,
) -> None:
    """Write `<model>.csv` (schema `predictions`) of each of `settings.baselines.run` to `out_folder`.

    `features` are the store's files of layer `dense`, from which the classifier of the network `spatial`
    gives the probabilities of the frames; `aus` are the AU tables. A fold is predicted by models of the other
    folds, the test subjects, if any, by models of all folds. Raises SplitError as `crossval.run_fold`.
    """
    split = subject_splits.read(splits)
    own = settings.features
    study = Study.read(manifest, trim, features, settings.emotions, own.max_frames)
    pooled = pool(study, aus, spatial)
    subjects = study.clips["subject_id"].to_numpy()
    sides = [
        (training_subjects(split, without=number), fold, "cv", number)
        for number, fold in enumerate(split["folds"])
    ]
    if split["test"]:
        sides.append((training_subjects(split), split["test"], "test", None))
    for name, called in settings.baselines.models().items():
        model, role = MODELS[name], "control" if name in BASELINE_CONTROLS else "baseline"
        rows = []
        for learned_from, tested, protocol, fold in sides:
            training, held_out = np.isin(subjects, learned_from), np.isin(subjects, tested)
            refuse_leak(study.clips[training], study.clips[held_out], split["protocol"])
            probabilities = model(study, pooled, training, held_out, settings)
            columns = study.classes, called, protocol, fold, settings.seed
            rows.append(table(study.clips[held_out], probabilities, *columns, role=role))
        tables.write(pd.concat(rows, ignore_index=True), Path(out_folder) / f"{name}.csv", "predictions")


def pool(study: Study, aus: Sequence[str | Path], spatial: str | Path) -> Pooled:
    """Read the kept frames of all clips of `study` and pool each clip's."""
    import torch

    network, about = networks.load(spatial)
    known = list(about["classes"])
    # Of classes that the network does not know there are no means; `planning.preflight` refuses those.
    kept = [known.index(name) for name in study.classes if name in known]
    neutral = known.index(NEUTRAL) if NEUTRAL in known else None
    units = _action_units(aus)
    rows = []
    for clip in study.clips.itertuples():
        path, window = study.files["none", clip.subject_id], study.windows[clip.clip_id]
        seen = store.read(path, clip.clip_id, *window, study.max_frames).astype(np.float32)
        runs = store.read_runs(path, clip.clip_id, *window, study.max_frames)
        numbers = np.concatenate([np.arange(begin, end) for begin, end in runs])
        with torch.inference_mode():
            probabilities = network.classifier(torch.from_numpy(seen)).double().softmax(1).numpy()
        curves = units[clip.clip_id].iloc[numbers]
        weighted, _ = weighted_mean(probabilities, neutral, au_score(curves))
        inputs = np.hstack([seen, np.log(np.maximum(probabilities, LEAST)), _known(curves)])
        means = _of(probabilities.mean(0), kept), _of(weighted, kept)
        rows.append((*means, np.r_[inputs.mean(0), inputs.std(0)]))
    return Pooled(*(np.stack(column) for column in zip(*rows, strict=True)))


def _action_units(aus: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """The rows of each clip in the AU tables, in the order of its frames."""
    frames = pd.concat([tables.read(path, "aus") for path in aus])
    return {clip: rows.sort_values("frame") for clip, rows in frames.groupby("clip_id")}


def _known(curves: pd.DataFrame) -> np.ndarray:
    """Intensities [T,17]; a frame that has none takes the clip's mean, a clip without any 0."""
    values = curves[list(AU_COLUMNS)]
    return values.fillna(values.mean()).fillna(0).to_numpy(float)


def _of(probabilities: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Probabilities of the study's classes alone, as far as the network knows them."""
    left = probabilities[kept]
    return left / left.sum()


def _majority(study: Study, pooled: Pooled, training, held_out, settings: Settings) -> np.ndarray:
    """The shares of the classes on the training side; the first of several equal ones wins."""
    counts = study.clips["emotion"][training].value_counts()
    shares = np.array([counts.get(name, 0) for name in study.classes], float)
    return np.tile(shares / shares.sum(), (int(held_out.sum()), 1))


def _logistic(inputs: np.ndarray, study: Study, training, held_out, settings: Settings) -> np.ndarray:
    """Logistic regression on standardised `inputs` [N,I], whose penalty is chosen on the training side alone.

    Each candidate is validated on subjects that it did not see, by its log loss; of equal ones the strongest.
    """
    truth = study.clips["emotion"].map({name: k for k, name in enumerate(study.classes)}).to_numpy()
    groups = study.clips["subject_id"].to_numpy()[training]
    own = settings.baselines
    how = groups, own.strengths, own.inner_folds, settings.seed
    search = regression(inputs[training], truth[training], *how)
    fitted = prior(inputs[training], truth[training]) if search is None else search.best_estimator_
    probabilities = np.zeros((int(held_out.sum()), len(study.classes)))
    probabilities[:, fitted.classes_] = fitted.predict_proba(inputs[held_out])
    return probabilities


def less_subject(inputs: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """`inputs` [N,I] less the mean over the clips of the same subject, whatever their labels are."""
    means = pd.DataFrame(inputs).groupby(subjects).transform("mean").to_numpy()
    return inputs - means


Model = Callable[[Study, Pooled, np.ndarray, np.ndarray, Settings], np.ndarray]
MODELS: dict[str, Model] = {
    "majority": _majority,
    "mean": lambda study, pooled, training, held_out, settings: pooled.mean[held_out],
    "weighted_mean": lambda study, pooled, training, held_out, settings: pooled.weighted[held_out],
    "logistic": lambda study, pooled, *sides: _logistic(pooled.inputs, study, *sides),
    "logistic_subject": lambda study, pooled, *sides: _logistic(
        less_subject(pooled.inputs, study.clips["subject_id"].to_numpy()), study, *sides
    ),
}
"""By their names in `baselines.run`: probabilities [M,K] of the clips `held_out`, learnt from `training`."""
