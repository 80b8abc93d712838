"""Face crops: in each scene the face that counts is detected, cut out and measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.datasets import manifest as clip_list
from ferflow.datasets.sfew import scenes
from ferflow.errors import InputError
from ferflow.faces.align import aligned
from ferflow.faces.boxes import Detections, boxed, square
from ferflow.faces.detect import Detector, detectors
from ferflow.settings.scenes import Crops
from ferflow.sfew import quality, store


def detector(name: str, settings: Crops, weights_folder: str | Path) -> list[Detector]:
    """The detectors that one of `faces.detect.DETECTORS` names, tried one after the other.

    Raises WeightsError where a network's file is missing.
    """
    if name == "mtcnn":
        from ferflow.faces.mtcnn import Mtcnn  # it imports torch

        return [Mtcnn(weights_folder, settings.smallest, settings.step, settings.thresholds)]
    return detectors(name, settings.smallest, settings.smallest, weights_folder)


def find(detectors: list[Detector], picture: np.ndarray) -> tuple[Detections, str]:
    """The faces in `picture`, RGB uint8 [H,W,3], of the first of `detectors` that finds any, and its name."""
    for one in detectors:
        found = one.find(picture)
        if len(found):
            break
    return found, one.name


def chosen(boxes: np.ndarray, width: int, height: int, choice: str) -> int:
    """Row of the face of `boxes` [n,4] that counts in a picture of `width` × `height`.

    `largest`: by area, of equal ones that nearest to the middle; `central`: the other way about.
    """
    area = boxes[:, 2] * boxes[:, 3]
    away = np.hypot(*(boxes[:, :2] + boxes[:, 2:] / 2 - (width / 2, height / 2)).T)
    keys = (away, -area) if choice == "largest" else (-area, away)
    return int(np.lexsort(keys)[0])


def write(
    manifest_csv: str | Path,
    out_crops: str | Path,
    out_table: str | Path,
    name: str,
    settings: Crops,
    weights_folder: str | Path,
    threads: int = 1,
) -> None:
    """Cut out the faces of a manifest's scenes, found by detector `name`, in its order.

    Writes the crops (`sfew.store`) and the table about them (schema `crops`). A scene in which no face is
    found, nor listed in `manual_boxes`, stands there as a whole, with `found_by` none. Raises InputError for
    a list of boxes that does not fit the scenes, and for scenes that have changed.
    """
    import torch

    torch.set_num_threads(threads)  # MTCNN's last bits depend on them
    manifest = clip_list.read(manifest_csv)
    manual = manual_boxes(settings.manual_boxes, manifest)
    chain = detector(name, settings, weights_folder)
    rows: list[dict] = []

    def cut() -> Iterator[np.ndarray]:
        for about, picture in zip(manifest.itertuples(), scenes(manifest), strict=True):
            crop, row = _crop(picture, *find(chain, picture), manual.get(about.clip_id), settings)
            rows.append({"image_id": about.clip_id, **row, "synthetic": about.synthetic})
            yield crop

    store.write(out_crops, manifest["clip_id"].tolist(), cut())
    tables.write(pd.DataFrame(rows, columns=tables.schema("crops").names), out_table, "crops")


def _crop(
    picture: np.ndarray, found: Detections, name: str, manual: np.ndarray | None, settings: Crops
) -> tuple[np.ndarray, dict]:
    """The crop uint8 [224,224,3] and its row of the table."""
    height, width = picture.shape[:2]
    by, box, sure, points = "none", np.full(4, np.nan), math.nan, np.full((5, 2), np.nan)
    if len(found):
        k = chosen(found.boxes, width, height, settings.choice)
        by, box, sure, points = name, found.boxes[k], float(found.confidence[k]), found.points[k]
    elif manual is not None:
        by, box = "manual", manual
    if by == "none":
        crop = store.fitted(picture)
    elif settings.align and np.isfinite(points).all() and np.ptp(points, axis=0).any():
        crop = aligned(picture, points, store.SIZE, settings.margin)
    else:
        crop = boxed(picture, square(box, settings.margin), store.SIZE)
    blur = math.nan if by == "none" else quality.blur(crop)
    yaw, roll = quality.pose(points) if np.isfinite(points[:3]).all() else (math.nan, math.nan)
    broken = quality.flags(blur, float(min(box[2:])), sure, yaw, roll, settings.limits)
    measured = {"confidence": sure, "blur": blur, "yaw_proxy": yaw, "roll_degrees": roll}
    return crop, {
        "found_by": by,
        **dict(zip(("x", "y", "width", "height"), (round(float(v), 2) for v in box), strict=True)),
        "faces": len(found),
        **{name: round(value, 4) if math.isfinite(value) else None for name, value in measured.items()},
        "flags": quality.BETWEEN.join(broken),
    }


def manual_boxes(path: str | Path | None, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """The boxes (schema `manual_boxes`) by image, float32 [4]; none where `path` is None.

    Raises InputError for a name that no scene has, one listed twice, and a box outside its scene.
    """
    if path is None:
        return {}
    listed = tables.read(path, "manual_boxes")
    sizes = dict(
        zip(manifest["clip_id"], zip(manifest["width"], manifest["height"], strict=True), strict=True)
    )
    boxes: dict[str, np.ndarray] = {}
    for line, row in enumerate(listed.itertuples(), 2):
        if row.image_id not in sizes:
            problem = f"line {line}: {row.image_id} is no image of the manifest"
            raise InputError(path, problem, "take its clip_id from manifest.csv")
        if row.image_id in boxes:
            raise InputError(
                path, f"line {line}: {row.image_id} is listed twice", "keep one box for each image"
            )
        width, height = sizes[row.image_id]
        inside = row.x < width and row.y < height and row.x + row.width > 0 and row.y + row.height > 0
        if not (inside and row.width >= 1 and row.height >= 1):
            problem = f"line {line}: the box lies outside {row.image_id}, which is {width}x{height}"
            raise InputError(path, problem, "give x, y, width and height in pixels of the image")
        boxes[row.image_id] = np.array((row.x, row.y, row.width, row.height), np.float32)
    return boxes


def read(crops_h5: str | Path, crops_csv: str | Path) -> pd.DataFrame:
    """The table of crops; InputError where it is not about the images of the file beside it."""
    table = tables.read(crops_csv, "crops")
    with store.read(crops_h5) as (ids, _):
        store.refuse_others(crops_h5, ids, table["image_id"].tolist())
    return table


def write_quality(manifest_csv: str | Path, crops_csv: str | Path, out: str | Path) -> None:
    """Count the crops of each class and what is wrong with them (schema `crop_quality`).

    Raises InputError where the two tables list different images.
    """
    manifest, crops = clip_list.read(manifest_csv), tables.read(crops_csv, "crops")
    if crops["image_id"].tolist() != manifest["clip_id"].tolist():
        raise InputError(crops_csv, f"does not list the images of {manifest_csv}", store.REMEDY)
    tables.write(quality.summary(crops, manifest["emotion"]), out, "crop_quality")
