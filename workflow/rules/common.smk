# What every rule needs: the checked settings, the subjects, and file patterns with the study's names filled in.
import sys
from pathlib import Path

from ferflow import datasets, layout
from ferflow.errors import FerflowError
from ferflow.settings import check


class Keep(dict):
    """Fills in what is known and leaves other fields as wildcards."""

    def __missing__(self, key):
        return "{" + key + "}"


def stop(error):
    """One clear line instead of a traceback, before any job starts."""
    print(f"ferflow: error: {error}", file=sys.stderr)
    sys.exit(1)


try:
    S = check(config, "params.yaml")
    SUBJECTS = datasets.subjects(S)
except FerflowError as error:
    stop(error)

SYNTHETIC = S.dataset.name == "synth4d"
HEADS = list(S.temporal.heads)
FOLDS = range(S.splits.folds)
AUGMENTATIONS = S.augment.transformations[: max(h.augmentations for h in S.temporal.heads.values())]
KNOWN = Keep(
    dataset=S.dataset.name,
    study=S.study,
    backend=S.aus.backend,
    extractor=S.spatial.network,
    layer=S.features.layer,
)


def at(pattern, **fields):
    """A layout pattern with the study's own names (and `fields`) filled in; the rest stay wildcards."""
    return pattern.format_map(Keep(KNOWN, **fields))


def table(name):
    """The CSV of a table of the report."""
    return f"{at(layout.TABLES)}/{name}.csv"


def plain(section):
    """A block of settings as the rule's params, so that a changed setting reruns the rule."""
    return section.model_dump(mode="json")


wildcard_constraints:
    subject="[A-Za-z0-9._+-]+",
    head="|".join(HEADS),
    fold=r"\d+",


def lock_folder():
    """One run at a time in a folder. The system lets go of the lock with the process, so a killed run leaves none."""
    import fcntl

    global LOCK  # open as long as the process lives
    LOCK = Path(".snakemake/ferflow.lock").open("a")
    try:
        fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stop(FerflowError(Path.cwd(), "another run works in this folder", "wait for it, or stop it"))


onstart:
    lock_folder()
