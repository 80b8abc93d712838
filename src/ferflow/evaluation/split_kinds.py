"""The effect of folds of one sex: a head cross-validated in the thesis's folds and in stratified ones.

The thesis's folds are blocks of its list of subjects (Figure 3.6), so that four of five hold women or men
alone, and a head is validated on the sex of which its training holds fewer. Stratified folds of the same
subjects, with nothing else changed, show what of the accuracy, its spread and its gap comes of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import SEXES
from ferflow.errors import InputError
from ferflow.evaluation import predictions as predictions_table
from ferflow.evaluation.compare import difference_interval
from ferflow.evaluation.groups import SEX, by_group
from ferflow.evaluation.results import marks, results
from ferflow.settings import SCHEMES, Evaluation

DIFFERENCE = "difference"
OF_SEX = dict(zip(SEXES, ("women", "men"), strict=True))


def split_kinds(
    predictions: Mapping[str, pd.DataFrame],
    histories: Mapping[str, Sequence[pd.DataFrame]],
    sexes: pd.Series,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `split_kinds` of one model.

    `predictions` has of each scheme a checked table (with `synthetic`) of cross-validation, `histories` the
    learning curves (schema `history`) of its folds in their order, `sexes` maps a clip to female, male or
    nothing. Raises InputError where the schemes hold different clips.
    """
    tidy = {scheme: predictions[scheme].sort_values("clip_id", ignore_index=True) for scheme in SCHEMES}
    first, second = tidy.values()
    if first["clip_id"].tolist() != second["clip_id"].tolist():
        raise InputError("split_kinds", "the two kinds of folds hold other clips", "run both again")
    rows = []
    for scheme, frame in tidy.items():
        rows += _of_scheme(scheme, frame, histories[scheme], sexes, emotions, settings, seed)
    rows.append(_difference(tidy, sexes, settings, seed))
    table = pd.DataFrame(rows).assign(model=first["model"].iloc[0], **marks(first))
    return tables.from_rows(table, "split_kinds")


def write(
    prediction_csvs: Mapping[tuple[str, str], Sequence[str | Path]],
    history_csvs: Mapping[tuple[str, str], Sequence[str | Path]],
    manifest_csv: str | Path,
    output: str | Path,
    settings: Evaluation,
    seed: int,
    emotions: Sequence[str],
    protocol: str = "honest",
) -> None:
    """Write schema `split_kinds` from the files of each (model, scheme), one per fold in their order."""
    sexes = tables.read(manifest_csv, "manifest").set_index("clip_id")["sex"]
    parts = []
    for model in dict.fromkeys(name for name, _ in prediction_csvs):
        predictions, curves = {}, {}
        for scheme in SCHEMES:
            paths = prediction_csvs[model, scheme]
            predictions[scheme] = predictions_table.read(paths, emotions, manifest_csv, protocol)
            curves[scheme] = [tables.read(path, "history") for path in history_csvs[model, scheme]]
        parts.append(split_kinds(predictions, curves, sexes, emotions, settings, seed))
    tables.write(pd.concat(parts, ignore_index=True), output, "split_kinds")


def _of_scheme(scheme, frame, histories, sexes, emotions, settings, seed) -> list[dict]:
    """The rows of all folds together and of each fold."""
    measured = results(frame, emotions, settings, seed, scored=())
    measured = measured[measured["metric"] == "accuracy"]
    training = [float(history["train_accuracy"].iloc[-1]) for history in histories]
    folds = measured[measured["fold"].notna()].sort_values("fold")
    if len(folds) != len(training):
        problem = f"there are predictions of {len(folds)} folds and curves of {len(training)}"
        raise InputError("split_kinds", problem, "run the other folds")
    values = folds["value"].astype(float)
    spread = {"spread": values.std(ddof=1), "least": values.min(), "greatest": values.max()}
    rows = []
    for row in pd.concat([measured[measured["fold"].isna()], folds]).to_dict("records"):
        fold = None if pd.isna(row["fold"]) else int(row["fold"])
        part = frame if fold is None else frame[frame["fold"] == fold]
        train = float(np.mean(training)) if fold is None else training[fold]
        numbers = {"scheme": scheme, "fold": fold, "n_clips": len(part), "accuracy": float(row["value"])}
        numbers |= {"low": row["low"], "high": row["high"]}
        numbers |= {"train_accuracy": train, "gap": train - float(row["value"])}
        numbers |= spread if fold is None else {}
        rows.append(numbers | _subjects(part, sexes) | _by_sex(part, sexes, emotions, settings, seed))
    return rows


def _subjects(part: pd.DataFrame, sexes: pd.Series) -> dict[str, int]:
    """The numbers of women and men."""
    sex = part["clip_id"].map(sexes)
    return {name: int(part.loc[sex == value, "subject_id"].nunique()) for value, name in OF_SEX.items()}


def _by_sex(part, sexes, emotions, settings, seed) -> dict[str, float]:
    table = by_group(part, SEX, sexes, emotions, settings, seed)
    numbers = {}
    for value, name in OF_SEX.items():
        rows = table[(table["group"] == value) & (table["metric"] == "accuracy")] if len(table) else table
        if len(rows) and rows["n_clips"].item():
            numbers[f"accuracy_{name}"] = float(rows["value"].item())
            numbers |= {f"{name}_{end}": rows[end].item() for end in ("low", "high")}
    return numbers


def _difference(tidy: Mapping[str, pd.DataFrame], sexes: pd.Series, settings: Evaluation, seed: int) -> dict:
    """Stratified less thesis, of all clips, women's and men's."""
    frame = tidy["stratified"]
    right = np.stack([(tidy[s]["emotion"] == tidy[s]["predicted"]).to_numpy() for s in SCHEMES[::-1]])
    sex = frame["clip_id"].map(sexes).to_numpy()
    row = {"scheme": DIFFERENCE, "fold": None, "n_clips": len(frame)} | _subjects(frame, sexes)
    sides = {"": np.ones(len(frame), bool)} | {name: sex == value for value, name in OF_SEX.items()}
    for name, side in sides.items():
        if side.any():
            on_side, subjects = right[:, side], frame.loc[side, "subject_id"]
            rng = np.random.default_rng(seed)
            ends = difference_interval(on_side, subjects, settings.bootstrap, settings.confidence, rng)
            row[f"accuracy_{name}".rstrip("_")] = float(on_side[0].mean() - on_side[1].mean())
            row |= {
                f"{name}_{end}".lstrip("_"): value for end, value in zip(("low", "high"), ends, strict=True)
            }
    return row
