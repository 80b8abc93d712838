"""Debian's Slurm, unpacked into a private folder: nothing is installed or comes onto anyone's PATH."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

WANTED = ("slurmctld", "slurmd", "slurm-client", "munge")
COMMANDS = (
    "sbatch", "srun", "scancel", "scontrol", "sinfo", "squeue",
    # Without accounting these say only that there is none; the plugin waits for ever where they are missing.
    "sacct", "sacctmgr", "sshare",
)  # fmt: skip
LOADER = "/lib64/ld-linux-x86-64.so.2"
UNPACKED = ".unpacked"


class NoSlurmError(Exception):
    """Why no Slurm can be had here, in one line."""


def unpack(prefix: Path) -> None:
    """Download Debian's packages of Slurm and munge, and what they lack, and unpack them into `prefix`, once.

    Raises NoSlurmError where there is no `apt-get`, or no package index answers it.
    """
    if (prefix / UNPACKED).is_file():
        return
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NoSlurmError(f"no {tool}: Slurm is taken from Debian's packages")
    if not Path(LOADER).exists():
        raise NoSlurmError(f"no {LOADER}: the test cluster is for x86-64 Debian")
    shutil.rmtree(prefix, ignore_errors=True)
    packages = prefix / "packages"
    packages.mkdir(parents=True)
    names = _needed(packages)
    _run(["apt-get", "download", *names], packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(prefix)], packages)
    shutil.rmtree(packages)
    # Debian's alternatives would do this. The names matter: a daemon knows by its own what it is.
    for program in (prefix / "usr/sbin").glob("*-wlm"):
        program.with_name(program.name.removesuffix("-wlm")).symlink_to(program.name)
    (prefix / UNPACKED).write_text("\n".join(names) + "\n", encoding="utf-8")


def _needed(folder: Path) -> list[str]:
    """The packages and those of their libraries that this machine lacks."""
    simulate = ["apt-get", "install", "--simulate", "--no-install-recommends", *WANTED]
    try:
        said = _run(simulate, folder)
    except NoSlurmError:
        _run(["apt-get", "update"], folder)
        said = _run(simulate, folder)
    names = re.findall(r"^Inst (\S+)", said, re.M)
    if not names:
        raise NoSlurmError("Slurm is installed on this machine already: use that one, or remove it first")
    return names


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise NoSlurmError(f"`{' '.join(command[:2])}` failed: {why}")
    return done.stdout


def libraries(prefix: Path) -> str:
    """The folders of the unpacked libraries, as one search path."""
    usual = prefix / "usr/lib/x86_64-linux-gnu"
    return os.pathsep.join([str(usual), str(usual / "slurm-wlm")])


def write_commands(prefix: Path, folder: Path, configuration: Path) -> None:
    """Write Slurm's commands into `folder` as small scripts that know their libraries and configuration.

    The commands themselves lean on /etc/slurm/slurm.conf: a job step of the Slurm plugin drops the
    variable SLURM_CONF. The scripts set it again, so that nothing is written outside `prefix`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        script = folder / name
        script.write_text(
            "#!/bin/sh\n"
            f"SLURM_CONF='{configuration}' exec {LOADER} --library-path '{libraries(prefix)}' "
            f"--argv0 {name} '{prefix / 'usr/bin' / name}' \"$@\"\n",
            encoding="utf-8",
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
