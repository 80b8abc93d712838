"""AffectNet: its annotations and its manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hostile_bytes import ANY
from hostile_kind import Kind
from hostile_text import TABLE

from ferflow.datasets import affectnet

ROOT = "set"
SMALLEST = 16


def _write(folder: Path) -> None:
    """One image a part, so that what spoils it spoils the part: else it would only be counted."""
    import cv2  # after ferflow, which bounds the images that OpenCV reads

    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    for part in ("train_set", "val_set"):
        for name in ("images", "annotations"):
            (folder / ROOT / part / name).mkdir(parents=True)
        cv2.imwrite(str(folder / ROOT / part / "images/0.jpg"), picture)
        for answer, said in (("exp", "3"), ("val", "0.25"), ("aro", "-0.5")):
            np.save(folder / ROOT / part / f"annotations/0_{answer}.npy", np.array(said))


def _read(folder: Path) -> None:
    list(affectnet.read(folder / ROOT, SMALLEST, threads=1))


def _write_manifest(folder: Path) -> None:
    _write(folder)
    affectnet.write_manifest(folder / ROOT, folder / "manifest.csv", folder / "counts.csv", SMALLEST)


def _read_manifest(folder: Path) -> None:
    from ferflow.training.image_files import ImageList

    ImageList.read(folder / "manifest.csv")


def odd_array(data: bytes, rng) -> bytes:
    """A sound NumPy file of what is not one number."""
    import io

    made = io.BytesIO()
    odd = (np.zeros((2, 2)), np.zeros(0), np.array("happy"), np.array(np.nan), np.zeros(3, "datetime64[s]"))
    np.save(made, odd[rng.randrange(len(odd))])
    return made.getvalue()


AFFECT = (
    Kind(
        "AffectNet annotation", f"{ROOT}/train_set/annotations/0_exp.npy", _write, _read,
        (*ANY, odd_array), "train_set",
    ),
    Kind("AffectNet manifest", "manifest.csv", _write_manifest, _read_manifest, TABLE),
)  # fmt: skip
