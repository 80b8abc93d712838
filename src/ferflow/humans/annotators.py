"""Annotators: the names under which they answer, and the order in which each sees the clips."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ferflow.seeds import derive_seed

LONGEST = 40
"""Characters."""
SIMULATED = "simulated"
"""Names that begin so belong to annotators that a noise model drew; no person may take one."""


def tidy(name: str) -> str:
    """`name` in composed Unicode with single spaces, as it is stored and shown.

    Raises ValueError, saying what is wrong, for an empty or long name or one with control characters.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise ValueError("a pseudonym is needed")
    if len(name) > LONGEST:
        raise ValueError(f"a pseudonym has at most {LONGEST} characters")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        raise ValueError("a pseudonym has letters, digits and signs only")
    return name


def key(name: str) -> str:
    """What tells one annotator from another: `Anna` and `anna` are the same person."""
    return tidy(name).casefold()


def is_simulated(name: str) -> bool:
    """Whether this is the name of a simulated annotator."""
    return name.strip().casefold().startswith(SIMULATED)


def simulated_name(number: int) -> str:
    """Name of the simulated annotator `number`, counted from 1."""
    return f"{SIMULATED}-{number:02d}"


def order(clip_ids: Iterable[str], pseudonym: str) -> list[str]:
    """`clip_ids` in the annotator's own order, the same at every visit and on every machine.

    Each clip is sorted by a number drawn from the pseudonym and the clip, so that a clip that is added or
    taken away leaves the others in their order.
    """
    return sorted(
        clip_ids, key=lambda clip_id: (derive_seed(0, "annotate", key(pseudonym), clip_id), clip_id)
    )
