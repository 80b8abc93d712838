"""Splits of subjects: a held-out test set and folds of the rest (thesis, Figure 3.6)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ferflow.datasets import manifest
from ferflow.errors import InputError, SplitError
from ferflow.files import read_json, write_text
from ferflow.seeds import derive_seed
from ferflow.settings import SCHEMES, Settings
from ferflow.settings.heads import Splits

_FIGURE_3_6 = (
    (("F", 11, 15), ("F", 17, 27)),
    (("F", 28, 43),),
    (("F", 44, 58), ("M", 11, 11)),
    (("M", 12, 27),),
    (("M", 28, 43),),
)
_FIGURE_3_6_TEST = (("F", 1, 10), ("M", 1, 10))


def _names(ranges: Sequence[tuple[str, int, int]]) -> list[str]:
    return [f"{sex}{n:03d}" for sex, first, last in ranges for n in range(first, last + 1)]


def thesis(sexes: Mapping[str, str], n_folds: int, by_name: bool = False) -> dict[str, list]:
    """The thesis's split: `test`, `folds` and, with `by_name`, `notes` on who stands nowhere.

    `sexes` maps subject to `female`, `male` or `""`. `by_name`: the subjects are BU-4DFE's, and Figure 3.6's
    names say where each stands, whoever else is there. Rule elsewhere: subjects sorted by name, the first
    fifth of each sex (20 of 100 in Figure 3.6; rounded, at least two) for the test, the rest in contiguous
    blocks. Raises SplitError for another number of folds than Figure 3.6's.
    """
    if by_name:
        return _figure_3_6(sexes, n_folds)
    groups = _by_sex(sexes)
    test = [s for group in groups for s in group[: max(2, round(len(group) / 5))]]
    held_out = set(test)
    rest = [s for group in groups for s in group if s not in held_out]
    return {"test": test, "folds": [block.tolist() for block in np.array_split(rest, n_folds)]}


def _figure_3_6(subjects: Collection[str], n_folds: int) -> dict[str, list]:
    """Figure 3.6's sides, without who is absent, and a note for each side that lacks somebody."""
    if n_folds != len(_FIGURE_3_6):
        problem = f"is {n_folds}, but the thesis's Figure 3.6 has {len(_FIGURE_3_6)}"
        raise SplitError("splits.folds", problem, f"write {len(_FIGURE_3_6)}, or another splits.scheme")
    printed = {"the test set": _names(_FIGURE_3_6_TEST)}
    printed |= {f"fold {i}": _names(ranges) for i, ranges in enumerate(_FIGURE_3_6)}
    absent = {side: [s for s in names if s not in subjects] for side, names in printed.items()}
    notes = [f"{', '.join(names)} of {side}: not there" for side, names in absent.items() if names]
    unknown = sorted(set(subjects).difference(*printed.values()))
    if unknown:
        notes.append(f"{', '.join(unknown)}: not in the thesis's Figure 3.6, on no side")
    test, *folds = ([s for s in names if s in subjects] for names in printed.values())
    return {"test": test, "folds": folds} | ({"notes": notes} if notes else {})


def stratified(
    sexes: Mapping[str, str], n_folds: int, test_share: float, seed: int | np.random.Generator
) -> dict[str, list]:
    """Random test set and folds, each with its share of women and men (counts differ by at most one).

    With a `test_share` of 0 nobody is held out: all subjects are in folds.
    """
    rng = np.random.default_rng(seed)
    test: list[str] = []
    folds: list[list[str]] = [[] for _ in range(n_folds)]
    for group in _by_sex(sexes):
        shuffled = [group[i] for i in rng.permutation(len(group))]
        n_test = max(1, round(test_share * len(group))) if test_share else 0
        test += shuffled[:n_test]
        for subject in shuffled[n_test:]:
            min(folds, key=len).append(subject)
    return {"test": sorted(test), "folds": [sorted(fold) for fold in folds]}


class Side(Protocol):
    """What of a clip says on which side it stands: a row of a manifest, or of a user's table."""

    clip_id: str
    subject_id: str
    sex: str
    fold: str
    split: str


def marked_test(clips: Iterable[Side]) -> list[str]:
    """The subjects of clips that the user's column `split` marks as `test`, sorted.

    Raises SplitError for another mark, and for a subject of whom only some clips are marked.
    """
    marks: dict[str, set[bool]] = {}
    for clip in clips:
        if clip.split not in ("", "train", "test"):
            problem = f"clip {clip.clip_id}: split is {clip.split!r}"
            raise SplitError("manifest", problem, "write test, train, or nothing")
        marks.setdefault(clip.subject_id, set()).add(clip.split == "test")
    both = sorted(subject for subject, own in marks.items() if len(own) > 1)
    if both:
        raise SplitError(
            "manifest",
            f"only some clips of subject {both[0]} are marked as test",
            "mark all of a subject's clips or none in the column split",
        )
    return sorted(subject for subject, own in marks.items() if True in own)


