"""The class lists, in the one order used everywhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise")
"""The six basic emotions, order of the thesis's one-hot labels (section 3.2.4)."""

EMOTIONS_NEUTRAL = (*EMOTIONS, "neutral")
"""FER2013's seven classes; neutral has index 6."""

EMOTIONS_CONTEMPT = (*EMOTIONS_NEUTRAL, "contempt")
"""The eight classes of FER+, CK+ and AffectNet; the first seven keep their index."""

SPELLINGS = {
    "anger": "angry",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}
"""Other words for the classes in copies of the data sets, lower case."""

SUMMARIES = ("all", "macro mean")
"""What tables call their rows over all classes; no class may be called so."""

LONGEST = 40
"""Characters of a class's name: it stands on axes and in headings."""

MARKS = " ._+-"
"""What a name may hold beside letters (of any script) and digits."""

SEXES = ("female", "male")

AU_COLUMNS = tuple(
    f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
)
"""OpenFace's intensity columns (0–5). It has no intensity for AU28."""

AU_SCORE_COLUMNS = tuple(column for column in AU_COLUMNS if column != "AU45_r")
"""What the AU score averages: all intensities but the blink's (thesis, section 3.2.1)."""


def key(name: str) -> str:
    """`name` as classes are compared: in Unicode's composed form, without regard to upper and lower case."""
    return unicodedata.normalize("NFC", name).casefold()


def check_name(name: str) -> str:
    """A class's name in Unicode's composed form.

    A name may be a table's column, a cell or a part of a file's name: it holds letters of any script, digits
    and MARKS, begins with a letter or digit, and does not end with a space. ValueError says what is wrong.
    """
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise ValueError("a class without a name; write one")
    if len(name) > LONGEST:
        raise ValueError(f"the class {name[:LONGEST]}… has {len(name)} characters, more than {LONGEST}")
    odd = [one for one in name if unicodedata.category(one)[0] not in "LMN" and one not in MARKS]
    if odd:
        raise ValueError(
            f"the class {name!r} holds {odd[0]!r}; letters, digits, space and {MARKS.strip()} may be used"
        )
    if unicodedata.category(name[0])[0] not in "LN" or name[-1] == " ":
        raise ValueError(f"the class {name!r} must begin with a letter or digit and not end with a space")
    if key(name) in SUMMARIES:
        raise ValueError(f"no class can be called {name}: tables call their summary so")
    return name


def check_names(names: Sequence[str]) -> list[str]:
    """A study's classes in their order; ValueError for fewer than two, or two that differ in case alone."""
    found = [check_name(name) for name in names]
    if len(found) < 2:
        said = f"{found[0]} is the only class" if found else "there is no class"
        raise ValueError(f"{said}; a classifier tells at least two apart")
    seen: dict[str, str] = {}
    for name in found:
        if key(name) in seen:
            other = seen[key(name)]
            twice = (
                "is listed twice" if other == name else f"and {other} differ in upper and lower case alone"
            )
            raise ValueError(f"the class {name} {twice}")
        seen[key(name)] = name
    return found


def match(written: str, classes: Sequence[str]) -> str | None:
    """The one of `classes` that a person means: whatever the case, or in another word of SPELLINGS.

    None where it is none of them.
    """
    known = {key(name): name for name in classes}
    said = key(written.strip())
    return known.get(said) or known.get(SPELLINGS.get(said, said))
