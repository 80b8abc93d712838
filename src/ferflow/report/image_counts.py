"""Images per class and data set, beside the numbers that the papers print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import fer2013, manifest
from ferflow.datasets.image_sets import PARTS_BY_SUBJECT, Counted, by_class, count
from ferflow.report.papers import NOT_COMPARABLE, published
from ferflow.settings import Sequences, Stills

TOTAL = "total"
FER2013 = "FER2013"
SETS = {"ckplus": "CK+", "jaffe": "JAFFE", "kdef": "KDEF+AKDEF"}
"""The other columns of the compact paper's Figure 4, by the name of their reader."""
FIGURE_4, TABLE_3_3 = "compact, Figure 4", "thesis, Table 3.3"
NOWHERE = "no paper: this study's parts"
"""Of the parts of a set that has no official ones."""
PRINTED_AS = {("CK+", "neutral"): "contempt"}
"""CK+'s labelled sequences have no neutral ones: what Figure 4 heads so is contempt."""
JAFFE_TEXT = {
    "angry": 30,
    "disgust": 29,
    "fear": 33,
    "happy": 30,
    "sad": 31,
    "surprise": 30,
    "neutral": 30,
}
"""The same paper's text (section 3), which differs from its figure."""


def write(
    manifest_csv: str | Path,
    folders: Mapping[str, str | None],
    sequences: Sequences,
    stills: Stills,
    out: str | Path,
) -> None:
    """Schema `image_counts`: the compact paper's Figure 4 and the thesis's Table 3.3 beside what is here.

    `manifest_csv` lists the images that stand for FER2013; `folders` (settings `images.folders`) says
    where the copies of the other sets lie, if anywhere. A set without a copy keeps its rows, with the reason.
    Where `stills` are such a set, the manifest lists its faces by the parts of its subjects.
    """
    listed = manifest.read(manifest_csv)
    synthetic = bool(listed["synthetic"].any())
    whole: Counted | None = Counted(by_class(listed["emotion"]), "", synthetic)
    reason = ""
    if stills.by_subject:
        whole, reason = None, "no copy: the images of this study are of another set"
        folders = {**folders, stills.source: stills.path}
    rows = _rows(FER2013, "", FIGURE_4, _printed("compact", "fig4", FER2013), whole, reason)
    for name, column in SETS.items():
        counted, reason = _copy(name, folders.get(name), sequences)
        rows += _rows(column, "", FIGURE_4, _printed("compact", "fig4", column), counted, reason)
    if stills.by_subject:
        for part, name in PARTS_BY_SUBJECT.items():
            mine = listed.loc[listed["split"] == part]
            form = f"faces of {mine['subject_id'].nunique()} subjects"
            counted = Counted(by_class(mine["emotion"]), form, synthetic)
            rows += _rows(SETS[stills.source], name, NOWHERE, {}, counted, "")
    else:
        rows += _by_part(listed, synthetic)
    tables.write(_frame(rows), out, "image_counts")


def of_stills(path: str | Path, synthetic: bool) -> pd.DataFrame:
    """Schema `image_counts`: the thesis's Table 3.3 beside the copy of FER2013 at `path`.

    `synthetic` says that what lies there only stands for it. Raises InputError as `fer2013.read`.
    """
    return _frame(_by_part(fer2013.read(path).table, synthetic))


def _by_part(listed: pd.DataFrame, synthetic: bool) -> list[dict]:
    rows = []
    for part in published("thesis", "3.3")["split"].unique():
        mine = listed.loc[listed["split"] == part, "emotion"]
        counted = Counted(by_class(mine), "", synthetic) if len(mine) else None
        reason = "" if len(mine) else f"this copy does not say which images are of {part}"
        rows += _rows(FER2013, part, TABLE_3_3, _printed("thesis", "3.3", part), counted, reason)
    return rows


def _frame(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=tables.schema("image_counts").names)
    numbers = ["published", "ours", "difference"]
    frame[numbers] = frame[numbers].astype("Int64")
    return frame


def _copy(name: str, folder: str | None, sequences: Sequences) -> tuple[Counted | None, str]:
    if folder is None:
        return None, f"no copy: images.folders.{name} names no folder"
    if not Path(folder).exists():
        return None, f"no copy at {folder}"
    return count(name, folder, sequences), ""


def _printed(study: str, table: str, split: str) -> dict[str, int]:
    """What a paper prints, by class; with the total where the paper has none of its own."""
    rows = published(study, table)
    rows = rows[rows["split"] == split]
    printed = {
        PRINTED_AS.get((split, row.item), row.item): int(row.value) for row in rows.itertuples(index=False)
    }
    return printed if TOTAL in printed else {**printed, TOTAL: sum(printed.values())}


def _rows(
    dataset: str, split: str, source: str, printed: dict[str, int], counted: Counted | None, reason: str
) -> list[dict]:
    rows = []
    for emotion in (*EMOTIONS_CONTEMPT, TOTAL):
        ours = None
        if counted is not None:
            ours = counted.total if emotion == TOTAL else counted.images[emotion]
        if emotion not in printed and not ours:
            continue  # a class that neither has
        value = printed.get(emotion)
        synthetic = counted is not None and counted.synthetic
        compared = ours is not None and value is not None and not synthetic
        notes = [
            reason,
            NOT_COMPARABLE if synthetic else "",
            _about(dataset, emotion, value) if printed else "",
        ]
        if counted is not None and emotion == TOTAL:
            notes.append(counted.form)
        rows.append(
            {
                "dataset": dataset,
                "split": split,
                "emotion": emotion,
                "source": source,
                "published": value,
                "ours": ours,
                "difference": ours - value if compared else None,
                "synthetic": synthetic,
                "note": "; ".join(note for note in notes if note),
            }
        )
    return rows


def _about(dataset: str, emotion: str, value: int | None) -> str:
    """What is known of a printed number."""
    if value is None:
        return "not in the paper"
    if dataset == "CK+" and emotion in PRINTED_AS.values():
        return "the paper heads it neutral"
    if dataset == "JAFFE" and JAFFE_TEXT.get(emotion, value) != value:
        return f"the paper's text says {JAFFE_TEXT[emotion]}"
    return ""
