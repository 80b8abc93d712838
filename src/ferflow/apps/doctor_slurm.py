"""`ferflow doctor --slurm`: whether a cluster can run a study, and what its profile needs."""

from __future__ import annotations

import getpass
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ferflow.apps.doctor import STALL, Finding, show
from ferflow.apps.doctor_slurm_trial import ask, check_node

NEEDED = ("sinfo", "sbatch", "squeue", "scontrol", "scancel", "srun")
ASKED_TOO = ("sacct", "sacctmgr", "sshare")
"""The Slurm plugin asks these for the account; where one is missing, it waits for ever."""
PROFILE = "workflow/profiles/slurm/config.yaml"
YOUNGEST = 120
"""Seconds that a controller must remember ended jobs (MinJobAge), for squeue to say which have ended."""


@dataclass(frozen=True)
class Asked:
    """What the trial job is to ask for; None: what the cluster gives by itself. `wait` in seconds."""

    account: str | None = None
    partition: str | None = None
    gres: str | None = None
    wait: float = 120


@dataclass
class Profile:
    """The values of the profile's first block."""

    account: str | None = None
    partition: str | None = None
    gres: str | None = None
    status: str = "squeue"

    def lines(self) -> list[str]:
        return [f"  {name}: {value or 'null'}" for name, value in vars(self).items()]


def run(folder: Path, asked: Asked, console=None) -> int:
    """Print what `check` finds and what the profile needs; exit code 1 if no study could run, else 0."""
    findings, profile = check(folder, asked)
    bad = show(findings, "ferflow doctor --slurm", console)
    say = print if console is None else console.print
    if bad:
        say(f"\nNot in order: {', '.join(bad)}.")
        return 1
    say(f"\nThe first lines of {PROFILE}:")
    for line in profile.lines():
        say(line)
    return 0


def check(folder: Path, asked: Asked) -> tuple[list[Finding], Profile]:
    """Look at the cluster from `folder`, in the order in which a run would meet it."""
    profile = Profile(asked.account, asked.partition, asked.gres)
    findings = [check_commands()]
    if findings[-1].level == "bad":
        return findings, profile
    findings.append(check_controller())
    if findings[-1].level == "bad":
        return findings, profile
    findings += [check_partitions(profile), check_accounts(profile), check_status(profile)]
    if all(finding.level != "bad" for finding in findings):
        wanted = {"account": profile.account, "partition": profile.partition, "gres": profile.gres}
        findings += check_node(folder, wanted, asked.wait)
    return findings, profile


def check_commands() -> Finding:
    """All of Slurm's commands that Snakemake and its plugin call."""
    missing = [name for name in (*NEEDED, *ASKED_TOO) if shutil.which(name) is None]
    if len(missing) == len(NEEDED) + len(ASKED_TOO):
        return Finding("commands", "bad", "no Slurm on the PATH", "log in to the cluster, or load its module")
    if missing:
        why = "; the Slurm plugin waits for ever without them" if set(missing) <= set(ASKED_TOO) else ""
        return Finding(
            "commands", "bad", f"missing: {', '.join(missing)}{why}", "install all of Slurm's client commands"
        )
    return Finding("commands", "good", ", ".join((*NEEDED, *ASKED_TOO)))


def check_controller() -> Finding:
    """Whether the controller answers, within a few seconds."""
    begun = time.monotonic()
    said = ask("sinfo", "--version"), ask("squeue", "--noheader", "--me")
    if said[1] is None:
        return Finding("controller", "bad", STALL, "start it, or take Slurm's commands off the PATH")
    took = time.monotonic() - begun
    return Finding("controller", "good", f"{(said[0] or 'Slurm').strip()}, answers in {took:.1f} s")


def check_partitions(profile: Profile) -> Finding:
    """The partitions that are up; a cluster without a default one needs a name in the profile."""
    rows = [line.split("|") for line in (ask("sinfo", "-h", "-o", "%P|%a|%D|%G") or "").splitlines()]
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
    mine = f"user={getpass.getuser()}"
    said = ask("sacctmgr", "-n", "-P", "show", "associations", mine, "format=account")
    accounts = sorted({line.strip() for line in (said or "").splitlines() if line.strip()})
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
    level = "good" if len(accounts) == 1 or profile.account else "warn"
    return Finding("account", level, ", ".join(accounts))


def check_status(profile: Profile) -> Finding:
    """Which command can say that a job has ended: squeue if the controller remembers it, else sacct."""
    said = ask("scontrol", "show", "config") or ""
    kept = re.search(r"^AccountingStorageType\s*=\s*(\S+)", said, re.M)
    age = re.search(r"^MinJobAge\s*=\s*(\d+)", said, re.M)
    accounting = kept is not None and not kept[1].endswith(("none", "(null)"))
    remembered = int(age[1]) if age else 300
    if remembered >= YOUNGEST:
        accounts = "accounts of jobs are kept" if accounting else "no accounts of jobs are kept"
        return Finding("job status", "good", f"squeue: ended jobs are remembered {remembered} s, {accounts}")
    if accounting:
        profile.status = "sacct"
        return Finding("job status", "good", f"sacct: squeue forgets ended jobs after {remembered} s")
    found = f"squeue forgets ended jobs after {remembered} s, and no accounts are kept"
    return Finding("job status", "bad", found, f"have MinJobAge set to {YOUNGEST} or more in slurm.conf")
