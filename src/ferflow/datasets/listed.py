"""Any other clips: a table that the user writes."""

from __future__ import annotations

from pathlib import Path, PurePath

from ferflow import tables
from ferflow.datasets.manifest import ListedClip, refuse_repeats
from ferflow.errors import InputError

LONGEST = 4000
"""Characters of a path: about what Linux takes."""


def inside(root: Path, source: str, table: str | Path) -> Path:
    """The path of `source`, which `table` lists, in the folder `root`; InputError where it leads out of it.

    What the names say counts, not where symbolic links lead: large data sets are often linked from elsewhere.
    """
    path = PurePath(source)
    if path.is_absolute() or ".." in path.parts or "\0" in source or len(source) > LONGEST:
        raise InputError(
            table, f"lists {source!r:.200}, which is not inside {root}", "give paths inside the folder"
        )
    return root / path


def find(table: str | Path, root: str | Path, emotions: tuple[str, ...]) -> list[ListedClip]:
    """List the clips of a user's table (schema `clips`); `source` is relative to `root`.

    Raises InputError for a wrong column, a clip listed twice, an emotion that the study does not have, and a
    file that is not there.
    """
    frame = tables.read(table, "clips")
    refuse_repeats(table, frame)
    unknown = frame[~frame.emotion.isin(emotions)]
    if len(unknown):
        row = unknown.iloc[0]
        raise InputError(
            table,
            f"clip {row.clip_id}: {row.emotion!r} is not an emotion",
            f"the emotions are {', '.join(emotions)}",
        )
    clips = []
    for row in frame.itertuples():
        source = inside(Path(root), row.source, table)
        if not source.exists():
            raise InputError(source, f"does not exist, but {table} lists it", "correct the path or the table")
        own = [getattr(row, name, "") or "" for name in ("sex", "split", "fold")]
        clips.append(ListedClip(row.clip_id, row.subject_id, own[0], row.emotion, source, *own[1:]))
    return clips
