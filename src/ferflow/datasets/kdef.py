"""KDEF and AKDEF: posed expressions photographed from five angles, and the averages of those pictures.

Lundqvist, Flykt and Öhman, *The Karolinska Directed Emotional Faces*, 1998: 70 people, seven expressions,
two sessions, five angles: 4,900 pictures of 562×762. Lundqvist and Litton, *The Averaged KDEF*, 1998: 70, one
for each sex, expression and angle. A file's name says it all: AF01ANFL.JPG is session A, woman 01, angry,
full left profile; FAFFL.JPG of AKDEF is the average woman, afraid, full left profile.
"""

from __future__ import annotations

import re
from pathlib import Path

from ferflow.datasets.class_folders import meaning, pictures
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError

CODES = {
    "AF": "fear",  # afraid
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}
ANGLES = {
    "FL": "full left profile",
    "HL": "half left profile",
    "S": "straight",
    "HR": "half right profile",
    "FR": "full right profile",
}
KDEF = re.compile(r"(?P<session>[AB])(?P<sex>[FM])(?P<number>\d\d)(?P<code>[A-Z]{2})(?P<angle>[A-Z]{1,2})")
AKDEF = re.compile(r"(?P<sex>[FM])(?P<code>[A-Z]{2})(?P<angle>[A-Z]{1,2})")
MISNAMED = {"AF31V": "AF31SAHL", "AM31H": "AM31SUHR"}
"""Two pictures that are published under names cut short, and what they show."""
AVERAGE = "AKDEF-"
"""How the subject of an averaged picture begins: it is everybody of a sex, so that no split by subject keeps
it from sharing people with the others."""


def find(root: str | Path) -> list[ListedClip]:
    """The pictures of KDEF and AKDEF anywhere below `root`, by their names alone, sorted by name.

    There is no official split. Raises InputError for a missing or empty folder, a name of neither form, and
    an unknown class or angle.
    """
    listed = [_listed(path) for path in pictures(root, "KDEF", "AF01ANFL.JPG")]
    return sorted(listed, key=lambda clip: (is_average(clip), clip.clip_id))


def is_average(clip: ListedClip) -> bool:
    """Whether a picture is one of AKDEF's."""
    return clip.subject_id.startswith(AVERAGE)


def _listed(source: Path) -> ListedClip:
    written = source.stem.upper()
    name = MISNAMED.get(written, written)
    match = KDEF.fullmatch(name) or AKDEF.fullmatch(name)
    if not match:
        remedy = "AF01ANFL.JPG and AKDEF's FAFFL.JPG are examples"
        raise InputError(source, "is not named as KDEF's pictures are", remedy)
    emotion = meaning(source, match["code"], CODES, "class of KDEF")
    meaning(source, match["angle"], ANGLES, "angle of KDEF")
    sex = "female" if match["sex"] == "F" else "male"
    number = match.groupdict().get("number")
    subject = f"{match['sex']}{number}" if number else f"{AVERAGE}{match['sex']}"
    return ListedClip(name, subject, sex, emotion, source)
