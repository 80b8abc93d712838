"""The study that the cluster runs: from clips to predictions.csv with one head, each job seconds long."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from slurm_daemons import Cluster

import preloaded

REPOSITORY = Path(__file__).resolve().parents[2]
PREDICTIONS = Path("results/cluster/predictions.csv")
TRAINED = Path("results/cluster/models/heads")
PATIENCE = 600
"""Seconds for something to happen in a run."""
CHANGED = {
    "study": "cluster",
    "synth4d": {"women": 3, "men": 3, "frames": [40, 46], "weak_share": 0.0},
    "temporal": {"epochs": 2},
    "end_to_end": {"run": []},
    "splits": {"folds": 2, "test_share": 0.34, "compared": []},
    "finalize": {"patience": 2, "max_epochs": 3},
    "humans": {"simulated": None},
    "fusion": {"sets": {}, "stacking": None, "best": None},
    "nested": {"heads": []},
    "search": {"run": []},
    "experiments": {"compared": []},
    "evaluation": {"controls": False},
}


def checkout(folder: Path) -> None:
    """A copy of the workflow, with the study as its params.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(REPOSITORY / "Snakefile", folder)
    shutil.copytree(REPOSITORY / "workflow", folder / "workflow")
    settings = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    for section, changed in CHANGED.items():
        settings[section] = settings[section] | changed if isinstance(changed, dict) else changed
    settings["temporal"]["heads"] = {"lstm": {"units": 8}, "bilstm": None, "cnn1d": None}
    (folder / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


class Run:
    """The study in one folder, run by this machine alone, or by the cluster that is given."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self.folder = folder
        self.cluster = cluster

    @property
    def predictions(self) -> bytes:
        return (self.folder / PREDICTIONS).read_bytes()

    def start(self, *more: str) -> subprocess.Popen:
        """Snakemake on the cluster, with what it prints in `run.out` of the folder."""
        with (self.folder / "run.out").open("wb") as out:
            return subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("snakemake")), str(PREDICTIONS), *more,
                    "--profile", "workflow/profiles/slurm",
                    # Fewer subjects share a job than in the profile, so that both nodes have work.
                    "--group-components", "prepare=3", "features=3",
                ],
                cwd=self.folder, env=self.cluster.environment(), stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell has what it runs in its background ignore Ctrl-C, and so what that starts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip

    def finish(self, *more: str) -> tuple[int, str]:
        """Run to the end; its exit code and what it printed."""
        if self.cluster:
            return self.end(self.start(*more))
        profile = "--profile", "workflow/profiles/default", "--cores", "2"
        done = preloaded.snakemake(str(PREDICTIONS), *more, *profile, folder=self.folder)
        return done.returncode, done.stdout + done.stderr

    def end(self, process: subprocess.Popen) -> tuple[int, str]:
        """Wait for the end of a started run; its exit code and what it printed."""
        try:
            code = process.wait(timeout=3 * PATIENCE)
        finally:
            process.kill()
        return code, (self.folder / "run.out").read_text(encoding="utf-8", errors="replace")

    def until(self, seen: Callable[[], object]) -> object:
        """Wait until something is seen; what was seen."""
        end = time.monotonic() + PATIENCE
        while not (found := seen()):
            assert time.monotonic() < end, (self.folder / "run.out").read_text("utf-8", "replace")
            time.sleep(0.3)
        return found

    def working(self, comment: str) -> dict[str, str] | None:
        """The running Slurm job of that comment (rule and wildcards)."""
        running = (job for job in self.cluster.jobs() if job["state"] == "RUNNING")
        return next((job for job in running if comment in job["comment"]), None)
