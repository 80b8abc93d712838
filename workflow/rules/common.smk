# What every rule needs: the checked settings, file patterns with the study's names filled in, and what is shown.
import re
import sys
from pathlib import Path

from ferflow import layout
from ferflow.errors import FerflowError
from ferflow.planning import preflight
from ferflow.settings import load


class Keep(dict):
    """Fills in what is known and leaves other fields as wildcards."""

    def __missing__(self, key):
        return "{" + key + "}"


def stop(error):
    """One clear line instead of a traceback, before any job starts."""
    print(f"ferflow: error: {error}", file=sys.stderr)
    sys.exit(1)


def study_files():
    """The study's own files, of which mistakes are told."""
    files, here = map(Path, workflow.overwrite_configfiles), Path.cwd()
    return [path.relative_to(here) if path.is_relative_to(here) else path for path in files]


try:
    own = workflow.config_settings.overwrite_config  # the files once more, and what --config says
    READY = preflight.look(load(Path(workflow.basedir) / "params.yaml", *study_files(), more=own))
except FerflowError as error:
    stop(error)

S = READY.settings
config |= S.model_dump(mode="json")  # for captions and scripts: what no file says is as by default
config["decided"] = READY.decided  # the captions' own, which see the settings as they were written
if workflow.is_main_process:
    for note in filter(None, (READY.decided, *READY.notes)):
        print(f"ferflow: {note}", file=sys.stderr)


DATASET, SYNTHETIC = S.data()
KNOWN = Keep(dataset=DATASET, study=S.study)
if S.kind == "clips":
    KNOWN |= {"backend": S.aus.backend, "extractor": S.spatial.network, "layer": S.features.layer}


def at(pattern, **fields):
    """A layout pattern with the study's own names (and `fields`) filled in; the rest stay wildcards."""
    return pattern.format_map(Keep(KNOWN, **fields))


def table(name):
    """The CSV of a table of the report."""
    return f"{at(layout.TABLES)}/{name}.csv"


# What the study ends with; each file of rules adds its own. Tables: name -> schema, title, part of the report.
RESULTS = []
SHOWN = {}
FIGURES = []


def figure(name):
    """The SVG of a figure of the report."""
    return f"{at(layout.FIGURES)}/{name}.svg"


def shown_figure(name, title, category):
    """A figure as the report's output; its caption is workflow/report/<first word of its name>.rst."""
    return report(
        figure(name),
        category=category,
        labels={"shown": title, "kind": "figure"},
        caption=f"../report/{name.split('-')[0]}.rst",
    )


def shown_table(name, title, category, caption):
    """A table as people read it: its HTML as the report's output, its Markdown, its LaTeX."""
    html, *others = (f"{at(layout.TABLES)}/{name}.{form}" for form in ("html", "md", "tex"))
    return [report(html, category=category, labels={"shown": title, "kind": "table"}, caption=caption), *others]


def plain(section):
    """A block of settings as the rule's params, so that a changed setting reruns the rule."""
    return section.model_dump(mode="json")


def more(amount):
    """MiB or minutes (or a function of the wildcards that gives them), times the attempt of the job."""

    def of_attempt(wildcards, attempt):
        return (amount(wildcards) if callable(amount) else amount) * attempt

    return of_attempt


def lock_folder():
    """One run at a time in a folder. The system lets go of the lock with the process, so a killed run leaves none."""
    import fcntl

    global LOCK  # open as long as the process lives
    LOCK = Path(".snakemake/ferflow.lock").open("a")
    try:
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stop(FerflowError(Path.cwd(), "another run works in this folder", "wait for it, or stop it"))


def last_run():
    """What `ferflow overhead` has written of the study's newest run, for the report's first page; None before that."""
    import json

    try:
        return json.loads(Path(at(layout.OVERHEAD)).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


config["last_run"] = last_run()  # the report's own page sees the settings alone


def unlimited():
    """Start jobs at any rate on this machine.

    Snakemake's limit of jobs per second, which cannot be switched off, has it look at all that is ready, and at the
    size of every input, once a second for each job that has ended: half a core where many jobs are ready.
    """
    if workflow.local_exec and not workflow.dryrun:
        workflow.scheduler.job_rate_limiter = None


def date_now():
    """Nothing that jobs read or have written lies in the future."""
    from ferflow import clock

    try:
        ahead = clock.date_now(["data", "results", *S.places()])
    except FerflowError as error:
        stop(error)
    if ahead:
        print(f"ferflow: {ahead} files were dated in the future; they are dated now", file=sys.stderr)


onstart:
    lock_folder()
    date_now()
    unlimited()


def name_failed_jobs(logs):
    """A line for each job of a cluster that failed for good; `logs` are Snakemake's own of this run."""
    import time

    from ferflow.report.failed_jobs import failed_jobs

    text = ""
    for _ in range(20):  # the log is written by a thread of its own
        text = "".join(Path(log).read_text(encoding="utf-8") for log in logs if Path(log).is_file())
        if "Exiting because a job execution failed" in text:
            break
        time.sleep(0.1)
    for job in failed_jobs(text):
        print(f"ferflow: error: {job}", file=sys.stderr)


onerror:
    name_failed_jobs(log)
