"""What is made again of a bundle: steps that read its files, and write theirs to a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferflow import layout
from ferflow.settings import Settings

PREDICTIONS = "the predictions"
ANSWERS = "the annotators' answers"
CURVES = "training curves"
OTHERS = "other files of the bundle"
TABLE = "its table"
VOTES = "votes.csv"
"""People's vote counts, which are the user's file and lie where the settings say."""


@dataclass(frozen=True)
class Step:
    """A step: what its results rest on, the files it needs, and what makes them again.

    `needs` are names of files in the bundle; without one of them the step is left out.
    """

    rests_on: str
    needs: Sequence[str]
    make: Callable[[], object]


class Places:
    """The files of a bundle (`folder`) and those made again of it (`made`), by the same names."""

    def __init__(self, folder: Path, made: Path, settings: Settings) -> None:
        self.folder, self.made, self.settings = folder, made, settings
        self.known = {
            "study": settings.study,
            "extractor": settings.spatial.network,
            "dataset": settings.data()[0],
        }

    def name(self, pattern: str, **fields: object) -> str:
        """A pattern of `layout` with the study's own names and `fields` filled in."""
        return pattern.format(**self.known | fields)

    def table(self, table: str) -> str:
        """The CSV of a table."""
        return f"{self.name(layout.TABLES)}/{table}.csv"

    def there(self, name: str) -> Path:
        """A file of the bundle."""
        return self.folder / name

    def best(self, name: str) -> Path:
        """The file as it was made again, else as the bundle has it."""
        return self.made / name if (self.made / name).is_file() else self.folder / name

    def out(self, name: str) -> Path:
        """Where the file is made again."""
        path = self.made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def manifest_of(settings: Settings) -> str:
    """The study's list of all clips or images."""
    return layout.MANIFEST.format(dataset=settings.data()[0])
