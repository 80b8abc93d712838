"""The jobs of a study, as a dry run of Snakemake lists them, and those of earlier runs, by their events.

`python -m ferflow.planning.jobs` is that dry run, in a process of its own.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ferflow.errors import FerflowError
from ferflow.runs import events
from ferflow.runs.events import Job


def planned(folder: Path, overlays: Sequence[Path], everything: bool, snakefile: Path) -> list[Job]:
    """The jobs that Snakemake would run in `folder`; with `everything` also those that are done.

    Raises FerflowError with Snakemake's own line where the study cannot be run.
    """
    command = [sys.executable, "-m", __name__, snakefile, folder, "all" if everything else "", *overlays]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = lines[0].removeprefix("ferflow: error: ") if lines else "no reason given"
        raise FerflowError(folder, f"the study cannot be run there ({reason})", "mend that first")
    return list(events.jobs(map(json.loads, done.stdout.splitlines())))


def _dry_run(snakefile: str, folder: str, everything: str, *overlays: str) -> None:
    """Write the events of a dry run to standard output; what Snakemake says goes to standard error."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings import types

    with SnakemakeApi(types.OutputSettings(dryrun=True, nocolor=True)) as api:
        events.listen(logging.StreamHandler(sys.stdout))
        try:
            workflow = api.workflow(
                types.ResourceSettings(cores=1),
                types.ConfigSettings(configfiles=tuple(map(Path, overlays))),
                snakefile=Path(snakefile).absolute(),
                workdir=Path(folder),
            )
            workflow.dag(
                types.DAGSettings(forceall=bool(everything), force_incomplete=True)
            ).execute_workflow(executor="dryrun")
        except Exception as error:
            api.print_exception(error)
            sys.exit(1)


def past(folder: Path) -> list[tuple[str, Job]]:
    """The newest run of every job that ended in `folder`, with its study. InputError where there was no run.

    On a cluster a job's span has its wait in it, so there only those with a benchmark file count.
    """
    found: dict[tuple[str, str], tuple[str, Job]] = {}
    benchmarks: set[str] = set()
    for run in events.runs(folder):
        for job in run.ended:
            # Where outputs are the study's own, another study's are another job.
            key = job.rule, job.outputs[0]
            if job.benchmark in benchmarks:  # that of a job after it
                job = replace(job, benchmark=None)
            if key not in found and (job.benchmark or run.cores is not None):
                found[key] = run.study, job
        benchmarks.update(job.benchmark for job in run.ended if job.benchmark)
    return list(found.values())


if __name__ == "__main__":
    _dry_run(*sys.argv[1:])
