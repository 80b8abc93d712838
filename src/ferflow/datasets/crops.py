"""Crop the faces out of whole pictures, by the code of the `faces` step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.datasets.images import ImageSet, assemble, listed_as_omitted, pixel_hash
from ferflow.datasets.manifest import ListedClip
from ferflow.errors import InputError
from ferflow.faces.boxes import cropped as cut_out
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import read_image
from ferflow.settings import Faces

NO_FACE = "no face was found"


@dataclass(frozen=True)
class Crops:
    """Where crops come from: files of the `faces` step, the step's own code, or the pictures as they are.

    `stored` is a path with `{subject}` in it, as layout.FACES with the data set filled in; None: on the fly,
    with the landmark network in `weights_folder`. `whole`: the pictures are faces already, and are only
    brought to the size of a crop.
    """

    weights_folder: str | Path
    settings: Faces
    stored: str | None = None
    whole: bool = False


def cropped(
    name: str, root: str | Path, listed: Sequence[ListedClip], omitted: pd.DataFrame, crops: Crops
) -> ImageSet:
    """The set of the faces in `listed` (images), RGB uint8 [N,size,size,3] as the `faces` step makes them.

    Images without a face, or without a crop in the stored file, are added to `omitted` with the reason. The
    table's size and hash are those of the whole pictures. Raises InputError where no image has a face, or
    a picture cannot be read.
    """
    crop_of = _finder(crops)
    kept, faces, sizes, hashes, without = [], [], [], [], []
    for clip in listed:
        picture = read_image(clip.source)
        face, reason = crop_of(clip, picture)
        if face is None:
            without.append((clip.clip_id, clip.source.as_posix(), clip.emotion, reason))
            continue
        kept.append(clip)
        faces.append(face)
        sizes.append(picture.shape[:2])
        hashes.append(pixel_hash(picture))
    if not kept:
        reason = without[0][3] if without else "there are no images"
        remedy = "see faces.detector, and the smallest face that it looks for"
        raise InputError(root, f"has no image with a face ({reason})", remedy)
    named = ("clip_id", "subject_id", "sex", "emotion", "split")
    columns = {
        **{name: [getattr(clip, name) for clip in kept] for name in named},
        "source": [clip.source.as_posix() for clip in kept],
        "width": [width for _, width in sizes],
        "height": [height for height, _ in sizes],
        "sha256": hashes,
    }
    left_out = pd.concat([omitted, listed_as_omitted(without)], ignore_index=True)
    return assemble(name, root, np.stack(faces), columns, left_out)


def _finder(crops: Crops) -> Callable[[ListedClip, np.ndarray], tuple[np.ndarray | None, str]]:
    """What gives the crop of a clip's picture, RGB uint8 [H,W,3], or why there is none."""

    def whole(clip: ListedClip, picture: np.ndarray) -> tuple[np.ndarray | None, str]:
        height, width = picture.shape[:2]
        return cut_out(picture, np.array([0, 0, width, height]), crops.settings.size), ""

    def stored(clip: ListedClip, picture: np.ndarray) -> tuple[np.ndarray | None, str]:
        from ferflow.faces import store

        path = crops.stored.format(subject=clip.subject_id)
        if clip.clip_id not in store.clip_ids(path):
            return None, f"is not in {path}"
        if not store.read_tracked(path, clip.clip_id)[0]:
            return None, NO_FACE
        return store.read_frames(path, clip.clip_id, 0, 1)[0], ""

    if crops.whole or crops.stored is not None:
        return whole if crops.whole else stored
    stream = FaceStream(crops.weights_folder, crops.settings)

    def fresh(clip: ListedClip, picture: np.ndarray) -> tuple[np.ndarray | None, str]:
        stream.where = clip.source
        face = next(stream.run([picture]))
        return (face.crop, "") if face.tracked else (None, NO_FACE)

    return fresh
