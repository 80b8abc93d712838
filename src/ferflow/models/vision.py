"""Import torchvision, also where its compiled operators do not load.

torchvision's wheel is built for CUDA; beside a torch without CUDA its compiled operators do not load, and
`import torchvision` fails at two operator schemas that it registers meta kernels for. The networks need none
of the operators, so the schemas are declared here where the operators are missing, and only there.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _load_operators() -> bool:
    """Load torchvision's compiled operators; False where they are absent or do not fit this torch."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    for library in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(str(library))
        except (ImportError, OSError):
            continue
        return True
    return False


def _declare(operator: str) -> None:
    if not hasattr(torch.ops.torchvision, operator):
        torch.library.define(f"torchvision::{operator}", _SCHEMA)


if not _load_operators():
    _declare("nms")
    _declare("qnms")

import torchvision  # noqa: E402

__all__ = ["torchvision"]
