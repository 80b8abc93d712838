"""What the Snakefile asks for: the study, the steps of its report, and how a run begins and ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ferflow import clock, layout
from ferflow.errors import FerflowError
from ferflow.parts import report_steps
from ferflow.runs import events
from ferflow.runs.failed_jobs import failed_jobs
from ferflow.settings import load
from ferflow.steps import code, preflight
from ferflow.steps.computing import STEPS
from ferflow.steps.cost import Costs, Limits, limits_here, too_large
from ferflow.steps.files import StudyFiles, files_of
from ferflow.steps.sizes import of_study
from ferflow.steps.step import ReportStep

LONG = 3600
"""Seconds of work from which on a run says so when it begins."""
LOCK = Path(".snakemake/ferflow.lock")


def say(line: object) -> None:
    """A line on the terminal."""
    print(f"ferflow: {line}", file=sys.stderr)


def stop(error: FerflowError) -> None:
    """One clear line instead of a traceback, before any job starts."""
    say(f"error: {error}")
    sys.exit(1)


class Graph:
    """A study as its graph of jobs: `study` names its files, `report` are the steps of its report.

    `params` is the repository's params.yaml, `studies` are laid over it, and `laid` (those, and what
    --config says) over both. Into `config`, the workflow's, go the settings that come of it, which captions
    and scripts see. The process ends with one line where the study cannot run.
    """

    def __init__(
        self, params: Path, config: dict, studies: Sequence[Path], laid: Mapping, talks: bool
    ) -> None:
        try:
            ready = preflight.look(load(params, *map(_shown, studies), more=laid))
        except FerflowError as error:
            stop(error)
        self.study: StudyFiles = files_of(ready)
        self.report: list[ReportStep] = report_steps(self.study)
        self.costs = Costs(ready.settings, lambda: of_study(ready.settings, Path(), ready.subjects))
        # The captions of the report see the settings alone.
        config |= self.study.recorded() | self.study.captions() | {"last_run": self._last_run()}
        if talks:
            for note in filter(None, (ready.decided, *ready.notes, self._sharded_anew())):
                say(note)

    def _sharded_anew(self) -> str:
        """A line where another number of subjects a job makes everything up to the features anew, else ""."""
        if self.study.settings.kind != "clips":
            return ""
        try:
            recorded = yaml.safe_load(Path(self.study.at(layout.SETTINGS)).read_text(encoding="utf-8"))
            before = recorded["dataset"]["subjects_per_job"]
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            return ""
        now = self.study.settings.dataset.subjects_per_job
        if before in (None, now):
            return ""
        return (
            f"dataset.subjects_per_job is {now} and was {before}: faces, action units and features are made "
            "anew, in files of other names (results stay the same; the old files are not removed)"
        )

    def _last_run(self) -> Mapping[str, Any] | None:
        """The overhead of the study's newest run (`ferflow overhead`), or None."""
        try:
            return json.loads(Path(self.study.at(layout.OVERHEAD)).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def results(self) -> list[str]:
        """Final files: the report, with those of further targets that the study includes or that are made."""
        there = [name for name, files in self._apart().items() if all(Path(file).exists() for file in files)]
        there += self.study.included
        steps = [step for step in self.report if not step.target or step.target in there]
        return [path for step in steps for path in self._written(step)] + self.study.results()

    def targets(self) -> dict[str, list[str]]:
        """Targets besides `all`, and their files."""
        return self.study.stages() | self._apart()

    def _apart(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for step in self.report:
            if step.target:
                found.setdefault(step.target, []).extend(self._written(step))
        return found

    def _written(self, step: ReportStep) -> list[str]:
        return [self.study.path(output) for output in step.each_output()]

    def begin(self, workflow: Any) -> None:
        """One run at a time in a folder, recorded; nothing dated in the future; no limit to jobs a second."""
        self._lock()
        self._say_what_it_takes(workflow)
        self._events = events.record(workflow, self.study.settings.study)
        self._date_now()
        code.keep()  # by now the jobs have asked for their hashes
        # Snakemake's limit of jobs per second, which cannot be switched off, has it look at all that is
        # ready, and at the size of every input, once a second for each job that has ended: half a core where
        # many jobs are ready.
        if workflow.local_exec and not workflow.dryrun:
            workflow.scheduler.job_rate_limiter = None

    def _say_what_it_takes(self, workflow: Any) -> None:
        """A line on a long run, and one for each kind of job that asks for more memory than there is.

        Snakemake gives such a job all that there is, and says nothing.
        """
        jobs = [(job.rule.name, dict(job.wildcards.items())) for job in workflow.dag.needrun_jobs()]
        known = [(rule, wildcards) for rule, wildcards in jobs if rule in STEPS]
        seconds = sum(self.costs.need(rule, wildcards).seconds for rule, wildcards in known)
        if seconds >= LONG:
            say(
                f"{len(jobs):,} jobs, by stated rates {seconds / 3600:,.0f} hours of work at most (trainings "
                f"on {self.costs.machine.name}); `ferflow estimate` has it by kind, and measured"
            )
        limits = limits_here() if workflow.local_exec else Limits(0)
        named = [(" ".join((rule, *wildcards.values())), rule, wildcards) for rule, wildcards in known]
        for line in too_large(self.costs, limits, named):
            say(f"warning: {line}")

    def name_failed_jobs(self) -> None:
        """Say a line for each job of a cluster that failed for good in the run that `begin` began."""
        for line in failed_jobs(events.read(self._events)):
            say(f"error: {line}")

    def _lock(self) -> None:
        """The system lets go of the lock with the process, so a killed run leaves none."""
        import fcntl

        self.lock = LOCK.open("a")  # open as long as the process lives
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stop(FerflowError(Path.cwd(), "another run works in this folder", "wait for it, or stop it"))

    def _date_now(self) -> None:
        """Nothing that jobs read or have written lies in the future."""
        try:
            ahead = clock.clamp_future_mtimes(["data", "results", *self.study.settings.places()])
        except FerflowError as error:
            stop(error)
        if ahead:
            say(f"{ahead} files were dated in the future; they are dated now")


def _shown(study: Path) -> Path:
    """The path of a study's file as error messages show it: relative where it lies below."""
    path, here = Path(study), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
