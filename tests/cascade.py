"""The file of a final model, of networks that nobody trained."""

from __future__ import annotations

from pathlib import Path

import torch

from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.models import checkpoint
from ferflow.models.spatial import SpatialNetwork
from ferflow.models.temporal import TemporalHead
from ferflow.settings import Settings
from ferflow.training.final import KIND


def write_cascade(
    path: Path,
    spatial: SpatialNetwork,
    head: TemporalHead,
    settings: Settings,
    synthetic: bool = True,
    **more,
) -> Path:
    """Write both networks as `ferflow.training.final` does; `more` goes to the options of the file."""
    both = torch.nn.ModuleDict({"spatial": spatial, "head": head})
    options = {
        "n_features": head.n_features,
        "settings": head.settings.model_dump(),
        "spatial": spatial.name,
        "frame_classes": list(EMOTIONS_NEUTRAL),
    }
    meta = {"synthetic": synthetic, "layer": "dense", "settings": settings.model_dump(mode="json")}
    checkpoint.write(path, KIND, head.name, both, EMOTIONS, options | more, meta)
    return path
