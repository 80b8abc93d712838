"""Two controls against which the final model's accuracy is read.

Neutral frames only: the same cascade and recipe on frames without the expression, which should stay near
chance; if it does not, something other than the expression gives the emotion away. True action units: a
simple classifier on what the generator of synthetic clips knows, which says how far the clips can be told
apart at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import AU_COLUMNS
from ferflow.evaluation.predictions import table
from ferflow.settings import Settings
from ferflow.training import checkpoints
from ferflow.training import splits as subject_splits
from ferflow.training.crossval import head_of_settings, training_subjects
from ferflow.training.final import final_epochs, folds_table, run_final

TRUE_AUS = "control-true-aus"


def neutral_frames_name(head: str) -> str:
    """Name of the control that trains `head` on neutral frames."""
    return f"control-{head}-on-neutral-frames"


def neutral_frames(
    head: str,
    *,
    splits: str | Path,
    manifest: str | Path,
    trim: str | Path,
    features: Sequence[str | Path],
    early: Sequence[str | Path],
    truth: Sequence[str | Path],
    out: str | Path,
    settings: Settings,
    run: str | Path | None = None,
) -> None:
    """Train and test `head` as the final model, on each clip's neutral frames; write predictions to `out`.

    They are the frames before the true onset where `truth` (files of schema `truth`, a row per clip) gives
    it, else those that trimming cuts off before the kept ones. Of a clip without a face in any of them the
    first frame with a face is taken. Other arguments as in `final.train_final`.
    """
    from ferflow.features import store
    from ferflow.training.data import ORIGINAL

    split = subject_splits.read(splits)
    name = neutral_frames_name(head)
    training = head_of_settings(head, name, manifest, trim, features, settings)
    study = training.study
    onsets = _onsets(truth)
    windows = {}
    for clip in study.clips.itertuples():
        first, _ = store.read_runs(study.files[ORIGINAL, clip.subject_id], clip.clip_id, max_frames=1)[0]
        end = onsets.get(clip.clip_id, study.windows[clip.clip_id][0])
        windows[clip.clip_id] = (0, max(end, first + 1))
    study.windows.update(windows)  # by which `training` reads its clips
    epochs = final_epochs(folds_table(early).epoch.tolist())
    with checkpoints.of_job(run) as kept:
        *_, predictions = run_final(training, split, epochs, name, kept)
        tables.write(predictions.assign(role="control"), out, "predictions")


def true_aus(
    *,
    splits: str | Path,
    manifest: str | Path,
    truth_folder: str | Path,
    out: str | Path,
    settings: Settings,
) -> None:
    """Fit a logistic regression on the clips' true action units; write its predictions for the test subjects.

    Inputs are the mean and the greatest intensity of each AU over all frames of a clip, from
    `<truth_folder>/<subject>_<emotion>.csv` (schema `aus`), standardised on the training subjects.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from ferflow.training.data import refuse_leak

    split = subject_splits.read(splits)
    clips = tables.read(manifest, "manifest")
    clips = clips[clips.emotion.isin(settings.emotions)]
    training = clips[clips.subject_id.isin(training_subjects(split))]
    test = clips[clips.subject_id.isin(split["test"])]
    refuse_leak(training, test, split["protocol"])
    # Its iterations converge on standardised inputs of this size; the number is only a stop.
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(_summaries(training, truth_folder), training.emotion)
    order = [list(model.classes_).index(emotion) for emotion in settings.emotions]
    probabilities = model.predict_proba(_summaries(test, truth_folder))[:, order]
    columns = settings.emotions, TRUE_AUS, "test", None, settings.seed
    tables.write(table(test, probabilities, *columns, role="control"), out, "predictions")


def _onsets(truth: Sequence[str | Path]) -> dict[str, int]:
    rows = [tables.read(path, "truth") for path in truth]
    return {clip.clip_id: clip.onset for part in rows for clip in part.itertuples()}


def _summaries(clips: pd.DataFrame, folder: str | Path) -> np.ndarray:
    """Mean and maximum of every AU of each clip, [N, 2 × 17]."""
    rows = []
    for clip in clips.itertuples():
        curves = tables.read(Path(folder) / f"{clip.subject_id}_{clip.emotion}.csv", "aus")
        curves = curves[list(AU_COLUMNS)].to_numpy(float)
        rows.append(np.concatenate([np.nanmean(curves, axis=0), np.nanmax(curves, axis=0)]))
    return np.array(rows)
