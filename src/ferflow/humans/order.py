"""The random order in which an annotator sees the clips."""

from __future__ import annotations

from collections.abc import Iterable

from ferflow.humans.pseudonym import key
from ferflow.seeds import derive


def order(clip_ids: Iterable[str], pseudonym: str) -> list[str]:
    """`clip_ids` in the annotator's own order, the same at every visit and on every machine.

    Each clip is sorted by a number drawn from the pseudonym and the clip, so that a clip that is added or
    taken away leaves the others in their order.
    """
    return sorted(clip_ids, key=lambda clip_id: (derive(0, "annotate", key(pseudonym), clip_id), clip_id))
