"""Which clips can be used: decided for all of them together, before anything is trained.

A clip cannot be used where it cannot be read to its end, is blank throughout, has a single frame, or shows a
face in too few of its frames. The others are used as far as a face is there: gaps are left out when features
are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.datasets import manifest
from ferflow.errors import FerflowError, InputError, SettingError
from ferflow.faces import store

GO_ON = "dataset: {unusable: leave_out}"
"""The line of a study's file that goes on without the clips that cannot be used."""
LONGEST = 90
"""Characters of a reason in a line on the terminal; the table has all."""


def write(
    manifest_csv: str | Path,
    faces: Iterable[str | Path],
    out_unusable: str | Path,
    out_remarks: str | Path,
    least_tracked: float,
) -> None:
    """Write the clips that cannot be used (schema `unusable`), and what is odd about others (`remarks`).

    `faces`: files of the faces step, which hold every clip of the manifest; `least_tracked`: the share of a
    clip's frames, not counting blank ones, in which a face must be. Raises InputError for a clip that is in
    no file.
    """
    clips = manifest.read(manifest_csv)
    known: dict[str, dict] = {}
    for path in faces:
        known |= store.facts(path)
    rows, remarks = [], []
    for clip in clips.itertuples(index=False):
        if clip.clip_id not in known:
            raise InputError(manifest_csv, f"lists {clip.clip_id}, of which no face was stored", "run again")
        facts = known[clip.clip_id]
        about = {name: getattr(clip, name) for name in ("clip_id", "subject_id", "emotion", "synthetic")}
        problem = fault(facts, least_tracked)
        if problem is None:
            remarks += [about | {"remark": warning} for warning in facts["warnings"]]
            continue
        counted = {"frames": facts["n_frames"], "with_face": facts["n_tracked"]}
        counted["not_blank"] = facts["n_frames"] - facts["n_blank"]
        rows.append(about | counted | {"reason": problem[0], "remedy": problem[1]})
    for name, lines, out in (("remarks", remarks, out_remarks), ("unusable", rows, out_unusable)):
        tables.write(pd.DataFrame(lines, columns=tables.schema(name).names), out, name)


def fault(facts: dict, least_tracked: float) -> tuple[str, str] | None:
    """Why a clip of these `facts` (`faces.store.facts`) cannot be used, and what helps; None where it can."""
    if "problem" in facts:
        return facts["problem"], facts["remedy"]
    n_frames, seen, tracked = facts["n_frames"], facts["n_frames"] - facts["n_blank"], facts["n_tracked"]
    if n_frames == 1:
        return "has a single frame", "give a video, or a folder with its frames as images"
    if not seen:
        return f"is blank throughout: {n_frames} frames", "copy or record it again"
    if not tracked:
        return f"has no face in its {seen} frames that are not blank", "see whether the face is large enough"
    if tracked < least_tracked * seen:
        problem = f"has a face in {tracked} of its {seen} frames that are not blank"
        return problem, f"cut it to the face, or lower dataset.least_tracked ({least_tracked:g})"
    return None


def lines(unusable_csv: str | Path) -> list[str]:
    """Each clip that cannot be used as a line for the terminal."""
    return [
        f"{row.clip_id} ({row.subject_id}, {row.emotion}) {_short(row.reason)}"
        for row in tables.read(unusable_csv, "unusable").itertuples(index=False)
    ]


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1]}…"


def decide(
    manifest_csv: str | Path, unusable_csv: str | Path, policy: str, classes: Sequence[str], protocol: str
) -> None:
    """Raise FerflowError where the study cannot go on with the clips that can be used.

    Under `policy` `stop` that is where some cannot, under `leave_out` where a class loses all of its clips;
    under the `protocol` `honest` also where the same file is listed of two subjects.
    """
    clips, table = manifest.read(manifest_csv), tables.read(unusable_csv, "unusable")
    if policy == "stop" and len(table):
        problem = f"is stop, and {len(table)} of {len(clips)} clips cannot be used (all: {unusable_csv})"
        remedy = f"nothing was trained on them: mend or remove them, or go on without them with `{GO_ON}`"
        raise SettingError("dataset.unusable", problem, remedy)
    left = clips[~clips["clip_id"].isin(table["clip_id"])]
    if left.empty:
        problem = f"none of its {len(clips)} clips can be used (all: {unusable_csv})"
        raise FerflowError("dataset", problem, "mend them")
    if protocol == "honest":
        _refuse_shared(left)
    gone = [name for name in classes if name in set(clips["emotion"]) - set(left["emotion"])]
    if gone:
        lost = int((clips["emotion"] == gone[0]).sum())
        problem = f"its class {gone[0]} has no clip that can be used, of {lost} (all: {unusable_csv})"
        raise FerflowError("dataset", problem, f"mend one, or take {gone[0]} out of `emotions`")


def write_clips(
    manifest_csv: str | Path,
    unusable_csv: str | Path,
    out: str | Path,
    emotions: Sequence[str],
    protocol: str,
    config: Mapping,
    announce: Callable[[str], None],
) -> None:
    """Write the clips that can be used, in the columns of the manifest; raises as `decide`.

    The policy is read from the workflow's `config`: which way it goes changes nothing of what was made
    already.
    """
    for line in lines(unusable_csv):
        announce(line)
    decide(manifest_csv, unusable_csv, config["dataset"]["unusable"], emotions, protocol)
    write_used(manifest_csv, unusable_csv, out)


def write_used(manifest_csv: str | Path, unusable_csv: str | Path, out: str | Path) -> None:
    """Write the clips that can be used, in the columns of the manifest."""
    clips, table = manifest.read(manifest_csv), tables.read(unusable_csv, "unusable")
    tables.write(clips[~clips["clip_id"].isin(table["clip_id"])], out, "manifest")


def write_counts(
    manifest_csv: str | Path, unusable_csv: str | Path, out: str | Path, classes: Sequence[str]
) -> None:
    """Count clips used and left out (schema `unusable_counts`): all, by class, by subject that lost some."""
    clips, table = manifest.read(manifest_csv), tables.read(unusable_csv, "unusable")
    losers = sorted(set(table["subject_id"]))
    groups = [("all", "all", clips, table)]
    for kind, column, names in (("class", "emotion", classes), ("subject", "subject_id", losers)):
        groups += [(kind, n, clips[clips[column] == n], table[table[column] == n]) for n in names]
    rows = [(kind, name, len(all_), len(lost), len(all_) - len(lost)) for kind, name, all_, lost in groups]
    counts = pd.DataFrame(rows, columns=["of", "name", "clips", "left_out", "used"])
    tables.write(counts.assign(synthetic=bool(clips["synthetic"].any())), out, "unusable_counts")


def _refuse_shared(clips: pd.DataFrame) -> None:
    """A clip that is listed of two subjects would be trained on and tested on."""
    for same in manifest.copies(clips):
        first, *others = same.itertuples(index=False)
        other = next((clip for clip in others if clip.subject_id != first.subject_id), None)
        if other is not None:
            names = [f"{clip.clip_id} of subject {clip.subject_id}" for clip in (first, other)]
            remedy = "take one out; only `protocol: published` repeats a paper's leaky data"
            raise FerflowError("dataset", f"{names[0]} and {names[1]} are the same file", remedy)
