"""Networks for single images by name, their input and their files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ferflow.errors import SettingError, WeightsError
from ferflow.files import sha256
from ferflow.models import checkpoint
from ferflow.models.network import SpatialNetwork
from ferflow.networks import BACKBONES, NETWORKS


def build(
    name: str,
    n_classes: int,
    dense: Sequence[int] | None = None,
    dropout: float | None = None,
    calibrated: bool = False,
) -> SpatialNetwork:
    """Build network `name` (settings.SpatialNetwork) with new weights from torch's current seed.

    `dense` are the neurons of the dense layers before the classes and `dropout` the share dropped behind
    each; only the networks that are fine-tuned (`networks.BACKBONES`) have a choice, and None is theirs. So
    it is with `calibrated` (`backbones.Backbone`). Raises ValueError for an unknown name, SettingError for a
    classifier that cannot be.
    """
    if name not in NETWORKS:
        raise ValueError(f"no spatial network {name}; there are {', '.join(NETWORKS)}")
    module, cls = NETWORKS[name].made_by.split(":")
    network = getattr(import_module(module), cls)
    if name in BACKBONES:
        if dense is not None and (len(dense) == 0 or min(dense) < 1):
            raise SettingError(name, f"cannot have the dense layers {list(dense)}", "give one width or more")
        if dropout is not None and not 0 <= dropout < 1:
            raise SettingError(name, f"cannot drop a share of {dropout}", "give a share from 0 to below 1")
        return network(n_classes, dense, dropout, calibrated)
    if dense is not None or dropout is not None:
        remedy = f"set dense and dropout for {', '.join(BACKBONES)} only"
        raise SettingError(name, "has a classifier of its own", remedy)
    return network(n_classes)


def base(name: str, size: int | None = None, calibrated: bool = False) -> SpatialNetwork:
    """The base of network `name` for images of `size` pixels (None: its own), as `build` makes it.

    It has the layer `pool` alone. Raises RuntimeError where the network cannot take images of that size.
    """
    # The classifier is taken away again: as narrow as can be.
    narrow = ((1,), 0.0) if name in BACKBONES else (None, None)
    network = build(name, 1, *narrow, calibrated)
    network.dense_head, network.classifier = nn.Identity(), nn.Identity()
    width = network.layers["pool"]
    if size is not None and size != network.input_size:
        network.input_size = size
        width = _width(network)
    network.layers = {"pool": width}
    return network


def _width(network: SpatialNetwork) -> int:
    """Values of the layer `pool`, found without computing any."""
    image = torch.empty(1, *network.image_shape, device="meta")
    state = {
        name: value.to("meta") for name, value in (*network.named_parameters(), *network.named_buffers())
    }
    training = network.training
    network.eval()
    features = functional_call(network, state, (image,))
    network.train(training)
    return features.shape[1]


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


def save(
    path: str | Path, network: SpatialNetwork, classes: Sequence[str], meta: dict, *, half: bool = False
) -> None:
    """Write a trained network whose logits stand for `classes`.

    `meta` holds JSON values, among them `synthetic` (bool: trained on synthetic data), the settings and the
    data set. `half` stores the weights as float16: half the size, the same probabilities to about 1e-3.
    Raises WeightsError where one of them is too large for that.
    """
    checkpoint.write(path, "spatial", network.name, network, classes, network.options, meta, half)


def load(path: str | Path) -> tuple[SpatialNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network`, `classes`, `options`, `meta`. Raises WeightsError for a missing or damaged
    file, one of another kind, or weights that do not fit.
    """
    return checkpoint.load(
        path, "spatial", NETWORKS, lambda name, n_classes, options: build(name, n_classes, **options)
    )


def origin(path: str | Path) -> dict:
    """Of weights to start from: `sha256` of the file, and `meta` where ferflow trained them, else None."""
    content = _ferflow_file(path)
    return {"sha256": sha256(path), "meta": None if content is None else content["meta"]}


def load_pretrained(network: SpatialNetwork, path: str | Path) -> None:
    """Start `network` from `path`: a file of ferflow (all of it) or a published state dict (the base).

    Raises WeightsError for a missing or damaged file or another architecture.
    """
    content = _ferflow_file(path)
    if content is not None:
        _refuse_other(network, path, content["network"])
        checkpoint.load_state(network, content["state_dict"], path, network.name)
    else:
        _load_published(network, path)


def load_base(network: SpatialNetwork, path: str | Path) -> None:
    """Start the base alone of `network` from such a file. Raises WeightsError as `load_pretrained`."""
    if _ferflow_file(path) is not None:
        other, _ = load(path)
        _refuse_other(network, path, other.name)
        network.blocks.load_state_dict(other.blocks.state_dict())
    else:
        _load_published(network, path)


def _refuse_other(network: SpatialNetwork, path: str | Path, name: str) -> None:
    if name != network.name:
        raise WeightsError(path, f"holds {name}, not {network.name}", f"give weights of {network.name}")


def _load_published(network: SpatialNetwork, path: str | Path) -> None:
    if not hasattr(network, "load_base"):
        raise WeightsError(path, "is not a model file of ferflow", f"{network.name} has no other source")
    network.load_base(path)


def _ferflow_file(path: str | Path) -> dict | None:
    """The content of a network's file of ferflow; None for anything else that can be read."""
    import h5py

    # Keras's files are HDF5; VGGFace takes one, the other networks refuse it.
    content = None if h5py.is_hdf5(path) else checkpoint.load_file(path)
    written_here = isinstance(content, dict) and {"state_dict", "kind"} <= content.keys()
    return checkpoint.read(path, "spatial") if written_here else None
