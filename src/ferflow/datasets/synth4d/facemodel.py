"""The linear face model: action units (0–1) to a mesh in MediaPipe's numbering, read from the weights folder.

The model is py-feat's `au_to_mesh_pls_v4`: a partial-least-squares fit on 20 action units and three angles of
a face mesh of 478 points (y up, z towards the viewer, about 175 × 200 units). The angles are not used here:
a head turns as a rigid body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferflow.errors import WeightsError

MODEL_FILE = "au_to_mesh.npz"
TRIANGLES_FILE = "face_tessellation.json"
N_POINTS = 468
"""Points that the triangles use; the other ten of the model lie on the irises."""


@dataclass(frozen=True)
class FaceModel:
    """`neutral` float32 [468, 3], `columns` float32 [A, 468, 3], one per AU, `triangles` [898, 3]."""

    neutral: np.ndarray
    columns: np.ndarray
    triangles: np.ndarray
    names: tuple[str, ...]

    def index(self, number: int) -> int:
        """Row of action unit `number` in `columns`."""
        return self.names.index(f"AU{number:02d}")


def load(weights_folder: str | Path) -> FaceModel:
    """Read the face model and its triangles; WeightsError where a file is missing or has another layout."""
    path = Path(weights_folder) / MODEL_FILE
    triangles_path = Path(weights_folder) / TRIANGLES_FILE
    remedy = "run `ferflow weights fetch`"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            coefficients, neutral = arrays["coef"], arrays["mean_aligned_mesh"]
            names = tuple(str(name) for name in arrays["au_columns"])
        triangles = np.asarray(json.loads(triangles_path.read_text(encoding="utf-8"))["triangles"])
    except FileNotFoundError as error:
        raise WeightsError(error.filename, "does not exist", remedy) from None
    except (KeyError, ValueError, OSError) as error:
        raise WeightsError(path, f"is not the face model ({error})", remedy) from None
    if neutral.shape != (478, 3) or coefficients.shape != (len(names) + 3, 3 * 478):
        raise WeightsError(path, f"has the shapes {neutral.shape} and {coefficients.shape}", remedy)
    # The rows are laid out as all x, then all y, then all z.
    columns = coefficients.reshape(-1, 3, 478).transpose(0, 2, 1)[: len(names)]
    return FaceModel(
        neutral[:N_POINTS].astype(np.float32),
        np.ascontiguousarray(columns[:, :N_POINTS], dtype=np.float32),
        triangles.astype(np.int32),
        names,
    )
