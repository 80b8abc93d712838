"""SFEW, and sets in its layout: whole scenes from films in a folder for each class.

Dhall, Goecke, Lucey and Gedeon, *Static facial expressions in tough conditions*, 2011. A file is named after
its film and its time there, `AlexEmma_000207880_00000018.png`. The two sets of the Strictly Person
Independent protocol (SPI) are either lists beside the class folders, `spi_1.txt` and `spi_2.txt` with a file
name a line, or folders `Set1` and `Set2` with the class folders inside.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL, SPELLINGS
from ferflow.datasets.class_folders import is_image
from ferflow.datasets.images import is_synthetic_root, pixel_hash
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError
from ferflow.faces.video import read_image

NAMES = {
    "angry": "Angry",
    "disgust": "Disgust",
    "fear": "Fear",
    "happy": "Happy",
    "sad": "Sad",
    "surprise": "Surprise",
    "neutral": "Neutral",
}
"""The publisher's names of the classes."""
PUBLISHED = {emotion: 75 if emotion == "disgust" else 100 for emotion in EMOTIONS_NEUTRAL}
"""Images of each class (Gong, section 1.2): 675, where the text says 700."""
FILM = re.compile(r"(?P<film>.+?)[_-]+(?P<time>\d{6,})(?:[_-]+\d+)?")
"""A file's name without its ending: film, time stamp, number of the face or frame. Two files of SFEW have two
underscores before the last number (`IAmSam_013827920__00000101.png`)."""
LISTS = {"1": "spi_1.txt", "2": "spi_2.txt"}
SET = re.compile(r"set[ _-]?(?P<part>[12])", re.IGNORECASE)
UNREADABLE, SMALL = "unreadable", "too small"
"""Why an image is left out."""


def find(root: str | Path) -> list[ListedClip]:
    """The images below `root`, sorted by set, class and name. No image is opened.

    `group_id` is an image's film, `split` its set of the SPI protocol: 1, 2 or empty.

    Raises InputError for a missing folder, one that is no class (with the nearest name), a class without
    images, a file name without a time stamp, and lists of the SPI protocol that do not fit the images.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(root, "is not a folder", "put SFEW's class folders there, or correct the path")
    sets = {match["part"]: folder for folder in _folders(root) if (match := SET.fullmatch(folder.name))}
    if sets:
        beside = [folder.name for folder in _folders(root) if folder not in sets.values()]
        if beside or set(sets) != set(LISTS):
            problem = f"lies beside {beside[0]}" if beside else "is alone"
            remedy = "keep the class folders in Set1 and Set2, or all of them outside"
            raise InputError(next(iter(sets.values())), problem, remedy)
        scenes = [scene for part in sorted(sets) for scene in _of_classes(sets[part], part)]
    else:
        scenes = _of_classes(root, "")
    _refuse_empty(root, scenes)
    scenes = _named(root, scenes)
    return scenes if sets else _listed(root, scenes)


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _of_classes(root: Path, part: str) -> list[ListedClip]:
    found = [(emotion_of(folder), folder) for folder in _folders(root)]
    return [
        ListedClip("", "", "", emotion, file, part, group_id=film_of(file))
        for emotion, folder in found
        for file in sorted(folder.iterdir())
        if file.is_file() and is_image(file.name)
    ]


def emotion_of(folder: Path) -> str:
    """The class that a folder's name stands for, in any case; InputError with the nearest name for others."""
    written = folder.name.strip().lower()
    emotion = SPELLINGS.get(written, written)
    if emotion not in EMOTIONS_NEUTRAL:
        near = difflib.get_close_matches(written, [*EMOTIONS_NEUTRAL, *SPELLINGS], 1, cutoff=0.5)
        known = ", ".join(sorted(NAMES.values()))
        name = NAMES[SPELLINGS.get(near[0], near[0])] if near else ""
        remedy = f"rename it to {name}" if near else f"the classes are {known}; move it elsewhere"
        raise InputError(folder, "is the name of no class of SFEW", remedy)
    return emotion


def film_of(file: Path) -> str:
    """The film that a file's name begins with; InputError where no time stamp of six digits follows."""
    match = FILM.fullmatch(file.stem)
    if not match:
        problem = "does not say its film: no time stamp follows in its name"
        raise InputError(file, problem, "name it like AlexEmma_000207880_00000018.png")
    return match["film"]


def _refuse_empty(root: Path, scenes: list[ListedClip]) -> None:
    there = {scene.emotion for scene in scenes}
    lacking = [NAMES[emotion] for emotion in EMOTIONS_NEUTRAL if emotion not in there]
    if lacking:
        problem = f"has no images of {', '.join(lacking)}"
        raise InputError(root, problem, "a folder for each class holds SFEW's images; copy it again")


def _named(root: Path, scenes: list[ListedClip]) -> list[ListedClip]:
    """The scenes with their names: class and file name, with as much of the path as tells them apart."""
    names = [f"{scene.emotion}-{scene.source.stem}" for scene in scenes]
    for longer in (
        [f"{scene.emotion}-{scene.source.name}" for scene in scenes],
        ["-".join(scene.source.relative_to(root).parts) for scene in scenes],
    ):
        times = Counter(_plain(name) for name in names)
        names = [long if times[_plain(name)] > 1 else name for name, long in zip(names, longer, strict=True)]
    names = [_plain(name) for name in names]
    twice = [scene.source for scene, name in zip(scenes, names, strict=True) if names.count(name) > 1]
    if twice:
        raise InputError(twice[0], f"has the same name as {twice[1]}", "give them different names")
    return [replace(scene, clip_id=name) for scene, name in zip(scenes, names, strict=True)]


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]", "_", name)


