"""Check a table of clips (schema `clips`) for oddities, before a study of them is written."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from ferflow import classes
from ferflow.datasets.patterns import KNOWN
from ferflow.errors import InputError
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import content_hash, is_blank, open_clip

LOOKS = 12
"""Frames of a clip, blank ones aside, in which a face is sought; the first one found is enough."""
WIDEST = 100
"""Frames from one look to the next, at most."""
ALIKE = 0.8
"""Likeness (`difflib`) from which two names of classes may be one with a slip."""


@dataclass(frozen=True)
class Clip:
    """What one clip shows: its content's hash, and what is wrong with it or None."""

    clip_id: str
    subject_id: str
    emotion: str
    digest: str
    fault: str | None


def look(
    clips: pd.DataFrame, root: Path, stream: FaceStream | None, advance: Callable[[], None]
) -> list[Clip]:
    """Open each of `clips`, and, with a `stream`, seek a face in it; `advance` is called after each."""
    looked = []
    for row in clips.itertuples(index=False):
        source = root / row.source
        who = row.clip_id, row.subject_id, row.emotion
        looked.append(Clip(*who, content_hash(source), fault(source, stream)))
        advance()
    return looked


def fault(source: Path, stream: FaceStream | None) -> str | None:
    """What is wrong with the clip at `source`, as far as a quick look shows; None where nothing is.

    At most LOOKS frames that are not blank are searched; a video is decoded no further than the last of them.
    """
    try:
        clip = open_clip(source)
        if clip.info.n_frames == 1:
            return "has a single frame"
        if stream is None:
            return None
        step = min(WIDEST, max(1, clip.info.n_frames // LOOKS))
        shown = searched = 0
        for frame in clip:
            if is_blank(frame):
                continue
            if shown % step == 0:
                if _has_face(frame, stream):
                    return None
                searched += 1
            shown += 1
            if searched == LOOKS:
                break
    except InputError as error:
        return f"{error.problem}; {error.remedy}"
    if not shown:
        return f"is blank throughout: {clip.decoded} frames"
    return f"no face in the {searched} frames that were looked at"


def _has_face(frame, stream: FaceStream) -> bool:
    stream.reset()
    try:
        return stream.step(frame).tracked
    except InputError:  # several faces, where the settings want one
        return True


def copies(clips: Sequence[Clip]) -> list[list[Clip]]:
    """Groups of clips with the same content."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.digest:
            groups.setdefault(clip.digest, []).append(clip)
    return [group for group in groups.values() if len(group) > 1]


def spellings(written: Sequence[str]) -> list[str]:
    """A line for each two names of classes that are one, or may be one with a slip."""
    ways: dict[str, list[str]] = {}
    for name in dict.fromkeys(written):
        ways.setdefault(classes.match(name, KNOWN) or classes.key(name), []).append(name)
    lines = [f"{' and '.join(way)} are one class in two spellings" for way in ways.values() if way[1:]]
    for one, other in combinations(ways, 2):
        words = one.isalpha() and other.isalpha() and not {one, other} <= set(KNOWN)
        if words and difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE:
            lines.append(f"{one} and {other} may be one class with a slip; they stay two")
    return lines


def counts(clips: pd.DataFrame, emotions: Sequence[str], most: int) -> list[str]:
    """How many clips of each class each subject has, as lines of a table of at most `most` subjects."""
    table = pd.crosstab(clips["subject_id"], clips["emotion"]).reindex(columns=list(emotions), fill_value=0)
    lines = table.head(most).rename_axis(index=None, columns=None).to_string().splitlines()
    if len(table) > most:
        lines.append(f"… and {len(table) - most} further subjects")
    few = [name for name in emotions if (table[name] > 0).sum() == 1]
    lines += [f"{name}: of one subject alone, so nothing learns it without that subject" for name in few]
    return lines
