"""`ferflow bundle`: one archive of a study's results that a reviewer can check."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ferflow import __version__, layout
from ferflow import settings as study_settings
from ferflow.errors import FerflowError, InputError
from ferflow.files import atomic_write, sha256, write_text
from ferflow.release import archive, facts, verify
from ferflow.release.rebuild import VOTES
from ferflow.report import table_list
from ferflow.settings import Settings

FORMAT = 1
LOCK = "requirements.lock"
PICTURED = ("report.html", "figures/", "tables/mislabelled-")
"""Beginnings of results that show faces of the data set."""


def write(results: str | Path, out: str | Path | None = None, pictures: bool = True) -> Path:
    """Write the bundle of the study in the folder `results` and return its path (`<study>-bundle.zip`).

    Without `pictures` the report, the figures and the pages with frames are left out: they show faces. The
    archive is verified before it appears. Raises InputError for a study that has not been run through, and
    FerflowError where its tables do not follow from its predictions.
    """
    root, settings = _study(Path(results))
    files = contents(root, settings, pictures)
    out = Path(out or f"{settings.study}-bundle.zip")
    if out.suffix != ".zip":
        raise FerflowError(out, "is not the name of a ZIP archive", "end it with .zip")
    with tempfile.TemporaryDirectory(prefix="ferflow-bundle-") as temporary:
        versions = Path(temporary) / facts.VERSIONS
        write_text(versions, facts.versions())
        files[facts.VERSIONS] = versions
        with atomic_write(out) as partial:
            archive.write(partial, files, _listing(root, settings, files, pictures))
            found = verify.verify(partial)
            if not found.equal:
                first = found.differences()[0]
                problem = f"its tables do not follow from its predictions and settings ({first})"
                raise FerflowError(results, problem, "run the workflow of the study again")
    return out


def _study(results: Path) -> tuple[Path, Settings]:
    """The working folder of the results `<root>/results/<study>`, and the study's settings."""
    path = results.resolve()
    kept = path / Path(layout.SETTINGS).name
    if not kept.is_file():
        raise InputError(results, f"holds no {kept.name}", "name a study's results, and run its workflow")
    settings = study_settings.load(kept)
    if settings.rehearsal:
        raise FerflowError(results, "is a rehearsal: nothing in it is a result", "bundle the study itself")
    root = path.parents[1]
    if root / layout.RESULTS.format(study=settings.study) != path:
        where = layout.RESULTS.format(study=settings.study)
        raise InputError(results, f"is not a folder {where}", "put it where the workflow wrote it")
    return root, settings


def manifest_of(settings: Settings) -> str:
    """The study's list of all clips or images."""
    return layout.MANIFEST.format(dataset=settings.data()[0])


def contents(root: Path, settings: Settings, pictures: bool = True) -> dict[str, Path]:
    """The files of a bundle by their names in it, which are their paths in the working folder `root`.

    Raises InputError, naming the file and the command, where the study or its report is not complete.
    """
    results = root / layout.RESULTS.format(study=settings.study)
    names = table_list.read(root / layout.REPORT_TABLES.format(study=settings.study)).tables
    found = {path.relative_to(root).as_posix(): path for path in _plain(results, pictures)}
    folder = layout.TABLES.format(study=settings.study)
    for name in (f"{folder}/{table}{end}" for table in names for end in (".csv", *table_list.SUFFIXES)):
        if name not in found:
            raise InputError(root / name, "does not exist", "run the workflow of the study through")
    report = layout.REPORT.format(study=settings.study)
    if pictures and report not in found:
        remedy = "write it with `snakemake --report`, or leave it out with --without-pictures"
        raise InputError(root / report, "does not exist", remedy)
    # AffectNet's annotations may not be passed on, and no table is made again from its manifest.
    listed = [] if settings.kind == "affect" else [manifest_of(settings)]
    further = [*listed, LOCK, layout.SPEED]
    found |= {name: root / name for name in further if (root / name).is_file()}
    if settings.kind == "clips" and settings.humans.source(settings.dataset.name) == "votes":
        found[VOTES] = root / settings.humans.votes
    return dict(sorted(found.items()))


def _plain(results: Path, pictures: bool) -> Iterator[Path]:
    for path in sorted(results.rglob("*")):
        inside = path.relative_to(results).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(results).parts)
        if hidden or path.suffix not in archive.SUFFIXES or not path.is_file():
            continue
        if pictures or not inside.startswith(PICTURED):
            yield path


def _listing(root: Path, settings: Settings, files: dict[str, Path], pictures: bool) -> bytes:
    listing = {
        "format": FORMAT,
        "study": settings.study,
        "kind": settings.kind,
        "ferflow": __version__,
        "git": facts.revision(root),
        "machine": facts.machine(),
        "pictures": pictures,
        "data": facts.data(root, settings, manifest_of(settings)),
        "networks": facts.networks(root, settings),
        "files": {
            name: {"sha256": sha256(path), "bytes": path.stat().st_size} for name, path in files.items()
        },
    }
    return (json.dumps(listing, indent=1, ensure_ascii=False) + "\n").encode()
