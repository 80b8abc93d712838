"""A bundle's tables made again, by the steps that the workflow runs.

The bundle's files are laid into a working folder as links; each step whose inputs are there reads them and
puts its own results in place of the bundle's.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

from ferflow import layout, tables
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation.groups import grouped_by, used
from ferflow.parts import report_steps
from ferflow.release import archive
from ferflow.runs.failed_jobs import Unmade
from ferflow.settings import Settings
from ferflow.steps import run
from ferflow.steps.files import StudyFiles, files_of
from ferflow.steps.preflight import Ready
from ferflow.steps.step import Figure, ReportStep

VOTES = "votes.csv"
"""A bundle's copy of people's vote counts, which are the user's file and lie where the settings say."""
ANSWERS = "answers.csv"
"""The answers of annotators as the study keeps them, by pseudonyms, in place of the user's own file."""


def rebuild(
    folder: Path, names: Collection[str], settings: Settings, work: Path
) -> dict[str, tuple[str, str]]:
    """Make again, in the empty folder `work`, what follows from the files `names` of the bundle in `folder`.

    Returns for each name that was made (or could not be): what it rests on, and why it failed or "".
    """
    _link(folder, names, work)
    try:
        unmade = Unmade.read(work / layout.FAILED.format(study=settings.study))
        study = files_of(_ready(_with_answers(settings, names, folder, work), work), unmade)
    except InputError as error:
        lacking = str(error.where).removeprefix(f"{work}/")
        return {"all tables": ("the list of clips", f"cannot be made again: {lacking} {error.problem}")}
    found: dict[str, tuple[str, str]] = {}
    for step in report_steps(study):
        if (outputs := _made_again(step, study, names)) is None:
            continue
        lacking = [path for path in run.flat(step.inputs.values()) if not _there(work / path)]
        failed = (
            f"cannot be made again: {lacking[0]} is not there"
            if lacking
            else _make(step, study, work, folder)
        )
        if failed:
            found[f"{step.rests_on}: {len(found)}"] = (step.rests_on, failed)
        else:
            found |= dict.fromkeys(outputs, (step.rests_on, ""))
    return found


def _link(folder: Path, names: Collection[str], work: Path) -> None:
    for name in names:
        if archive.plain(folder, name):
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).symlink_to((folder / name).resolve())


def _there(path: Path) -> bool:
    return path.is_file() or (not path.suffix and path.is_dir())


def _with_answers(settings: Settings, names: Collection[str], folder: Path, work: Path) -> Settings:
    """The settings of a study with human answers, which name the bundle's copies of them."""
    if settings.kind != "clips":
        return settings
    kept = f"{layout.HUMANS.format(study=settings.study)}/annotators.csv"
    changes: dict[str, str] = {}
    if VOTES in names:
        changes["votes"] = VOTES
    if settings.humans.annotations is not None and archive.plain(folder, kept):
        (work / ANSWERS).symlink_to((folder / kept).resolve())
        changes["annotations"] = ANSWERS
    return settings.model_copy(update={"humans": settings.humans.model_copy(update=changes)})


def _ready(settings: Settings, work: Path) -> Ready:
    """The study as its own list of clips says; a bundle has no clips that could be looked at."""
    if settings.kind != "clips":
        return Ready(settings, by=tuple(grouped_by(settings)))
    listed = tables.read(work / layout.MANIFEST.format(dataset=settings.data()[0]), "manifest")
    usable = tables.read(work / layout.CLIPS.format(study=settings.study), "manifest")
    clips = [
        ListedClip(row.clip_id, row.subject_id, row.sex, row.emotion, Path(row.source))
        for row in listed.fillna({"sex": ""}).itertuples(index=False)
    ]
    by = used(usable.to_dict("list"), settings.evaluation.by)
    return Ready(settings, tuple(clips), tuple(by))


def _made_again(step: ReportStep, study: StudyFiles, names: Collection[str]) -> list[str] | None:
    """The bundle's files that `step` makes; None where it makes none, or reads what no bundle holds."""
    given = study.at(layout.SETTINGS)  # by which all else is made again
    outputs = [study.path(one) for one in step.each_output() if not isinstance(one, Figure)]
    outputs = [path for path in outputs if path != given]
    if not set(outputs) & set(names) or not all(
        _held(path, study, names) for path in run.flat(step.inputs.values())
    ):
        return None
    return outputs


def _held(path: str, study: StudyFiles, names: Collection[str]) -> bool:
    """Whether a bundle holds `path`, or would if nobody had taken it out."""
    results = study.at(layout.RESULTS) + "/"
    if path in names or path == ANSWERS or any(name.startswith(f"{path}/") for name in names):
        return True
    return path.startswith(results) and ".." not in path and PurePosixPath(path).suffix in (".csv", ".json")


def _make(step: ReportStep, study: StudyFiles, work: Path, folder: Path) -> str:
    """Run `step` within `work`; returns why it failed, or ""."""

    def placed(value: Any) -> Any:
        return str(work / value) if isinstance(value, str) else [placed(one) for one in value]

    outputs = {
        name: placed([study.path(one) for one in value] if isinstance(value, list) else study.path(value))
        if value
        else []
        for name, value in step.outputs.items()
    }
    for one in step.each_output():
        path = work / study.path(one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    inputs = {name: placed(value) for name, value in step.inputs.items()}
    params = step.params(study.settings, **step.given)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what the workflow's logs hold
            run.call(step.call, inputs, outputs, params, {"announce": lambda line: None, "threads": 1})
    except (FerflowError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        # A changed file may be anything; the functions of evaluation need not foresee it all.
        reason = " ".join(str(error).replace(f"{work}/", "").replace(f"{folder}/", "").split())
        return f"cannot be made again ({reason or type(error).__name__})"
    return ""
