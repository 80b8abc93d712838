"""`ferflow doctor --slurm`: whether a cluster can run a study, and what its profile needs.

A trial job says whether a node sees this folder, this Python with ferflow, and a GPU.
"""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ferflow.apps.doctor import SLURM_PATIENCE, STALL, Finding, call, show
from ferflow.runs import machine
from ferflow.steps.cost import rates

NEEDED = ("sinfo", "sbatch", "squeue", "scontrol", "scancel", "srun")
FOR_ACCOUNTS = ("sacct", "sacctmgr", "sshare")
"""Commands by which the Slurm plugin looks up the account; without one of them it waits for ever."""
PROFILE = "workflow/profiles/slurm/config.yaml"
SHARED = "work in a folder that all nodes share"
YOUNGEST = 120
"""Seconds that a controller must remember ended jobs (MinJobAge), for squeue to say which have ended."""


@dataclass
class Profile:
    """The first values of the profile; None: the cluster's default. `check` fills in what it needs."""

    account: str | None = None
    partition: str | None = None
    gres: str | None = None
    gpu: str | None = None
    status: str = "squeue"

    def lines(self) -> list[str]:
        return [f"  {name}: {value or 'null'}" for name, value in vars(self).items()]


def run(folder: Path, profile: Profile, wait: float, console=None) -> int:
    """Print what `check` finds and what the profile needs; exit code 1 if no study could run, else 0."""
    bad = show(check(folder, profile, wait), "ferflow doctor --slurm", console)
    say = print if console is None else console.print
    if bad:
        say(f"\nNot in order: {', '.join(bad)}.")
        return 1
    say("\n".join([f"\nThe first lines of {PROFILE}:", *profile.lines()]))
    return 0


def check(folder: Path, profile: Profile, wait: float) -> list[Finding]:
    """Check the cluster from `folder`, in the order in which a run would meet it.

    The trial job may take `wait` seconds.
    """
    findings: list[Finding] = []
    for check_one in (check_commands, check_controller):
        findings.append(check_one())
        if findings[-1].level == "bad":
            return findings
    findings += [check_partitions(profile), check_accounts(profile), check_status(profile)]
    if all(finding.level != "bad" for finding in findings):
        findings += check_node(folder, profile, wait)
    return findings


def check_commands() -> Finding:
    """All of Slurm's commands that Snakemake and its plugin call."""
    missing = [name for name in (*NEEDED, *FOR_ACCOUNTS) if shutil.which(name) is None]
    if len(missing) == len(NEEDED) + len(FOR_ACCOUNTS):
        return Finding("commands", "bad", "no Slurm on the PATH", "log in to the cluster, or load its module")
    if missing:
        why = "; the Slurm plugin waits for ever without them" if set(missing) <= set(FOR_ACCOUNTS) else ""
        return Finding(
            "commands", "bad", f"missing: {', '.join(missing)}{why}", "install all of Slurm's client commands"
        )
    return Finding("commands", "good", ", ".join((*NEEDED, *FOR_ACCOUNTS)))


def check_controller() -> Finding:
    """Whether the controller answers, within a few seconds."""
    begun = time.monotonic()
    version = output_of("sinfo", "--version") or "Slurm"
    if output_of("squeue", "--noheader", "--me") is None:
        return Finding("controller", "bad", STALL, "start it, or take Slurm's commands off the PATH")
    took = time.monotonic() - begun
    return Finding("controller", "good", f"{version.strip()}, answers in {took:.1f} s")


def check_partitions(profile: Profile) -> Finding:
    """The partitions that are up; a cluster without a default one needs a name in the profile."""
    rows = [line.split("|") for line in (output_of("sinfo", "-h", "-o", "%P|%a|%D|%G") or "").splitlines()]
    up = {row[0].rstrip("*"): row for row in rows if len(row) == 4 and row[1] == "up"}
    if not up:
        return Finding("partitions", "bad", "none is up", "ask the cluster's administrators")
    default = next((name for name, row in up.items() if row[0].endswith("*")), None)
    seen = ", ".join(f"{name}{' (default)' if name == default else ''}" for name in up)
    if profile.partition and profile.partition not in up:
        return Finding(
            "partitions", "bad", f"{profile.partition} is not among those that are up: {seen}", "choose one"
        )
    if profile.partition is None and default is None:
        profile.partition = next(iter(up))
        seen += "; none is the default"
    chosen = up[profile.partition or default]
    if profile.gres is None and "gpu" in chosen[3]:
        return Finding("partitions", "good", f"{seen}; it has {chosen[3]}", "try --gres gpu:1 to use a GPU")
    return Finding("partitions", "good", seen)


def check_accounts(profile: Profile) -> Finding:
    """The accounts that this person may charge; none is needed where the cluster keeps none."""
    user = f"user={getpass.getuser()}"
    listed = output_of("sacctmgr", "-n", "-P", "show", "associations", user, "format=account") or ""
    accounts = sorted({line.strip() for line in listed.splitlines() if line.strip()})
    if not accounts:
        if profile.account:
            remedy = "leave the account out: the Slurm plugin refuses one that it cannot look up"
            return Finding("account", "bad", f"the cluster knows no account {profile.account}", remedy)
        return Finding("account", "good", "the cluster keeps none")
    if profile.account is not None and profile.account not in accounts:
        return Finding(
            "account", "bad", f"{profile.account} is not yours: {', '.join(accounts)}", "choose one"
        )
    if profile.account is None:
        profile.account = accounts[0]
    return Finding("account", "good", ", ".join(accounts))


