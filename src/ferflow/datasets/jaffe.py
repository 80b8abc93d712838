"""JAFFE: ten Japanese women, seven expressions, three or four pictures of each.

Lyons, Akamatsu, Kamachi and Gyoba, *Coding facial expressions with Gabor wavelets*, FG 1998: 213 grey
pictures of 256×256. A file's name says who shows what: KA.AN1.39.tiff is KA's first angry picture.
"""

from __future__ import annotations

import re
from pathlib import Path

from ferflow.datasets.class_folders import is_image
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError

NAME = re.compile(r"(?P<subject>[A-Z]{2})\.(?P<code>[A-Z]{2})(?P<take>\d)\.(?P<number>\d+)", re.IGNORECASE)
CODES = {
    "AN": "angry",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happy",
    "SA": "sad",
    "SU": "surprise",
    "NE": "neutral",
}


def find(root: str | Path) -> list[ListedClip]:
    """The pictures anywhere below `root`, by their names alone, sorted by subject and number.

    All show women; there is no official split. Raises InputError for a missing or empty folder, a name of
    another form, and an unknown class.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "put JAFFE's pictures there, or correct the path")
    listed = []
    for source in sorted(path for path in root.rglob("*") if path.is_file() and is_image(path.name)):
        match = NAME.fullmatch(source.stem)
        if not match:
            raise InputError(source, "is not named as JAFFE's pictures are", "KA.AN1.39.tiff is an example")
        code = match["code"].upper()
        if code not in CODES:
            raise InputError(source, f"{code} is no class of JAFFE", f"they are {', '.join(CODES)}")
        subject = match["subject"].upper()
        listed.append(
            (subject, int(match["number"]), ListedClip(source.stem, subject, "female", CODES[code], source))
        )
    if not listed:
        raise InputError(root, "holds no picture", "KA.AN1.39.tiff is an example of a name")
    return [clip for _, _, clip in sorted(listed, key=lambda entry: (*entry[:2], entry[2].clip_id))]