def given(clips: Iterable[Side], test: Sequence[str]) -> list[list[str]]:
    """The user's own folds: for each value of the column `fold`, in order, the subjects of its clips.

    The order is that of numbers where all are numbers, else that of text. Subjects of `test` have no fold.
    Raises SplitError for a clip without a fold, and for a subject whose clips stand in two: folds are of
    whole subjects, whatever the protocol.
    """
    of: dict[str, str] = {}
    held_out = set(test)
    for clip in clips:
        if clip.subject_id in held_out:
            continue
        if not clip.fold:
            problem = f"clip {clip.clip_id} has no fold"
            raise SplitError("manifest", problem, "fill in the column fold, or mark the clip as test")
        if of.setdefault(clip.subject_id, clip.fold) != clip.fold:
            raise SplitError(
                "manifest",
                f"subject {clip.subject_id} stands in fold {of[clip.subject_id]} and in fold {clip.fold}",
                "give all clips of a subject the same fold",
            )
    names = set(of.values())
    ordered = sorted(names, key=int) if all(map(str.isdecimal, names)) else sorted(names)
    folds: dict[str, list[str]] = {name: [] for name in ordered}
    for subject in sorted(of):
        folds[of[subject]].append(subject)
    return list(folds.values())


def of_clips(
    scheme: str,
    clips: Iterable[Side],
    n_folds: int,
    test_share: float,
    seed: int,
    protocol: str,
    by_name: bool = False,
) -> dict:
    """The split of `scheme` for these clips, checked under `protocol`.

    `thesis` and `stratified` see `make`; `leave_one_out` has a fold for each subject, `given` those of the
    column `fold`. Subjects whose clips are marked as `test` are the test set of any scheme but `thesis`;
    where none is marked, `test_share` of the subjects are drawn, for `given` nobody. Raises SplitError.
    """
    clips = list(clips)
    sexes = {clip.subject_id: clip.sex for clip in clips}
    marked = [] if scheme == "thesis" else marked_test(clips)
    if scheme == "given":
        return _made(scheme, {"test": marked, "folds": given(clips, marked)}, seed, protocol)
    held_out = set(marked)
    rest = {subject: sex for subject, sex in sexes.items() if subject not in held_out}
    return make(scheme, rest, n_folds, 0 if marked else test_share, seed, protocol, by_name, marked)


def planned(settings: Settings, clips: Iterable[Side]) -> tuple[dict, Settings]:
    """The split of a study's clips, and the settings with the folds and the share of test subjects it has.

    `leave_one_out` and `given` have as many folds as their clips say, whatever `splits.folds` is. Raises
    SplitError where the clips cannot be split so.
    """
    own = settings.splits
    by_name = settings.dataset.name == "bu4dfe"
    planned_by = own.scheme, clips, own.folds, own.test_share, settings.seed, settings.protocol, by_name
    split = of_clips(*planned_by)
    share, n_test = own.test_share, len(split["test"])
    if own.tested != bool(n_test):
        share = n_test / (n_test + sum(map(len, split["folds"])))
    own = own.model_copy(update={"folds": len(split["folds"]), "test_share": share})
    return split, settings.model_copy(update={"splits": own})


def sides(manifest: pd.DataFrame) -> list[Side]:
    """What of each row of schema `manifest` says where its clip stands; empty where a column is not there."""
    columns = ["clip_id", "subject_id", "sex", "fold", "split"]
    return list(manifest.reindex(columns=columns).fillna("").astype(str).itertuples(index=False))


def regrouped(split: dict, sexes: Mapping[str, str], seed: int) -> dict:
    """The subjects of `split` in as many folds of the other scheme, with the same test set.

    `thesis` folds are contiguous blocks of the subjects, women first, so that most hold one sex alone;
    `stratified` folds hold each its share of both. `sexes` maps subject to `female`, `male` or `""`. Nobody
    joins or leaves, so that two cross-validations differ in who stands together and in nothing else. The
    protocol stays. Raises SplitError where a fold would be empty.
    """
    (scheme,) = [name for name in SCHEMES if name != split["scheme"]]
    subjects = [subject for fold in split["folds"] for subject in fold]
    rest, n_folds = {subject: sexes[subject] for subject in subjects}, len(split["folds"])
    if scheme == "thesis":
        ordered = [subject for group in _by_sex(rest) for subject in group]
        folds = [block.tolist() for block in np.array_split(ordered, n_folds)]
    else:
        folds = stratified(rest, n_folds, 0, derive_seed(seed, "splits", scheme))["folds"]
    other = {"scheme": scheme, "seed": seed, "protocol": split["protocol"], "test": split["test"]}
    other["folds"] = folds
    check(other, split["protocol"])
    return other