def check_status(profile: Profile) -> Finding:
    """Which command can say that a job has ended: squeue if the controller remembers it, else sacct."""
    config = output_of("scontrol", "show", "config") or ""
    kept = re.search(r"^AccountingStorageType\s*=\s*(\S+)", config, re.M)
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", config, re.M)
    accounting = kept is not None and not kept[1].endswith(("none", "(null)"))
    remembered = int(age[1]) if age else 300
    if remembered >= YOUNGEST:
        accounts = "accounts of jobs are kept" if accounting else "no accounts of jobs are kept"
        return Finding("job status", "good", f"squeue: ended jobs are remembered {remembered} s, {accounts}")
    if accounting:
        profile.status = "sacct"
        return Finding("job status", "good", f"sacct: squeue forgets ended jobs after {remembered} s")
    problem = f"squeue forgets ended jobs after {remembered} s, and no accounts are kept"
    return Finding("job status", "bad", problem, f"have MinJobAge set to {YOUNGEST} or more in slurm.conf")


SHOWN_AFTER = 15
"""Seconds after a job's end in which a network file system may still hide what it wrote."""


def check_node(folder: Path, profile: Profile, patience: float) -> list[Finding]:
    """Submit a trial job from `folder` and wait for it, `patience` seconds at most.

    It requests the account, partition and GPU (gres) of `profile`; with a gres it must see a GPU.
    """
    folder = folder.resolve()
    wanted = {name: getattr(profile, name) for name in ("account", "partition", "gres")}
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as made:
        out = Path(made) / "output"
        script = _trial(Path(made), gpu=bool(profile.gres))
        values = {"job-name": "ferflow-doctor", "time": "5", "mem": "2000", "output": out, "chdir": folder}
        options = [f"--{name}={value}" for name, value in (wanted | values).items() if value is not None]
        done = call(["sbatch", "--parsable", *options], SLURM_PATIENCE, script)
        if done is None or done.returncode:
            why = "no answer" if done is None else (done.stderr.strip() or "no reason given").splitlines()[-1]
            remedy = "correct --account, --partition or --gres"
            return [Finding("trial job", "bad", f"refused: {why}", remedy)]
        number = done.stdout.strip().split(";")[0]
        state = _wait(number, lambda: "end" in _output(out), patience)
        output = _output(out)
    if "node" in output:
        # For what jobs ask time and memory, where its rates are known.
        profile.gpu = machine.known_as(output.get("gpu", "none"), list(rates()["gpus"]))
        return _node_findings(output, profile.gres)
    if state.startswith("PENDING"):
        remedy = "wait longer with --wait, or choose another partition"
        return [Finding("trial job", "warn", f"still waits after {patience:.0f} s: {state}", remedy)]
    problem = f"job {number} ({state}) wrote nothing that is seen here"
    return [Finding("shared folder", "bad", problem, SHARED)]


def _node_findings(output: dict[str, str], gres: str | None) -> list[Finding]:
    node = output["node"]
    if "shared" not in output:
        return [Finding("shared folder", "bad", f"node {node} does not see a file written here", SHARED)]
    findings = [Finding("shared folder", "good", f"seen from node {node}")]
    if "ferflow" in output:
        python = f"ferflow {output['ferflow']} in {sys.executable}"
        findings.append(Finding("Python on a node", "good", python))
    else:
        problem = f"{sys.executable} with ferflow and Snakemake does not run on {node}: "
        remedy = "make the environment in a folder that all nodes share"
        findings.append(Finding("Python on a node", "bad", problem + output.get("other", ""), remedy))
    if gres and output.get("gpu", "none") != "none":
        findings.append(Finding("GPU in a job", "good", output["gpu"]))
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


def _output(out: Path) -> dict[str, str]:
    """What the trial job has printed, by a line's first word; the last of all other lines as `other`."""
    lines = {}
    for line in out.read_text("utf-8", "replace").splitlines() if out.is_file() else []:
        word, _, rest = line.partition(" ")
        known = word in ("node", "shared", "ferflow", "gpu", "end")
        lines[word if known else "other"] = rest if known else line
    return lines


def _wait(number: str, ended: Callable[[], bool], patience: float) -> str:
    """Wait for a job's end and for its output; its last state. A job that is still there is cancelled."""
    limit = time.monotonic() + patience
    state, grace = "UNKNOWN", 0
    while time.monotonic() < limit and not ended():
        state = (output_of("squeue", "-h", "-j", number, "-t", "all", "-o", "%T %r") or "").strip() or "gone"
        if not state.startswith(("PENDING", "CONFIGURING", "RUNNING", "COMPLETING")):
            grace += 1
            if grace > SHOWN_AFTER:
                return state
        time.sleep(1)
    if not ended():
        output_of("scancel", number)
    return state


def output_of(*command: str) -> str | None:
    """What a command prints; None if it fails, or does not answer in time."""
    done = call(list(command), SLURM_PATIENCE)
    return done.stdout if done is not None and done.returncode == 0 else None
