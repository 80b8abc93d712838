"""MediaPipe's bundle of face networks, `face_landmarker.task`: a zip file whose members OpenVINO reads."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path

from ferflow import weights
from ferflow.errors import WeightsError
from ferflow.settings.decided import BUNDLE


@cache
def compiled(path: str, shape: tuple[int, ...] | None = None):
    """The network in a file on one thread, in float32: subjects run in parallel. `shape`: of its input."""
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,  # pinned, all processes would share the first processor
    }
    core = openvino.Core()
    model = core.read_model(path)
    if shape is not None:
        model.reshape(list(shape))
    return core.compile_model(model, "CPU", settings)


@cache
def network(weights_folder: str | Path, member: str, shape: tuple[int, ...] | None = None):
    """The network `member` of the bundle in `weights_folder`, compiled; `shape` fixes that of its input.

    Raises WeightsError where the bundle is missing or another file.
    """
    file = weights.path(BUNDLE, weights_folder)
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder, zipfile.ZipFile(file) as archive:
        try:
            # OpenVINO reads this format from a file alone.
            alone = Path(folder) / "network.tflite"
            alone.write_bytes(archive.read(member))
            return compiled(str(alone), shape)
        except KeyError:
            raise WeightsError(file, f"has no {member}", f"fetch {BUNDLE} again") from None
