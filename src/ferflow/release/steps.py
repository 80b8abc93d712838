"""What is made again of a bundle: steps that read its files, and write theirs to a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferflow import layout
from ferflow.report import shown
from ferflow.settings import Settings

PREDICTIONS = "the predictions"
ANSWERS = "the annotators' answers"
CURVES = "training curves"
OTHERS = "other files of the bundle"
TABLE = "its table"


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
        self.known = {"study": settings.study, "dataset": settings.data()[0]}
        if settings.kind == "clips":
            self.known["extractor"] = settings.spatial.network

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


def of(places: Places) -> list[Step]:
    """All steps of a study in the order in which they build on one another."""
    from ferflow.release import affect, clips, images, sfew

    kinds = {"clips": clips, "images": images, "sfew": sfew, "affect": affect}
    return [*kinds[places.settings.kind].steps(places), *_rendered(places)]


def _rendered(places: Places) -> list[Step]:
    """The shown tables once more as HTML, Markdown and LaTeX, from the tables that were made again."""
    listed = shown.read(places.there(places.name(layout.SHOWN)))
    confidence = places.settings.evaluation.confidence

    def step(table: str, schema: str, title: str) -> Step:
        name = places.table(table)

        def make() -> None:
            outputs = [places.out(name).with_suffix(end) for end in shown.SUFFIXES]
            shown.render(places.best(name), schema, title, outputs, listed.synthetic, confidence)

        return Step(TABLE, [name], make)

    return [step(table, schema, title) for table, (schema, title) in listed.tables.items()]
