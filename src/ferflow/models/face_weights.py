"""Published weights of VGGFace and VGGFace2: what they call their layers, and the order of their colours.

VGGFace has three forms in use, each with the thirteen convolutions of VGG16:
- `conv1_1.weight` …: MatConvNet's model as a state dict, the original's order red, green, blue;
- `conv_1_1.weight` … or `features.conv_1_1.weight` …: the Caffe model by way of Torch, blue first;
- Keras's HDF5 file with groups `conv1_1` … (keras-vggface, which the thesis used), blue first.

VGGFace2's ResNet50 is Keras's HDF5 file of keras-vggface, blue first. Here a network always takes RGB: where
blue is first, the first layer's input channels change places.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ferflow.errors import InputError, WeightsError
from ferflow.models import checkpoint

POSITIONS = dict(
    zip(
        [(stage, number) for stage, n in enumerate((2, 2, 3, 3, 3), 1) for number in range(1, n + 1)],
        (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
        strict=True,
    )
)
"""Stage and number of each convolution (conv3_2: 3, 2) to its place in torchvision's VGG16."""

REMEDY = "fetch it anew"
_NAME = re.compile(r"(?:features\.)?conv(_?)(\d)_(\d)\.(weight|bias)")
_CLASSIFIER = re.compile(r"(?:\w+\.)?fc_?[678]\.(weight|bias)")
_VGG_LAYER = re.compile(r"(?:^|/)conv(\d)_(\d)(?=[/_])")
_RESNET_LAYER = re.compile(
    r"(?:^|/)(?:(conv1/7x7_s2)|conv(\d)_(\d)_(1x1_reduce|3x3|1x1_increase|1x1_proj))(?=[/_])"
)
_UNITS = {
    "1x1_reduce": ("conv1", "bn1"),
    "3x3": ("conv2", "bn2"),
    "1x1_increase": ("conv3", "bn3"),
    "1x1_proj": ("downsample.0", "downsample.1"),
}
_VALUES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def vggface(path: str | Path) -> dict[str, Tensor]:
    """The convolutions in the file at `path` under torchvision's names, for inputs in RGB.

    The classifier of 2,622 people is left out. Raises WeightsError for a missing or damaged file, and for
    one whose names are none of the known ones; `checkpoint.load_state` then refuses what lacks a layer or
    has another shape.
    """
    import h5py

    path = Path(path)
    if h5py.is_hdf5(path):
        return _rgb(_read_keras(path, _vgg_name), "features.0.weight")
    state, blue_first = {}, False
    for name, value in checkpoint.read_state(path).items():
        if _CLASSIFIER.fullmatch(name):
            continue
        match = _NAME.fullmatch(name)
        place = match and POSITIONS.get((int(match[2]), int(match[3])))
        if place is None:
            problem = f"does not fit the network vggface ({name} is unknown)"
            raise WeightsError(path, problem, "give a file of VGGFace, with layers conv1_1 to conv5_3")
        state[f"features.{place}.{match[4]}"] = value
        blue_first |= match[1] == "_"
    return _rgb(state, "features.0.weight") if blue_first else state


def vggface2(path: str | Path) -> dict[str, Tensor]:
    """The layers of VGGFace2's ResNet50 in the file at `path` under torchvision's names, for inputs in RGB.

    Raises WeightsError for a missing or damaged file; `checkpoint.load_state` then refuses what lacks a layer
    or has another shape.
    """
    return _rgb(_read_keras(Path(path), _resnet_name), "conv1.weight")


def _rgb(state: dict[str, Tensor], first: str) -> dict[str, Tensor]:
    """`state` with the input channels of its layer `first` turned round."""
    return state | ({first: state[first].flip(1)} if first in state else {})


def _read_keras(path: Path, name_of: Callable[[str, int], str | None]) -> dict[str, Tensor]:
    """The arrays of Keras's file that `name_of` (its name there, its dimensions) gives a name in torch."""
    import h5py
    import numpy as np

    from ferflow import hdf5

    state = {}

    def take(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or item.ndim not in (1, 4):
            return
        target, shape = name_of(name, item.ndim), (None,) * item.ndim
        if target is None:
            return
        item = hdf5.dataset(path, item.parent, name.rsplit("/")[-1], shape, np.float32, REMEDY)
        value = torch.from_numpy(item[()])
        # A kernel is height, width, in, out.
        state[target] = value.permute(3, 2, 0, 1).contiguous() if value.ndim == 4 else value

    try:
        with hdf5.opened(path, REMEDY, REMEDY) as file:
            file.visititems(take)
    except InputError as error:
        raise WeightsError(path, error.problem, REMEDY) from None
    return state


def _vgg_name(name: str, n_dims: int) -> str | None:
    match = _VGG_LAYER.search(name)
    place = match and POSITIONS.get((int(match[1]), int(match[2])))
    return None if place is None else f"features.{place}.{'weight' if n_dims == 4 else 'bias'}"


def _resnet_name(name: str, _: int) -> str | None:
    """torchvision's name of the array `name` (…/gamma:0); None for what is none of the network's values."""
    match = _RESNET_LAYER.search(name)
    value = _VALUES.get(name.rsplit("/")[-1].partition(":")[0])
    if match is None or value is None:
        return None
    normalises = "/bn" in name[match.end() :]
    if match[1]:
        return f"{'bn1' if normalises else 'conv1'}.{value}"
    unit = _UNITS[match[4]][normalises]
    return f"layer{int(match[2]) - 1}.{int(match[3]) - 1}.{unit}.{value}"
