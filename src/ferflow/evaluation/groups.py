"""Results of groups of clips apart: of women and men, of ages, of whatever a column of the manifest tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ferflow import tables
from ferflow.classes import SEXES
from ferflow.errors import SettingError
from ferflow.evaluation.bootstrap import Scale, Spread, interval, weighted_sum
from ferflow.evaluation.metrics import measure
from ferflow.evaluation.predictions import groups as by_model
from ferflow.evaluation.results import ONE, absent, draws, few_of, marks, n_subjects
from ferflow.settings import Evaluation, Settings

MEASURED = ("accuracy", "f1")
"""Metrics that are shown by group."""
DIFFERENCE = "difference"
SEX = "sex"
"""The column that is asked for unless a study says otherwise; where it is empty, nothing is missed."""
SEXED = ("kdef",)
"""Image sets whose file names tell the sex."""
MOST = 20
"""Groups of a column: ages in years are no groups."""


def used(columns: Mapping[str, Sequence[str]], asked: Sequence[str]) -> list[str]:
    """Those of the `asked` columns that tell clips apart; `columns` are a list of clips, as text.

    Raises SettingError for a column that is not there, is empty throughout or has more than MOST groups; an
    empty `sex` is passed over.
    """
    found = []
    for name in asked:
        groups = names_of(columns.get(name, ()))
        if groups and len(groups) <= MOST:
            found.append(name)
        elif groups:
            problem = f"{name} has {len(groups)} different values, more than {MOST}"
            raise SettingError("evaluation.by", problem, "write groups of them into a column")
        elif name != SEX:
            problem = f"the clips have no {name}" if name not in columns else f"{name} is empty for all clips"
            raise SettingError("evaluation.by", problem, "fill in that column of the table, or leave it out")
    return found


def grouped_by(settings: Settings) -> list[str]:
    """The columns of `evaluation.by` that put the study's clips or images into groups; opens none of them.

    Of image sets only those have a sex whose file names tell it. Raises SettingError for a column that clips
    or images do not have, and where folds are to be compared by their sexes and no clip has one.
    """
    if settings.kind != "clips":
        return _of_images(settings)
    columns = {SEX: list(SEXES)}
    if settings.dataset.name == "manifest" and settings.dataset.manifest is not None:
        listed = tables.read(settings.dataset.manifest, "clips")
        needed = {SEX, *settings.evaluation.by}
        columns = {name: listed[name].str.strip().tolist() if name in needed else [] for name in listed}
    if settings.splits.compared and not used(columns, [SEX]):
        problem = "the clips have no sex, in which the two kinds of folds differ"
        raise SettingError("splits.compared", problem, "fill in that column of the table, or set it to []")
    return used(columns, settings.evaluation.by)


def _of_images(settings: Settings) -> list[str]:
    """The columns of `evaluation.by`, each one of the manifest's own; its job is still to come."""
    known = tables.schema("manifest").names
    if unknown := [name for name in settings.evaluation.by if name not in known]:
        raise SettingError("evaluation.by", f"the images have no {unknown[0]}", f"known: {', '.join(known)}")
    sexes = settings.kind == "images" and settings.stills.source in SEXED
    return [name for name in settings.evaluation.by if name != SEX or sexes]


def names_of(column: Sequence[str]) -> list[str]:
    """The groups of a column, sorted; an empty cell belongs to none."""
    return sorted({str(name) for name in column if not pd.isna(name) and str(name)})


def results_by(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    by: Sequence[str],
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `results_by` from a checked predictions table (with `synthetic`) and its clips' manifest.

    Clips that have no entry in a column are left out there. Folds are pooled, since a fold may lack a group.
    Where a column has two groups, their difference (the first less the second) is a row, unless one of them
    has no clip; a group without a clip has empty cells.
    """
    listed = manifest.set_index("clip_id")
    parts = [by_group(predictions, name, listed[name], emotions, settings, seed) for name in by]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return tables.from_rows(table, "results_by")


def by_group(
    predictions: pd.DataFrame,
    column: str,
    group_of: pd.Series,
    emotions: Sequence[str],
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """The rows of one column; `group_of` maps a clip to its group, or to nothing."""
    rows = []
    groups = names_of(group_of)
    own = predictions["clip_id"].map(group_of).fillna("").astype(str)
    for who, chosen in by_model(predictions):
        values, spreads = {}, {}
        common, mark = {**who, "by": column}, marks(chosen)
        for place, name in enumerate(groups):
            part = chosen[own.loc[chosen.index] == name]
            remarks = ["no clips"] if part.empty else [absent(part, emotions)]
            if not part.empty:
                values[name] = measure(part["emotion"], part["predicted"], emotions)
                spreads[name] = draws(part, emotions, settings, seed + place)
            found = values.get(name), spreads.get(name)
            rows += _rows(common, name, part, *found, settings, mark, remarks)
        if len(values) == len(groups) == 2:
            first, second = groups
            both = chosen[own.loc[chosen.index].isin(groups)]
            less = {m: values[first][m] - values[second][m] for m in MEASURED}
            apart = None
            if spreads[first] is not None and spreads[second] is not None:
                both_draws = {m: [spreads[first][m], spreads[second][m]] for m in MEASURED}
                apart = {m: weighted_sum(pair, [1, -1]) for m, pair in both_draws.items()}
            remarks = [f"{first} less {second}"]
            rows += _rows(common, DIFFERENCE, both, less, apart, settings, mark, remarks, "difference")
    return pd.DataFrame(rows)


def _rows(
    common: dict,
    group: str,
    part: pd.DataFrame,
    values: dict[str, float] | None,
    spread: dict[str, Spread] | None,
    settings: Evaluation,
    mark: dict,
    remarks: list[str],
    scale: Scale = "share",
) -> list[dict]:
    if values is not None:
        remarks = [*remarks, ONE if spread is None else few_of(part)]
    rows = []
    for metric in MEASURED:
        value, low, high = None if values is None else values[metric], None, None
        if spread is not None:
            low, high = interval(value, spread[metric], settings.confidence, scale)
        about = {"group": group, "metric": metric, "value": value, "low": low, "high": high}
        size = {"n_clips": len(part), "n_subjects": n_subjects(part)}
        note = "; ".join(filter(None, [*remarks, mark["note"]]))
        rows.append(common | about | size | mark | {"note": note})
    return rows
