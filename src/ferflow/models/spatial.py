"""Networks for single images by name, their input and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ferflow.errors import WeightsError
from ferflow.models import checkpoint
from ferflow.models.network import SpatialNetwork

NETWORKS = ("compact", "vgg16", "resnet50", "densenet201")


def build(name: str, n_classes: int) -> SpatialNetwork:
    """Build network `name` (settings.SpatialNetwork) with new weights from torch's current seed."""
    if name == "compact":
        from ferflow.models.compact import Compact

        return Compact(n_classes)
    from ferflow.models import backbones

    networks = {c.name: c for c in (backbones.Vgg16, backbones.ResNet50, backbones.DenseNet201)}
    if name not in networks:
        raise ValueError(f"no spatial network {name}; there are {', '.join(NETWORKS)}")
    return networks[name](n_classes)


def prepare(images: np.ndarray, network: SpatialNetwork) -> Tensor:
    """Bring uint8 images [N,H,W,3] (RGB) or [N,H,W] (grey) to the network's colour and size.

    Returns float32 [N,C,S,S] with values 0–1. Shrinking averages over areas, growing is bilinear. Training,
    extraction and prediction all come through here, so that they see the same pixels.
    """
    import cv2

    size, grey = network.input_size, network.channels == 1
    out = np.empty((len(images), size, size) if grey else (len(images), size, size, 3), np.uint8)
    how = cv2.INTER_AREA if size < images.shape[1] else cv2.INTER_LINEAR
    for image, target in zip(images, out, strict=True):
        if grey and image.ndim == 3:
            image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        elif not grey and image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
        if image.shape[:2] == (size, size):
            target[...] = image
        else:
            cv2.resize(image, (size, size), dst=target, interpolation=how)
    tensor = torch.from_numpy(out)
    tensor = tensor[:, None] if grey else tensor.permute(0, 3, 1, 2)
    return tensor.to(torch.float32, memory_format=torch.channels_last).div_(255)


def save(path: str | Path, network: SpatialNetwork, classes: Sequence[str], meta: dict) -> None:
    """Write a trained network whose logits stand for `classes`.

    `meta` holds JSON values, among them `synthetic` (bool: trained on synthetic data), the settings and the
    data set.
    """
    checkpoint.write(path, "spatial", network.name, network, classes, {}, meta)


def load(path: str | Path) -> tuple[SpatialNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network`, `classes`, `meta`. Raises WeightsError for a missing or damaged file, one
    of another kind, or weights that do not fit.
    """
    content = checkpoint.read(path, "spatial")
    if content["network"] not in NETWORKS:
        raise WeightsError(path, f"holds the unknown network {content['network']}", "update ferflow")
    network = build(content["network"], len(content["classes"]))
    checkpoint.load_state(network, content.pop("state_dict"), path, content["network"])
    return network.eval(), content


def load_pretrained(network: SpatialNetwork, path: str | Path) -> None:
    """Start `network` from `path`: a file of ferflow (all of it) or an ImageNet state dict (the base).

    Raises WeightsError for a missing or damaged file or another architecture.
    """
    content = checkpoint.load_file(path)
    if isinstance(content, dict) and "state_dict" in content and "kind" in content:
        content = checkpoint.read(path, "spatial")
        checkpoint.load_state(network, content["state_dict"], path, network.name)
    elif hasattr(network, "load_base"):
        network.load_base(path)
    else:
        raise WeightsError(path, "is not a model file of ferflow", f"{network.name} has no other source")
