"""Parameters of the thesis's networks, counted in ours."""

from __future__ import annotations

from ferflow.settings import C3dSettings, HeadSettings

PRETRAINED = ("vgg16", "resnet50", "densenet201")
"""Rows of the thesis's Table 3.2, as torchvision builds them with their 1,000 classes."""
LAYERS = {"lstm-1024": 1024, "lstm-25088": 25_088}
"""Rows of its Figure 3.15, and the features that the LSTM is given."""
UNITS = 128
C3D = {
    "frames": 100,
    "size": 160,
    "filters": [16, 16, 32],
    "kernel": 3,
    "dense": [512, 512],
    "batch_norm": False,
}
"""Its Figure 3.22."""
N_CLASSES = 6


def counts(lstm: HeadSettings | None, c3d: C3dSettings) -> dict[str, int]:
    """All parameters of each network, by its name in the list of published numbers.

    `lstm` (None: left out) and `c3d` are the study's settings, set to the thesis's where parameters depend on
    them. The LSTM of torch has a second bias vector of 4 x 128, which Keras's has not.
    """
    import torch

    from ferflow.models import endtoend, temporal
    from ferflow.models.network import count
    from ferflow.models.vision import torchvision

    with torch.device("meta"):  # no memory is taken, nothing is drawn
        found = {name: count(getattr(torchvision.models, name)(weights=None)) for name in PRETRAINED}
        found["c3d"] = count(endtoend.build("c3d", N_CLASSES, c3d.model_copy(update=C3D)))
        if lstm is not None:
            thesis = lstm.model_copy(update={"units": UNITS, "layers": 1})
            for name, width in LAYERS.items():
                found[name] = count(temporal.build("lstm", width, N_CLASSES, thesis))
    return found