def _listed(root: Path, scenes: list[ListedClip]) -> list[ListedClip]:
    """The scenes with the sets that the lists give them; unchanged where there are no lists."""
    lists = {part: root / name for part, name in LISTS.items() if (root / name).is_file()}
    if not lists:
        return scenes
    if len(lists) == 1:
        (path,) = lists.values()
        other = next(root / name for part, name in LISTS.items() if part not in lists)
        raise InputError(other, "does not exist", f"put it beside {path.name}, or take both away")
    parts: dict[Path, str] = {}
    by_name = _by_name(root, scenes)
    for part, path in lists.items():
        for number, written in _lines(path):
            file = by_name.get(written.replace("\\", "/").lower())
            if file is None:
                problem = f"line {number} names {written}, which is in no class folder"
                raise InputError(path, problem, "correct the name, or put the image there")
            if parts.setdefault(file, part) != part:
                problem = f"line {number} names {written}, which {LISTS['1']} names too"
                raise InputError(path, problem, "keep it in one of them")
    return [replace(scene, split=parts.get(scene.source, "")) for scene in scenes]


def _by_name(root: Path, scenes: list[ListedClip]) -> dict[str, Path]:
    """Every way to write a scene's name in a list, lower case, that stands for one file alone."""
    ways: dict[str, set[Path]] = {}
    for scene in scenes:
        inside = scene.source.relative_to(root)
        for name in (inside, inside.with_suffix(""), Path(inside.name), Path(inside.stem)):
            ways.setdefault(name.as_posix().lower(), set()).add(scene.source)
    return {name: next(iter(files)) for name, files in ways.items() if len(files) == 1}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "write a file name a line, in UTF-8") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line.strip()


def write_manifest(
    root: str | Path, smallest: int, out_manifest: str | Path, out_dropped: str | Path, out_counts: str | Path
) -> None:
    """List the images below `root` (schema `manifest`), those left out, and how many of each there are.

    One image is open at a time. Left out are files that are no whole images, and images whose shorter side
    is below `smallest` pixels. Raises InputError as `find`, and where a class is left with no image.
    """
    synthetic = is_synthetic_root(root)
    rows, dropped = [], []
    for scene in find(root):
        about = {"path": scene.source.as_posix(), "emotion": scene.emotion, "synthetic": synthetic}
        try:
            image = read_image(scene.source)
        except InputError as error:
            dropped.append({**about, "reason": UNREADABLE, "said": error.problem})
            continue
        height, width = image.shape[:2]
        if min(height, width) < smallest:
            said = f"{width}x{height} pixels, of at least {smallest} asked"
            dropped.append({**about, "reason": SMALL, "said": said})
            continue
        measured = {"n_frames": 1, "fps": 0.0, "width": width, "height": height, "synthetic": synthetic}
        rows.append(scene.row(sha256=pixel_hash(image), **measured))
    manifest = pd.DataFrame(rows, columns=[*tables.schema("manifest").required, "group_id"])
    omitted = pd.DataFrame(dropped, columns=tables.schema("sfew_dropped").names)
    counted = counts(manifest, omitted, synthetic)
    empty = counted[counted["kept"] == 0]
    if len(empty):
        name = NAMES.get(empty["emotion"].iloc[0], "any class")
        problem = f"has no image of {name} that can be used ({dropped[0]['path']}: {dropped[0]['said']})"
        raise InputError(root, problem, "copy the images again, or lower sfew.dataset.smallest")
    tables.write(manifest, out_manifest, "manifest")
    tables.write(omitted, out_dropped, "sfew_dropped")
    tables.write(counted, out_counts, "sfew_counts")


def counts(manifest: pd.DataFrame, dropped: pd.DataFrame, synthetic: bool) -> pd.DataFrame:
    """Images of each class and of all, beside the published numbers (schema `sfew_counts`)."""
    rows = []
    for emotion in (*EMOTIONS_NEUTRAL, "all"):
        kept = manifest if emotion == "all" else manifest[manifest["emotion"] == emotion]
        lost = dropped if emotion == "all" else dropped[dropped["emotion"] == emotion]
        rows.append(
            {
                "emotion": emotion,
                "published": PUBLISHED.get(emotion, sum(PUBLISHED.values())),
                "found": len(kept) + len(lost),
                "unreadable": int((lost["reason"] == UNREADABLE).sum()),
                "too_small": int((lost["reason"] == SMALL).sum()),
                "kept": len(kept),
                "films": kept["group_id"].nunique(),
                "in_spi": int((kept["split"] != "").sum()),
                "synthetic": synthetic,
            }
        )
    return pd.DataFrame(rows)


def scenes(manifest: pd.DataFrame) -> Iterator[np.ndarray]:
    """The images of a manifest uint8 [H,W,3], one at a time; InputError for one that is another by now."""
    for row in manifest.itertuples():
        image = read_image(Path(row.source))
        if pixel_hash(image) != row.sha256:
            remedy = "delete the manifest and run the workflow again"
            raise InputError(row.source, "is another image than when the manifest was made", remedy)
        yield image
