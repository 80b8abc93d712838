"""A trial job on a cluster: does a node see this folder, this Python with ferflow, and a GPU?"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ferflow.apps.doctor import SLURM_PATIENCE, Finding

SHOWN_AFTER = 15
"""Seconds after a job's end in which a network file system may still hide what it wrote."""


def check_node(folder: Path, wanted: dict[str, str | None], patience: float) -> list[Finding]:
    """Submit a trial job from `folder` and wait for it, `patience` seconds at most.

    `wanted` has the values of sbatch's options account, partition and gres, None for the cluster's own;
    with a gres the job must see a GPU.
    """
    folder = folder.resolve()
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as made:
        out = Path(made) / "said"
        script = _trial(Path(made), gpu=bool(wanted["gres"]))
        values = {"job-name": "ferflow-doctor", "time": "5", "mem": "2000", "output": out, "chdir": folder}
        options = [f"--{name}={value}" for name, value in (wanted | values).items() if value is not None]
        done = call(["sbatch", "--parsable", *options], script)
        if done is None or done.returncode:
            why = "no answer" if done is None else (done.stderr.strip() or "no reason given").splitlines()[-1]
            return [
                Finding("trial job", "bad", f"refused: {why}", "correct --account, --partition or --gres")
            ]
        number = done.stdout.strip().split(";")[0]
        state = _wait(number, lambda: "end" in _words(out), patience)
        said = _words(out)
    if "node" not in said:
        if state.startswith("PENDING"):
            remedy = "wait longer with --wait, or choose another partition"
            return [Finding("trial job", "warn", f"still waits after {patience:.0f} s: {state}", remedy)]
        found = f"job {number} ({state}) wrote nothing that is seen here"
        return [Finding("shared folder", "bad", found, "work in a folder that all nodes share")]
    return _of_node(said, wanted["gres"])


def _of_node(said: dict[str, str], gres: str | None) -> list[Finding]:
    node = said["node"]
    if "shared" not in said:
        remedy = "work in a folder that all nodes share"
        return [Finding("shared folder", "bad", f"node {node} does not see a file written here", remedy)]
    findings = [Finding("shared folder", "good", f"seen from node {node}")]
    if "ferflow" in said:
        findings.append(Finding("Python on a node", "good", f"ferflow {said['ferflow']} in {sys.executable}"))
    else:
        found = f"{sys.executable} with ferflow and Snakemake does not run on {node}: {said.get('other', '')}"
        remedy = "make the environment in a folder that all nodes share"
        findings.append(Finding("Python on a node", "bad", found, remedy))
    if gres and said.get("gpu", "none") != "none":
        findings.append(Finding("GPU in a job", "good", said["gpu"]))
    elif gres:
        remedy = "install a torch built for the nodes' CUDA, or leave gres out"
        findings.append(Finding("GPU in a job", "bad", f"torch sees none on {node} with {gres}", remedy))
    return findings


def _trial(made: Path, gpu: bool) -> str:
    """The trial job's script; each line that it prints begins with a word that says what it is about."""
    token = made / "token"
    token.write_text("", encoding="utf-8")
    python = shlex.quote(sys.executable)
    lines = [
        "#!/bin/sh",
        'echo "node $(hostname)"',
        f"[ -f {shlex.quote(str(token))} ] && echo shared yes",
        f"{python} -c 'import snakemake, ferflow; print(\"ferflow\", ferflow.__version__)'",
    ]
    if gpu:
        seen = 'import torch.cuda as c; print("gpu", c.get_device_name() if c.is_available() else "none")'
        lines.append(f"{python} -c '{seen}'")
    return "\n".join([*lines, "echo end yes", ""])


def _words(out: Path) -> dict[str, str]:
    """What the trial job has said so far: by a line's first word; the last line of others as `other`."""
    said = {}
    for line in out.read_text("utf-8", "replace").splitlines() if out.is_file() else []:
        word, _, rest = line.partition(" ")
        known = word in ("node", "shared", "ferflow", "gpu", "end")
        said[word if known else "other"] = rest if known else line
    return said


def _wait(number: str, ended: Callable[[], bool], patience: float) -> str:
    """Wait for a job's end and for its output; its last state. A job that is still there is cancelled."""
    limit = time.monotonic() + patience
    state, grace = "UNKNOWN", 0
    while time.monotonic() < limit and not ended():
        said = ask("squeue", "-h", "-j", number, "-t", "all", "-o", "%T %r")
        state = (said or "").strip() or "gone"
        if not state.startswith(("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")):
            grace += 1
            if grace > SHOWN_AFTER:
                return state
        time.sleep(1)
    if not ended():
        ask("scancel", number)
    return state


def call(command: list[str], given: str | None = None) -> subprocess.CompletedProcess | None:
    """Run a command, with its input; None if it does not answer in time."""
    try:
        return subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=SLURM_PATIENCE, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return None


def ask(*command: str) -> str | None:
    """What a command prints; None if it fails, or does not answer in time."""
    done = call(list(command))
    return done.stdout if done is not None and done.returncode == 0 else None
