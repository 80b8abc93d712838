"""JAFFE: ten Japanese women, seven expressions, three or four pictures of each.

Lyons, Akamatsu, Kamachi and Gyoba, *Coding facial expressions with Gabor wavelets*, FG 1998: 213 grey
pictures of 256×256. A file's name says who shows what: KA.AN1.39.tiff is KA's first angry picture.
"""

from __future__ import annotations

import re
from pathlib import Path

from ferflow.datasets.class_folders import meaning, pictures
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError

NAME = re.compile(r"(?P<subject>[A-Z]{2})\.(?P<code>[A-Z]{2})(?P<take>\d)\.(?P<number>\d+)", re.IGNORECASE)
CODES = dict(AN="angry", DI="disgust", FE="fear", HA="happy", SA="sad", SU="surprise", NE="neutral")
EXAMPLE = "KA.AN1.39.tiff"


def find(root: str | Path) -> list[ListedClip]:
    """The pictures anywhere below `root`, by their names alone, sorted by subject and number.

    All show women; there is no official split. Raises InputError for a missing or empty folder, a name of
    another form, and an unknown class.
    """
    listed = []
    for source in pictures(root, "JAFFE", EXAMPLE):
        match = NAME.fullmatch(source.stem)
        if not match:
            raise InputError(source, "is not named as JAFFE's pictures are", f"{EXAMPLE} is an example")
        emotion = meaning(source, match["code"].upper(), CODES, "class of JAFFE")
        clip = ListedClip(source.stem, match["subject"].upper(), "female", emotion, source)
        listed.append((clip.subject_id, int(match["number"]), clip.clip_id, clip))
    return [clip for *_, clip in sorted(listed, key=lambda entry: entry[:3])]
