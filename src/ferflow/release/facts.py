"""What a bundle says of where its results come from: code, versions, machine, data, weights."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

from ferflow import layout, tables, weights
from ferflow.files import sha256
from ferflow.settings import SHIPPED, Settings

VERSIONS = "versions.txt"
"""Of all packages; the name of its file in a bundle."""
COUNTED = ("numpy", "pandas", "scikit-learn", "statsmodels", "scipy")
"""Packages whose versions may change the last digits of a number."""


def revision(folder: Path) -> dict[str, object]:
    """The git revision of `folder` and the files that differ from it; the reason where there is none."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        return {"revision": None, "reason": lines[0] if lines else "git gave none"}
    return {"revision": head.strip(), "changed": [line[3:] for line in changed.splitlines()]}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def versions() -> str:
    """Every installed package as `name==version`, a line each, and Python's own version first."""
    found = {(one.metadata["Name"] or "").lower(): one.version for one in distributions()}
    lines = [f"{name}=={version}" for name, version in sorted(found.items()) if name]
    return "\n".join([f"# Python {platform.python_version()}", *lines]) + "\n"


def other_versions(kept: str) -> list[str]:
    """Which of COUNTED are not here in the version that `kept` (what `versions` gave) names."""
    there = dict(line.split("==", 1) for line in kept.splitlines() if "==" in line)
    here = dict(line.split("==", 1) for line in versions().splitlines() if "==" in line)
    return [
        f"{name} {there[name]}, here {here.get(name)}"
        for name in COUNTED
        if name in there and there[name] != here.get(name)
    ]


def machine() -> dict[str, str]:
    """Processor and system."""
    from ferflow.models.benchmark import processor

    return {"processor": processor(), "system": platform.platform()}


def data(root: Path, settings: Settings, manifest: str) -> list[dict[str, object]]:
    """Hashes of what the study read: its clips by its manifest, and the images that a network learnt from."""
    if settings.kind == "affect":
        # Its hundreds of thousands of files are not hashed.
        listed = [root / manifest] if (root / manifest).exists() else []
        return [{"path": manifest, "sha256": digest_of(one), "note": "manifest of images"} for one in listed]
    found = []
    if (root / manifest).is_file():
        clips = tables.read(root / manifest, "manifest")
        if "sha256" in clips:
            listed = zip(clips["sha256"], clips["clip_id"], strict=True)
            lines = "".join(f"{digest}  {name}\n" for digest, name in listed)
            digest = hashlib.sha256(lines.encode()).hexdigest()
            about = f"{len(clips)} files, by their hashes in the manifest"
            found.append({"path": settings.places()[0], "sha256": digest, "note": about})
    learns = settings.kind == "images" or (settings.kind == "clips" and settings.spatial.weights is None)
    if learns and (stills := root / settings.stills.path).exists():
        found.append({"path": str(settings.stills.path), "sha256": digest_of(stills), "note": "images"})
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files and their names in order."""
    if path.is_file():
        return sha256(path)
    lines = [
        f"{sha256(file)}  {file.relative_to(path)}\n" for file in sorted(path.rglob("*")) if file.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def networks(root: Path, settings: Settings) -> list[dict[str, object]]:
    """Hashes of the pretrained files in use and of every network that the study trained."""
    folder = root / layout.WEIGHTS
    pretrained = [folder / name for name in weights.WEIGHTS if (folder / name).is_file()]
    results = root / layout.RESULTS.format(study=settings.study)
    found = [
        {"path": file.relative_to(root).as_posix(), "sha256": sha256(file), "bytes": file.stat().st_size}
        for file in [*pretrained, *sorted(results.rglob("*.pt"))]
    ]
    if settings.kind in ("clips", "images") and settings.spatial.weights == SHIPPED:
        file = weights.shipped()
        found.append({"path": f"ferflow/{file.name}", "sha256": sha256(file), "bytes": file.stat().st_size})
    return found
