"""Programs out of Debian's packages, unpacked into a private folder; nothing is installed or put on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

PREFIX = Path(__file__).resolve().parents[1] / ".debian"
"""Under which each set of packages has a folder."""
LOADER = "/lib64/ld-linux-x86-64.so.2"
UNPACKED = ".unpacked"
QUICK = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15")
"""An index that does not answer is no reason to wait for minutes."""


class NoPackagesError(Exception):
    """Why packages cannot be had here, in one line."""


def unpack(prefix: Path, wanted: Sequence[str]) -> None:
    """Download the packages `wanted`, and what they lack here, and unpack them into `prefix`, once.

    Raises NoPackagesError where there is no `apt-get`, or no package index answers it.
    """
    if (prefix / UNPACKED).is_file():
        return
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise NoPackagesError(f"no {tool}: {wanted[0]} is taken from Debian's packages")
    if not Path(LOADER).exists():
        raise NoPackagesError(f"no {LOADER}: the programs are those of x86-64 Debian")
    shutil.rmtree(prefix, ignore_errors=True)
    packages = prefix / "packages"
    packages.mkdir(parents=True)
    names = _needed(packages, wanted)
    _run(["apt-get", "download", *QUICK, *names], packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(prefix)], packages)
    shutil.rmtree(packages)
    (prefix / UNPACKED).write_text("\n".join(names) + "\n", encoding="utf-8")


def _needed(folder: Path, wanted: Sequence[str]) -> list[str]:
    """The packages and those of their libraries that this machine lacks."""
    simulate = ["apt-get", "install", "--simulate", "--yes", "--no-install-recommends", *wanted]
    try:
        said = _run(simulate, folder)
    except NoPackagesError:
        _run(["apt-get", "update", *QUICK], folder)
        said = _run(simulate, folder)
    names = re.findall(r"^Inst (\S+)", said, re.M)
    if not names:
        problem = f"{wanted[0]} is installed on this machine already: use that one, or remove it first"
        raise NoPackagesError(problem)
    return names


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise NoPackagesError(f"`{' '.join(command[:2])}` does not end") from None
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise NoPackagesError(f"`{' '.join(command[:2])}` failed: {why}")
    return done.stdout


def libraries(prefix: Path) -> str:
    """The folders of the unpacked libraries, as one search path."""
    usual = prefix / "usr/lib/x86_64-linux-gnu"
    return os.pathsep.join(map(str, [usual, *usual.glob("slurm-wlm"), *usual.glob("pulseaudio")]))
