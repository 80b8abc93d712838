"""VGGFace's published files: what they call their layers, and in which order they take the colours.

Three are in use, each with the thirteen convolutions of VGG16:
- `conv1_1.weight` …: MatConvNet's model as a state dict, the original's order red, green, blue;
- `conv_1_1.weight` … or `features.conv_1_1.weight` …: the Caffe model by way of Torch, blue first;
- Keras's HDF5 file with groups `conv1_1` … (keras-vggface, which the thesis used), blue first.

Here a network always takes RGB, so that in the last two the first layer's input channels change places.
"""

from __future__ import annotations

import re
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
_KERAS_LAYER = re.compile(r"(?:^|/)conv(\d)_(\d)(?=[/_])")


def read(path: str | Path) -> dict[str, Tensor]:
    """The convolutions in the file at `path` under torchvision's names, for inputs in RGB.

    The classifier of 2,622 people is left out. Raises WeightsError for a missing or damaged file, and for
    one whose names are none of the known ones; `checkpoint.load_state` then refuses what lacks a layer or
    has another shape.
    """
    import h5py

    path = Path(path)
    if h5py.is_hdf5(path):
        state, blue_first = _read_keras(path), True
    else:
        state, blue_first = _read_torch(path)
    if blue_first and "features.0.weight" in state:
        state["features.0.weight"] = state["features.0.weight"].flip(1)
    return state


def _read_torch(path: Path) -> tuple[dict[str, Tensor], bool]:
    state, blue_first = {}, False
    for name, value in checkpoint.read_state(path).items():
        if _CLASSIFIER.fullmatch(name):
            continue
        found = _NAME.fullmatch(name)
        place = found and POSITIONS.get((int(found[2]), int(found[3])))
        if place is None:
            problem = f"does not fit the network vggface ({name} is unknown)"
            raise WeightsError(path, problem, "give a file of VGGFace, with layers conv1_1 to conv5_3")
        state[f"features.{place}.{found[4]}"] = value
        blue_first |= found[1] == "_"
    return state, blue_first


def _read_keras(path: Path) -> dict[str, Tensor]:
    import h5py
    import numpy as np

    from ferflow import hdf5

    state = {}

    def take(name: str, item: object) -> None:
        found = _KERAS_LAYER.search(name)
        place = found and POSITIONS.get((int(found[1]), int(found[2])))
        if isinstance(item, h5py.Dataset) and place is not None and item.ndim in (1, 4):
            shape = (None,) * item.ndim
            item = hdf5.dataset(path, item.parent, name.rsplit("/")[-1], shape, np.float32, REMEDY)
            value = torch.from_numpy(item[()])
            if item.ndim == 4:  # height, width, in, out
                state[f"features.{place}.weight"] = value.permute(3, 2, 0, 1).contiguous()
            else:
                state[f"features.{place}.bias"] = value

    try:
        with hdf5.opened(path, REMEDY, REMEDY) as file:
            file.visititems(take)
    except InputError as error:
        raise WeightsError(path, error.problem, REMEDY) from None
    return state
