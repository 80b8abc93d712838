"""Images per class and data set, compared with the published numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import fer2013, manifest
from ferflow.datasets.image_sets import PARTS_BY_SUBJECT, Counted, by_class, count
from ferflow.report import reference
from ferflow.report.papers import NOT_COMPARABLE
from ferflow.settings import Sequences, Stills

TOTAL = "total"
FER2013 = "FER2013"
SETS = {"ckplus": "CK+", "jaffe": "JAFFE", "kdef": "KDEF+AKDEF"}
"""The other columns of the compact paper's Figure 4, by the name of their reader."""
FIGURE_4, TABLE_3_3 = "compact, Figure 4", "thesis, Table 3.3"
NOWHERE = "no paper: this study's parts"
"""Source of the parts of a set that has no official ones."""
JAFFE_TEXT = {"angry": 30, "disgust": 29, "fear": 33, "happy": 30, "sad": 31, "surprise": 30, "neutral": 30}
"""JAFFE in the compact paper's text (section 3), which differs from its figure."""


class Part(NamedTuple):
    """Images of a data set or of one of its parts, and where numbers of them are published."""

    dataset: str
    split: str
    source: str
    counted: Counted | None
    reason: str
    """Why nothing is counted."""

    def numbers(self) -> dict[str, int | None]:
        """Images by class, and in all."""
        if self.counted is None:
            return dict.fromkeys((*EMOTIONS_CONTEMPT, TOTAL))
        return {**self.counted.images, TOTAL: self.counted.total}


def write(
    manifest_csv: str | Path,
    folders: Mapping[str, str | None],
    sequences: Sequences,
    stills: Stills,
    out: str | Path,
) -> None:
    """Schema `image_counts`: the compact paper's Figure 4 and the thesis's Table 3.3, and the study's counts.

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
    parts = [Part(FER2013, "", FIGURE_4, whole, reason)]
    for name, dataset in SETS.items():
        parts.append(Part(dataset, "", FIGURE_4, *_copy(name, folders.get(name), sequences)))
    if stills.by_subject:
        for split, name in PARTS_BY_SUBJECT.items():
            images = listed.loc[listed["split"] == split]
            form = f"faces of {images['subject_id'].nunique()} subjects"
            counted = Counted(by_class(images["emotion"]), form, synthetic)
            parts.append(Part(SETS[stills.source], name, NOWHERE, counted, ""))
    else:
        parts += _by_part(listed, synthetic)
    tables.write(_table(parts), out, "image_counts")


def of_stills(path: str | Path, synthetic: bool) -> pd.DataFrame:
    """Schema `image_counts`: the counts of the thesis's Table 3.3 and of the copy of FER2013 at `path`.

    `synthetic` says that what lies there only stands for it. Raises InputError as `fer2013.read`.
    """
    return _table(_by_part(fer2013.read(path).table, synthetic))


def _copy(name: str, folder: str | None, sequences: Sequences) -> tuple[Counted | None, str]:
    """The counts of a set, or the reason why there are none."""
    if folder is None:
        return None, f"no copy: images.folders.{name} names no folder"
    if not Path(folder).exists():
        return None, f"no copy at {folder}"
    return count(name, folder, sequences), ""


def _by_part(listed: pd.DataFrame, synthetic: bool) -> list[Part]:
    parts = []
    for split in fer2013.USAGES:
        emotions = listed.loc[listed["split"] == split, "emotion"]
        counted = Counted(by_class(emotions), "", synthetic) if len(emotions) else None
        reason = "" if len(emotions) else f"this copy does not say which images are of {split}"
        parts.append(Part(FER2013, split, TABLE_3_3, counted, reason))
    return parts


def _table(parts: Iterable[Part]) -> pd.DataFrame:
    rows = [
        {
            "dataset": part.dataset,
            "split": part.split,
            "emotion": emotion,
            "source": part.source,
            "ours": number,
            "synthetic": part.counted is not None and part.counted.synthetic,
            "reason": part.reason,
            "form": part.counted.form if part.counted and emotion == TOTAL else "",
        }
        for part in parts
        for emotion, number in part.numbers().items()
    ]
    table = pd.DataFrame(rows).astype({"ours": "Int64"})
    for paper in ("compact", "thesis"):
        table = reference.with_published(paper, "image_counts", table, {"ours": "published"})
    printed = table.groupby(["dataset", "split"])["published"]
    is_total, in_paper = table["emotion"] == TOTAL, printed.transform("count") > 0
    # The thesis prints no totals.
    table["published"] = table["published"].mask(
        is_total & in_paper & table["published"].isna(), printed.transform("sum")
    )
    table = table.astype({"published": "Int64"})
    table["difference"] = (table["ours"] - table["published"]).mask(table["synthetic"])
    table["note"] = [
        "; ".join(filter(None, [row.reason, NOT_COMPARABLE * row.synthetic, _remark(row) * known, row.form]))
        for row, known in zip(table.itertuples(), in_paper, strict=True)
    ]
    # Without classes that neither has.
    return tables.from_rows(table[table["published"].notna() | (table["ours"].fillna(0) > 0)], "image_counts")


def _remark(row) -> str:
    """A remark on a printed number."""
    if pd.isna(row.published):
        return "not in the paper"
    if (row.dataset, row.emotion) == ("CK+", "contempt"):
        return "the paper heads it neutral"
    if row.dataset == "JAFFE" and JAFFE_TEXT.get(row.emotion, row.published) != row.published:
        return f"the paper's text says {JAFFE_TEXT[row.emotion]}"
    return ""
