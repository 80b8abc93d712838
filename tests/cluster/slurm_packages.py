"""Debian's Slurm in a private folder, and its commands as scripts that know where they are."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from debian_packages import LOADER, libraries, unpack

WANTED = ("slurmctld", "slurmd", "slurm-client", "munge")
COMMANDS = (
    "sbatch", "srun", "scancel", "scontrol", "sinfo", "squeue",
    # Without accounting these say only that there is none; the plugin waits for ever where they are missing.
    "sacct", "sacctmgr", "sshare",
)  # fmt: skip


def unpack_slurm(prefix: Path) -> None:
    """Unpack Slurm and munge into `prefix`, once. Raises NoPackagesError where they cannot be had."""
    unpack(prefix, WANTED)
    # Debian's alternatives would do this. The names matter: a daemon knows by its own what it is.
    for program in (prefix / "usr/sbin").glob("*-wlm"):
        named = program.with_name(program.name.removesuffix("-wlm"))
        if not named.is_symlink():
            named.symlink_to(program.name)


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
