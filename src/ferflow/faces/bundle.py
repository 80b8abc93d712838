"""MediaPipe's bundle of face networks, `face_landmarker.task`: a zip file whose members OpenVINO reads."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.faces.landmarks import compiled
from ferflow.settings.decided import BUNDLE


def path(weights_folder: str | Path) -> Path:
    """The bundle in `weights_folder`; WeightsError where it is missing or another file."""
    return weights.path(BUNDLE, weights_folder)


@cache
def network(file: str, member: str, shape: tuple[int, ...] | None = None):
    """The network `member` of the bundle `file`, compiled; `shape` fixes that of its input."""
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder, zipfile.ZipFile(file) as archive:
        try:
            # OpenVINO reads this format from a file alone.
            alone = Path(folder) / "network.tflite"
            alone.write_bytes(archive.read(member))
            return compiled(str(alone), shape)
        except KeyError:
            raise WeightsError(file, f"has no {member}", f"fetch {BUNDLE} again") from None
