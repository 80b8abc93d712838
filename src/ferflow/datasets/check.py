"""Compare a data set with what is known of it: subjects, clips, picture size and frame rate."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.datasets import bu4dfe, manifest
from ferflow.files import read_record
from ferflow.settings import Dataset, Synth4d

SHOWN = 6
"""Names that a table's field lists before it counts the rest."""
SIDES = "subjects of the test set and of the folds"


def write_check(
    manifest_csv: str | Path,
    splits_json: str | Path,
    unusable_csv: str | Path,
    out: str | Path,
    dataset: Dataset,
    synth4d: Synth4d,
) -> None:
    """Compare a manifest with what its data set is known to hold (schema `dataset`), one row per point.

    The last point is how many subjects the split has on each side, with its notes.

    Clips that differ from the most common size or rate are named, whatever the data set. Nothing is refused
    here: a copy may be smaller, or scaled; the report says so. `unusable_csv` (schema `unusable`) lists what
    of it cannot be used.
    """
    clips, unusable = manifest.read(manifest_csv), tables.read(unusable_csv, "unusable")
    subjects, size, rate = _expected(dataset, synth4d)
    passed_over = bu4dfe.ABSENT if dataset.name == "bu4dfe" else ()
    rows = [
        _subjects(clips, subjects, passed_over),
        _row("clips per emotion", "the same of each", ", ".join(_counts(clips.emotion))),
        _unusable(clips, unusable),
        _copies(clips),
    ]
    clips = clips[clips.width > 0] if (clips.width > 0).any() else clips  # the others could not be opened
    sizes = clips.width.astype(str) + "×" + clips.height.astype(str)
    rates = clips.fps.round(2).astype(str).mask(clips.fps == 0, "unknown")
    rows += [
        _alike("picture size (pixels)", clips, sizes, size),
        _alike("frame rate (1/s)", clips, rates, rate),
        _row("frames per clip", "", f"{clips.n_frames.min()} to {clips.n_frames.max()}"),
        _sides(splits_json, dataset),
    ]
    tables.write(pd.DataFrame(rows).assign(synthetic=bool(clips.synthetic.any())), out, "dataset")


def _expected(dataset: Dataset, synth4d: Synth4d) -> tuple[list[str] | None, str, str]:
    """Subjects, picture size and frame rate of the data set; None and empty where nothing is known."""
    if dataset.name == "bu4dfe":
        return bu4dfe.SUBJECTS, bu4dfe.PICTURE, bu4dfe.RATE
    if dataset.name == "synth4d":
        from ferflow.datasets import synth4d as generator

        picture = f"{synth4d.width}×{synth4d.height}"
        return generator.subjects(synth4d), picture, f"{float(synth4d.fps)}"
    return None, "", ""


def _subjects(clips: pd.DataFrame, expected: list[str] | None, passed_over: Collection[str]) -> dict:
    there = set(clips.subject_id)
    if expected is None:
        return _row("subjects", "", str(len(there)))
    missing, more = sorted(set(expected) - there), sorted(there - set(expected))
    note = [f"missing: {_listed(missing)}"] if missing else []
    note += [f"not known: {_listed(more)}"] if more else []
    note += [f"{_listed(sorted(passed_over))} is passed over, as in the thesis"] if passed_over else []
    return _row("subjects", str(len(expected)), str(len(there)), "; ".join(note))


def _unusable(clips: pd.DataFrame, unusable: pd.DataFrame) -> dict:
    share = f"{len(unusable)} of {len(clips)}"
    return _row("clips that cannot be used", "none", share, _listed(sorted(unusable.clip_id)))


def _copies(clips: pd.DataFrame) -> dict:
    """Files with the same content."""
    groups = manifest.copies(clips)
    named = [" = ".join(sorted(group.clip_id)) for group in groups]
    more = sum(len(group) - 1 for group in groups)
    return _row("copies of another clip", "none", str(more), _listed(named))


def _sides(splits_json: str | Path, dataset: Dataset) -> dict:
    kinds = {"scheme": str, "test": list, "folds": list}
    split = read_record(splits_json, kinds, "make the split again")
    by_name = split["scheme"] == "thesis" and dataset.name == "bu4dfe"
    expected = ", ".join(map(str, bu4dfe.SIDES)) if by_name else ""
    sides = ", ".join(str(len(side)) for side in (split["test"], *split["folds"]))
    notes = split.get("notes", []) + ([] if split["test"] else ["nobody is held out for a test"])
    return _row(SIDES, expected, sides, "; ".join(notes))


def _alike(point: str, clips: pd.DataFrame, values: pd.Series, expected: str) -> dict:
    usual = values.value_counts().sort_index().idxmax()
    other = clips.clip_id[values != usual]
    note = [f"not as published ({expected})"] if expected not in ("", usual) else []
    note += [f"differs in {_listed(sorted(other))}"] if len(other) else []
    return _row(point, expected, usual, "; ".join(note))


def _counts(values: pd.Series) -> list[str]:
    return [f"{n} {name}" for name, n in values.value_counts().sort_index().items()]


def _listed(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _row(point: str, expected: str, found: str, note: str = "") -> dict:
    return {"point": point, "expected": expected, "found": found, "note": note}
