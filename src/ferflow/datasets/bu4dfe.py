"""BU-4DFE's texture videos, in the layouts in which people keep them.

Yin, Chen, Sun, Worm and Reale, *A high-resolution 3D dynamic facial expression database*, FG 2008: 58 women,
43 men, six emotions each. The embedded synthetic set is written in the same layout and read by the same code.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from ferflow.classes import EMOTIONS, match
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError
from ferflow.faces.video import VIDEO_SUFFIXES

SUBJECT = re.compile(r"[FM]\d{3}")
FLAT_NAME = re.compile(r"(?P<subject>[FM]\d{3})_(?P<emotion>[A-Za-z]+)_tex")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})

ABSENT = frozenset({"F016"})
"""Subjects that the thesis leaves out (its Figure 3.6 lists F001-F015, F017-F058, M001-M043)."""

SUBJECTS = [
    f"{sex}{n:03d}"
    for sex, last in (("F", 58), ("M", 43))
    for n in range(1, last + 1)
    if f"{sex}{n:03d}" not in ABSENT
]
"""The 100 subjects of the thesis (its Figure 3.6)."""

SIDES = (20, 16, 16, 16, 16, 16)
"""How many of them stand in the thesis's test set and in each of its folds (Figure 3.6)."""

PICTURE, RATE = "1040×1329", "25.0"
"""Pixels and frames a second of the texture videos, as the data set's authors publish them."""


def find(
    root: str | Path, emotions: tuple[str, ...] = EMOTIONS, absent: Collection[str] = ABSENT
) -> list[ListedClip]:
    """List the clips under `root` by name, without opening one.

    Layouts: `<subject>_<emotion>_tex.avi` in one folder; `<subject>/<emotion>.avi` or
    `<subject>/<emotion>/<one video>`; `<subject>/<emotion>/` full of images (a sequence). Subjects in
    `absent` are passed over. Raises InputError for a missing or empty folder, a name that fits no layout, an
    unknown emotion, a clip that occurs twice, and subjects without all of `emotions`.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "put the texture videos there, or set dataset.root")
    clips: dict[tuple[str, str], Path] = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and SUBJECT.fullmatch(entry.name):
            listed = [(entry.name, *pair) for pair in _in_subject_folder(entry)]
        elif entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES:
            listed = [_flat(entry)]
        else:
            continue
        for subject, emotion, source in listed:
            emotion = _emotion(source, emotion, emotions)
            if emotion is None or subject in absent:
                continue
            if (subject, emotion) in clips:
                other = clips[subject, emotion]
                raise InputError(source, f"shows the same clip as {other}", "keep one of the two")
            clips[subject, emotion] = source
    if not clips:
        layouts = "expected <subject>_<emotion>_tex.avi or <subject>/<emotion>/"
        raise InputError(root, "holds no clip", layouts)
    _refuse_gaps(root, clips, emotions)
    ordered = sorted(clips.items(), key=lambda c: (c[0][0], emotions.index(c[0][1])))
    return [named(subject, emotion, source) for (subject, emotion), source in ordered]


def named(subject: str, emotion: str, source: Path) -> ListedClip:
    """The clip of a subject and an emotion; the subject's first letter says the sex."""
    sex = "female" if subject[0] == "F" else "male"
    return ListedClip(f"{subject}_{emotion}", subject, sex, emotion, source)


def _flat(video: Path) -> tuple[str, str, Path]:
    flat = FLAT_NAME.fullmatch(video.stem)
    if not flat:
        remedy = "rename it, e.g. F001_happy_tex.avi, or move it away"
        raise InputError(video, "is not named <subject>_<emotion>_tex", remedy)
    return flat["subject"], flat["emotion"], video


def _in_subject_folder(folder: Path) -> list[tuple[str, Path]]:
    listed = []
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES:
            flat = FLAT_NAME.fullmatch(entry.stem)
            listed.append((flat["emotion"] if flat else entry.stem, entry))
        elif entry.is_dir():
            inside = [file for file in sorted(entry.iterdir()) if file.is_file()]
            videos = [file for file in inside if file.suffix.lower() in VIDEO_SUFFIXES]
            images = [file for file in inside if file.suffix.lower() in IMAGE_SUFFIXES]
            if len(videos) > 1:
                raise InputError(entry, f"holds {len(videos)} videos", "keep the texture video alone")
            if not videos and not images:
                remedy = "add the clip or remove the folder"
                raise InputError(entry, "holds neither a video nor images", remedy)
            listed.append((entry.name, videos[0] if videos else entry))
    return listed


def _emotion(source: Path, written: str, emotions: tuple[str, ...]) -> str | None:
    """The class of a clip; None for one of the six emotions that the study leaves out."""
    emotion = match(written, EMOTIONS)
    if emotion is None:
        raise InputError(source, f"{written!r} is not an emotion", f"the emotions are {', '.join(EMOTIONS)}")
    return emotion if emotion in emotions else None


def _refuse_gaps(root: Path, clips: dict[tuple[str, str], Path], emotions: tuple[str, ...]) -> None:
    present = defaultdict(set)
    for subject, emotion in clips:
        present[subject].add(emotion)
    gaps = [f"{s} {e}" for s in sorted(present) for e in emotions if e not in present[s]]
    if gaps:
        shown = ", ".join(gaps[:6]) + (f" and {len(gaps) - 6} more" if len(gaps) > 6 else "")
        remedy = "add them, move the subject's other clips away, or use a manifest"
        raise InputError(root, f"clips are missing: {shown}", remedy)
