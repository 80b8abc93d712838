"""The context of a figure of speed: machine, versions, date, and what else was running."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ferflow.errors import FerflowError

LIBRARIES = ("ferflow", "torch", "lightning", "numpy", "h5py", "hdf5plugin", "snakemake")


def describe() -> dict[str, object]:
    """The machine and its software as JSON values; memory in GiB, the load that of the last minute."""
    import torch

    from ferflow.models.benchmark import processor
    from ferflow.models.precision import resolve

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": cores,
        "memory_gib": _memory(),
        "matrix_units": matrix_units(),
        "precision": str(resolve("auto")).removeprefix("torch."),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def matrix_units() -> bool:
    """Whether the processor has AMX, which multiplies bfloat16 matrices in tiles.

    By a private function of torch, as in `models.precision`; False with a torch that has dropped it.
    """
    import torch

    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(ask is not None and ask())


def line(machine: dict) -> str:
    """The machine in one line."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    amx = "with AMX" if machine["matrix_units"] else "without AMX"
    return (
        f"{machine['processor']} ({amx}), {machine['cores']} cores, {machine['memory_gib']:.0f} GiB; "
        f"{machine['system']}, Python {machine['python']}; {versions}; "
        f"load {machine['load']:.1f} at the start"
    )


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def peak() -> float:
    """The greatest size that this process has had, GB (10^9 bytes). Raises FerflowError off Linux."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e9
    except OSError:
        pass
    raise FerflowError("/proc/self/status", "does not say VmHWM", "run the benchmark on Linux")
