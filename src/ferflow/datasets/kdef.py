"""KDEF and AKDEF: posed expressions photographed from five angles, and the averages of those pictures.

Lundqvist, Flykt and Öhman, *The Karolinska Directed Emotional Faces*, 1998: 70 people, seven expressions,
two sessions, five angles: 4,900 pictures of 562×762. Lundqvist and Litton, *The Averaged KDEF*, 1998: 70, one
for each sex, expression and angle. A file's name says it all: AF01ANFL.JPG is session A, woman 01, angry,
full left profile; FAFFL.JPG of AKDEF is the average woman, afraid, full left profile.
"""

from __future__ import annotations

import re
from pathlib import Path

from ferflow.datasets.class_folders import is_image
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
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "put KDEF's pictures there, or correct the path")
    listed = [_listed(path) for path in root.rglob("*") if path.is_file() and is_image(path.name)]
    if not listed:
        raise InputError(root, "holds no picture", "AF01ANFL.JPG is an example of a name")
    return sorted(listed, key=lambda clip: (clip.subject_id.startswith(AVERAGE), clip.clip_id))


def is_average(clip: ListedClip) -> bool:
    """Whether a picture is one of AKDEF's."""
    return clip.subject_id.startswith(AVERAGE)


def _listed(source: Path) -> ListedClip:
    written = source.stem.upper()
    name = MISNAMED.get(written, written)
    match = KDEF.fullmatch(name) or AKDEF.fullmatch(name)
    if not match:
        raise InputError(
            source, "is not named as KDEF's pictures are", "AF01ANFL.JPG and AKDEF's FAFFL.JPG are examples"
        )
    if match["code"] not in CODES:
        raise InputError(source, f"{match['code']} is no class of KDEF", f"they are {', '.join(CODES)}")
    if match["angle"] not in ANGLES:
        raise InputError(source, f"{match['angle']} is no angle of KDEF", f"they are {', '.join(ANGLES)}")
    sex = "female" if match["sex"] == "F" else "male"
    number = match.groupdict().get("number")
    subject = f"{match['sex']}{number}" if number else f"{AVERAGE}{match['sex']}"
    return ListedClip(name, subject, sex, CODES[match["code"]], source)
