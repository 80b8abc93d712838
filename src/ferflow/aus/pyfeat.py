"""Action units by py-feat's own networks (an extra: `pip install ferflow[pyfeat]`).

py-feat fetches its models from a hub on first use and keeps them in its cache.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow.aus.clip import frame_table
from ferflow.aus.mesh import BLINK, FULL_INTENSITY
from ferflow.classes import AU_COLUMNS
from ferflow.errors import FerflowError, InputError
from ferflow.faces import store
from ferflow.faces.quiet import opencv

BLOCK = 32
"""Frames that py-feat is given at once."""
MARGIN = 0.25
"""Share of a crop that is added on each side: py-feat's face detector misses a face that fills the image."""
NAME = "py-feat"


class PyFeat:
    """py-feat's detector, loaded once for many clips. `detector` takes the place of the real one in tests."""

    def __init__(self, detector=None) -> None:
        self._detector = detector if detector is not None else _load()

    def intensities(self, faces: str | Path, clip_id: str) -> pd.DataFrame:
        """Action units of a clip of the faces file `faces`, in the columns of schema `aus` without `clip_id`.

        py-feat's 0-1 become 0-5, its AU43 is AU45, its AU11, AU24 and AU28 are left out. `confidence` is its
        face score. Of several faces in a crop the one with the greatest score counts. Frames without a
        tracked face, or without a face for py-feat, have success 0, confidence 0 and no intensities (NaN).
        """
        tracked = store.read_tracked(faces, clip_id)
        parts = [np.full((0, 2 + len(AU_COLUMNS)), np.nan)]
        for begin in range(0, len(tracked), BLOCK):
            frames = store.read_frames(faces, clip_id, begin, begin + BLOCK)
            parts.append(self._block(frames))
        values = np.concatenate(parts)
        success = tracked & (values[:, 1] > 0)
        values[~success] = np.nan
        confidence = np.where(success, values[:, 0], 0.0).clip(0.0, 1.0).round(4)
        return frame_table(confidence, success, values[:, 2:].round(4))

    def _block(self, frames: np.ndarray) -> np.ndarray:
        """Face score, whether there is a face, and intensities [T,2+17] of `frames` uint8 [T,H,W,3]."""
        import torch

        images = torch.from_numpy(np.stack([_with_margin(frame) for frame in frames])).permute(0, 3, 1, 2)
        try:
            faces = self._detector.detect(
                images, data_type="tensor", batch_size=len(images), progress_bar=False
            )
        except OSError as error:
            raise _unreachable(error) from error
        faces = pd.DataFrame(faces)
        sources = {f"{BLINK.get(name, name)}_r": name for name in faces.columns if name.startswith("AU")}
        missing = [column for column in ("frame", "FaceScore") if column not in faces.columns]
        missing += [column for column in AU_COLUMNS if column not in sources]
        if missing:
            raise InputError(NAME, f"gave no {', '.join(missing)}", "install py-feat 2.1.5")
        values = np.full((len(frames), 2 + len(AU_COLUMNS)), np.nan)
        # Frames without a face come as a line without a box or score.
        seen = faces[faces["FaceScore"].fillna(0.0) > 0].sort_values("FaceScore", ascending=False)
        seen = seen.drop_duplicates("frame")
        at = seen["frame"].to_numpy(np.int64)
        values[at, 0] = seen["FaceScore"]
        values[at, 1] = 1.0
        units = seen[[sources[column] for column in AU_COLUMNS]].to_numpy(np.float64)
        values[at, 2:] = np.clip(units, 0.0, 1.0) * FULL_INTENSITY
        return values


def _load():
    """The real detector: RetinaFace, landmarks and the AU trees; no emotion, identity or gaze networks."""
    try:
        from feat import Detectorv1
    except ImportError as error:
        raise FerflowError(
            "aus.backend: pyfeat",
            f"py-feat cannot be imported ({error})",
            "pip install ferflow[pyfeat], with FFmpeg's shared libraries on the machine",
        ) from error
    try:
        return Detectorv1(
            face_model="retinaface", au_model="xgb", emotion_model=None, identity_model=None, gaze_model=None
        )
    except OSError as error:  # of the hub's client and of a missing file in its cache alike
        raise _unreachable(error) from error


def _unreachable(error: OSError) -> FerflowError:
    return FerflowError(
        NAME,
        f"a model can be neither fetched from its hub nor found in its cache ({type(error).__name__})",
        "run it once with network and copy py-feat's resources folder, or set aus.backend: landmark",
    )


def _with_margin(frame: np.ndarray) -> np.ndarray:
    cv2 = opencv()
    width = round(frame.shape[0] * MARGIN)
    return cv2.copyMakeBorder(frame, width, width, width, width, cv2.BORDER_REPLICATE)
