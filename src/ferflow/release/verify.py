"""`ferflow verify`: every file of a bundle against its hash, every table against what follows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ferflow import layout
from ferflow import settings as study_settings
from ferflow.errors import InputError
from ferflow.files import sha256
from ferflow.parts import TABLE
from ferflow.release import archive, facts
from ferflow.release.compare import Difference, differences
from ferflow.release.rebuild import rebuild

BY_HASH = "its hash alone"


@dataclass
class Checked:
    """One table or file of results (its name without the suffix): how it was checked, and what was found.

    `rests_on` says what it was made again from, or `BY_HASH`. `cells` were compared, in `suffixes`.
    `changed` are files that are not the listed ones; `failed` is why it could not be made again. `elsewhere`:
    the bundle comes from another machine or other versions, where numbers may be rounded otherwise.
    """

    name: str
    rests_on: str
    suffixes: list[str] = field(default_factory=list)
    cells: int = 0
    different: list[tuple[str, Difference]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failed: str = ""
    elsewhere: bool = False

    @property
    def equal(self) -> bool:
        """Whether nothing was found but what may be rounded otherwise."""
        other = any(not (self.elsewhere and one.rounding) for _, one in self.different)
        return not (other or self.changed or self.failed)

    def lines(self) -> list[str]:
        """What was found, a line each."""
        found = [
            f"{name}: is missing, or not the file that the bundle lists (by its hash)"
            for name in self.changed
        ]
        found += [f"{name}, {one}" for name, one in self.different]
        return found + ([f"{self.name}: {self.failed}"] if self.failed else [])


@dataclass(frozen=True)
class Found:
    """What a verification found: `listed` is the bundle's list, `stray` the files that it does not name."""

    listed: dict
    checked: list[Checked]
    stray: list[str]

    @property
    def equal(self) -> bool:
        """Whether every file is the listed one and every table follows."""
        return not self.stray and all(one.equal for one in self.checked)

    def differences(self) -> list[str]:
        """All that is not equal, a line each."""
        stray = [f"{name}: is not a file of the bundle" for name in self.stray]
        return [line for one in self.checked if not one.equal for line in one.lines()] + stray


def verify(bundle: str | Path) -> Found:
    """Check a bundle, an archive or an unpacked folder.

    What follows from the predictions (or answers, curves, other tables) is made again by the functions that
    the workflow calls, and compared cell by cell; everything is compared with its hash. Raises InputError
    for what is no bundle or a damaged one.
    """
    with archive.opened(bundle) as (folder, listed), tempfile.TemporaryDirectory() as temporary:
        names = list(listed["files"])
        study = str(listed["study"])
        kept = layout.SETTINGS.format(study=study)
        if kept not in names:
            raise InputError(bundle, f"lacks {kept}", archive.TAKE_AGAIN)
        changed = set(_changed(folder, listed["files"]))
        settings = study_settings.load(folder / kept)
        if settings.study != study:
            raise InputError(
                bundle, f"is of study {study}, its settings of {settings.study}", archive.TAKE_AGAIN
            )
        work = Path(temporary)
        made = rebuild(folder, names, settings, work)
        checked = _compared(folder, work, names, made, changed)
        elsewhere = _elsewhere(folder, listed)
        for one in checked:
            one.elsewhere = elsewhere
        return Found(listed, checked, sorted(_stray(folder, names)))


def _elsewhere(folder: Path, listed: dict) -> bool:
    if listed.get("machine") != facts.machine():
        return True
    kept = folder / facts.VERSIONS
    return bool(kept.is_file() and facts.other_versions(kept.read_text(encoding="utf-8", errors="replace")))


def _changed(folder: Path, files: dict) -> Iterator[str]:
    for name, one in files.items():
        path = folder / name
        if (
            not archive.plain(folder, name)
            or path.stat().st_size > archive.LARGEST
            or sha256(path) != one["sha256"]
        ):
            yield name


def _stray(folder: Path, names: list[str]) -> Iterator[str]:
    known = {*names, archive.LIST}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if (path.is_file() or path.is_symlink()) and name not in known:
            yield name


def _compared(
    folder: Path, work: Path, names: list[str], made: dict[str, tuple[str, str]], changed: set[str]
) -> list[Checked]:
    found: dict[str, Checked] = {}

    def of(name: str, rests_on: str) -> Checked:
        stem = str(PurePosixPath(name).with_suffix(""))
        one = found.setdefault(stem, Checked(stem, rests_on))
        if one.rests_on == BY_HASH or (one.rests_on == TABLE and rests_on != BY_HASH):
            one.rests_on = rests_on
        return one

    for name, (rests_on, failed) in made.items():
        if failed:
            found[name] = Checked(name, rests_on, failed=failed)
            continue
        one = of(name, rests_on)
        one.suffixes.append(PurePosixPath(name).suffix)
        if name not in names:
            one.failed = f"{name} is not in the bundle"
        elif archive.plain(folder, name):
            try:
                differing, cells = differences(folder / name, work / name)
            except InputError as error:
                one.failed = error.problem
                continue
            one.different += [(name, difference) for difference in differing]
            one.cells += cells
    for name in names:
        one = of(name, BY_HASH)
        if name in changed:
            one.changed.append(name)
    return sorted(found.values(), key=lambda one: one.name)
