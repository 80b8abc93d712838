"""What the Snakefile asks for: the study, the steps of its report, and how a run begins and ends."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ferflow import clock, layout, short_run
from ferflow.errors import FerflowError
from ferflow.parts import BARE_TABLES, FAILED_JOBS, report_steps
from ferflow.runs import events, second_pass
from ferflow.runs.failed_jobs import FailedJob, Unmade, failed_jobs, failures, job_name
from ferflow.settings import load
from ferflow.steps import code, preflight, run
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
            settings = load(params, *map(_shown, studies), more=laid)
            short_run.plan(settings.rehearsal)
            ready = preflight.look(settings)
        except FerflowError as error:
            stop(error)
        self.failed = Path(layout.FAILED.format(study=ready.settings.study))
        self.study: StudyFiles = files_of(ready, self._unmade())
        self.report: list[ReportStep] = report_steps(self.study)
        self.costs = Costs(ready.settings, lambda: of_study(ready.settings, Path(), ready.subjects))
        # The captions of the report see the settings alone.
        config |= self.study.recorded() | self.study.captions() | {"last_run": self._last_run()}
        if talks:
            try:
                self.costs.machine  # noqa: B018  refuses a machine that nobody knows
            except FerflowError as error:
                stop(error)
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

    def _unmade(self) -> Unmade:
        """What cannot be made: a second pass goes by that, and `snakemake --report` after it."""
        if file := os.environ.get(second_pass.FAILED):
            return _read(Path(file))
        reports = any(argument.split("=")[0] == "--report" for argument in sys.argv)
        return _read(self.failed) if reports else Unmade()

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
        written = [path for step in steps for path in self._written(step)]
        return [*written, *self.study.can_be_made(self.study.results()), *self._to_try_again()]

    def _to_try_again(self) -> list[str]:
        """What failed in the newest run and is not there yet: a report without it is not enough."""
        if self.study.unmade or not self.failed.exists():
            return []
        read = set(run.flat(value for step in self.report for value in step.inputs.values()))
        paths = [path for job in _read(self.failed).jobs for path in (*job.outputs, *job.needing)]
        return [path for path in dict.fromkeys(paths) if path in read and not Path(path).exists()]

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

    def end(self) -> None:
        """After a run without failures: those of earlier runs are of no interest once the report is whole."""
        if second_pass.FAILED in os.environ or not self.failed.exists():
            return
        if all(Path(path).exists() for path in self.results()):
            pages = Path(self.study.at(layout.TABLES)).glob(f"{FAILED_JOBS}.*")
            for path in (self.failed, *pages):
                path.unlink()

    def end_with_failures(self, workflow: Any) -> None:
        """Say which jobs failed in the run that `begin` began, and make what can be made of the report.

        Of a cluster each job that failed has a line; others have said theirs themselves. Where the run went
        on after failures (`--keep-going`), a second pass makes the steps of the report that can do without
        what failed. The process ends with a line on all of it.
        """
        happened = events.read(self._events)
        for line in failed_jobs(happened):
            say(f"error: {line}")
        failed = {
            tuple(job.outputs): FailedJob(job_name(job), why, job.outputs) for job, why in failures(happened)
        }
        if not failed or second_pass.FAILED in os.environ:
            return
        unfinished = {job for job in workflow.dag.needrun_jobs() if job.output}
        hanging: set[Any] = set()
        unmade, rules = [], {step.name for step in self.report}
        for job in workflow.dag.jobs:
            if about := failed.get(tuple(job.output)):
                later = _depending(workflow.dag, job)
                hanging |= {job, *later}
                needing = [str(path) for one in later if one.rule.name not in rules for path in one.output]
                unmade.append(FailedJob(about.name, about.reason, about.outputs, needing))
        waiting = {job.rule.name for job in unfinished if job.rule.name in rules}
        if not waiting:
            return  # nothing of the report was wanted
        if not workflow.execution_settings.keep_going:
            words = "with `--keep-going` a run makes what does not hang on that, and the tables without it"
        elif unfinished - hanging:  # somebody stopped the run
            return
        else:
            listed = _listed([f"{one.name} ({one.reason})" for one in unmade])
            words = f"error: failed: {listed}; {self._second_pass(workflow, Unmade(unmade), waiting)}"
        atexit.register(say, words)  # Snakemake's own words come after its hooks

    def _second_pass(self, workflow: Any, unmade: Unmade, waiting: set[str]) -> str:
        """Make those of the steps `waiting` that can be made; says what came of it."""
        study = files_of(self.study.ready, unmade)
        names = [step.name for step in report_steps(study)]
        if not study.trained_predictions():
            return "all results rest on it: there are no tables without it; the same command tries it again"
        more = [BARE_TABLES, FAILED_JOBS, "record"] if "render_tables" in waiting else []
        wanted = [name for name in names if name in waiting or name in more]
        if not wanted:
            return "nothing of what was asked for can be made without it; the same command tries it again"
        unmade.write(self.failed)
        say(f"the report is made without what failed: {len(wanted)} jobs")
        self.lock.close()
        code = second_pass.make(_started_in(workflow), sys.argv[1:], wanted, names, self.failed.absolute())
        again = "the same command tries again what failed and what hangs on it"
        if code:
            return f"tables and figures could not all be made without it; {again}"
        return f"tables and figures are made without it, and say so; {again}"

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


def _read(failed: Path) -> Unmade:
    try:
        return Unmade.read(failed)
    except FerflowError as error:
        stop(error)


def _depending(dag: Any, job: Any) -> list[Any]:
    """The jobs with outputs that need those of `job`, each once, nearest first."""
    found, ahead = dict[Any, None](), [job]
    while ahead:
        ahead = [later for one in ahead for later in dag.depending[one] if later not in found]
        found |= dict.fromkeys(ahead)
    return [one for one in found if one.output]


def _started_in(workflow: Any) -> Path:
    """The folder in which Snakemake was called; its `--directory` has become the current one."""
    here, called = Path.cwd(), Path(os.environ.get("PWD", "."))
    directory = workflow.overwrite_workdir
    return called if directory and (called / directory).resolve() == here.resolve() else here


def _listed(texts: Sequence[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _shown(study: Path) -> Path:
    """The path of a study's file as error messages show it: relative where it lies below."""
    path, here = Path(study), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