def make(
    scheme: str,
    sexes: Mapping[str, str],
    n_folds: int,
    test_share: float,
    seed: int,
    protocol: str,
    by_name: bool = False,
    test: Sequence[str] = (),
) -> dict:
    """Make the split of `scheme` and check it under `protocol`; `by_name` see `thesis`.

    `test` are further subjects held out.

    Raises SplitError where there are too few subjects, or a subject stands on two sides.
    """
    if scheme == "thesis":
        split = thesis(sexes, n_folds, by_name)
    elif scheme == "leave_one_out":
        split = stratified(sexes, 1, test_share, seed)
        split["folds"] = [[subject] for subject in split["folds"][0]]
    else:
        split = stratified(sexes, n_folds, test_share, seed)
    return _made(scheme, split | {"test": [*split["test"], *test]}, seed, protocol)


def _made(scheme: str, split: dict[str, list], seed: int, protocol: str) -> dict:
    made = {"scheme": scheme, "seed": seed, "protocol": protocol, **split}
    check(made, protocol)
    return made


def lost_folds(split: dict, n_folds: int) -> SplitError:
    """What is wrong where the usable clips give another number of folds than the list of all clips."""
    problem = f"the clips that can be used give {len(split['folds'])} folds, all clips {n_folds}"
    remedy = "leave the subjects without a usable clip out of the table of clips"
    return SplitError("splits", problem, remedy)


def check(split: dict, protocol: str, where: str | Path = "splits") -> None:
    """Refuse empty folds or fewer than two, and under `honest` any subject that stands on two sides.

    The test set may be empty: then cross-validation is all there is.
    """
    folds = {f"fold {i}": fold for i, fold in enumerate(split["folds"])}
    for name, side in folds.items():
        if not side:
            raise SplitError(where, f"{name} has no subject", "use fewer folds or more subjects")
    if len(folds) < 2:
        raise SplitError(where, f"there is {len(folds)} fold", "use two or more; each needs a subject")
    sides = {"the test set": split["test"], **folds}
    if protocol == "published":
        return
    seen: dict[str, str] = {}
    for name, side in sides.items():
        for subject in side:
            if subject in seen:
                raise SplitError(
                    where,
                    f"subject {subject} stands in {seen[subject]} and in {name}",
                    "keep each subject on one side; only `protocol: published` repeats a paper's leaky split",
                )
            seen[subject] = name


def write(split: dict, path: str | Path) -> None:
    """Write `splits.json`."""
    write_text(path, json.dumps(split, indent=1) + "\n")


def write_planned(
    clips_csv: str | Path, splits: Splits, by_name: bool, protocol: str, seed: int, out: str | Path
) -> None:
    """Write `splits.json` of the clips that can be used.

    Raises SplitError where clips that were left out leave fewer folds than were planned.
    """
    clips = sides(manifest.read(clips_csv))
    split = of_clips(splits.scheme, clips, splits.folds, splits.test_share, seed, protocol, by_name)
    if len(split["folds"]) != splits.folds:
        raise lost_folds(split, splits.folds)
    write(split, out)


def write_regrouped(splits_json: str | Path, manifest_csv: str | Path, out: str | Path, seed: int) -> None:
    """Write `splits.json` of the same subjects in folds of the other scheme; see `regrouped`."""
    clips = manifest.read(manifest_csv)
    sexes = dict(zip(clips.subject_id, clips.sex, strict=True))
    write(regrouped(read(splits_json), sexes, seed), out)


def read(path: str | Path) -> dict:
    """Read `splits.json` and check it under its own protocol."""
    try:
        split = read_json(path)
        refuse_misshapen(split)
        check(split, split["protocol"], path)
    except FileNotFoundError:
        raise InputError(path, "does not exist", "run the workflow's `splits` step") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(path, f"is not a split ({error})", "delete it and run again") from None
    return split


def notes(path: str | Path) -> str:
    """What `splits.json` says of subjects who are on no side, or ""."""
    return "; ".join(read(path).get("notes", []))


def refuse_misshapen(split: object, where: str = "") -> None:
    """ValueError, beginning with `where`, for JSON values that are no split: lists of names."""
    if not isinstance(split, dict):
        raise ValueError(f"{where}no object")
    for name in ("scheme", "protocol"):
        if not isinstance(split[name], str):
            raise ValueError(f"{where}{name} is no text")
    folds = split["folds"]
    if not isinstance(folds, list) or not all(_names_subjects(side) for side in (split["test"], *folds)):
        raise ValueError(f"{where}test and folds are no lists of subjects")
    if not _names_subjects(split.get("notes", [])):
        raise ValueError(f"{where}notes is no list of texts")


def _names_subjects(side: object) -> bool:
    return isinstance(side, list) and all(isinstance(subject, str) for subject in side)


def _by_sex(sexes: Mapping[str, str]) -> list[list[str]]:
    """Subjects sorted by name, one list per sex; those without a sex form a list of their own."""
    return [group for sex in ("female", "male", "") if (group := sorted(s for s in sexes if sexes[s] == sex))]
