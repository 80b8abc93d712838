"""ResNet50 trained on VGGFace2 (Cao 2018), in Keras's file of keras-vggface, which Akhtar 2022 starts from.

The file holds a group per layer: `conv1/7x7_s2`, then `conv<stage>_<block>_1x1_reduce`, `_3x3`,
`_1x1_increase` and, in a stage's first block, `_1x1_proj`; each with a second group `…/bn`. Stages are
counted from 2, blocks from 1. Its colours come blue first; here a network always takes RGB, so that the first
layer's channels change places.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ferflow.errors import InputError, WeightsError
from ferflow.models import checkpoint
from ferflow.models.backbones import ResNet50

FILE = "rcmalli_vggface_tf_notop_resnet50.h5"
BLOCKS = (3, 4, 6, 3)
"""Of each stage."""
REMEDY = "fetch it anew"
_LAYER = re.compile(r"(?:^|/)(?:(conv1/7x7_s2)|conv(\d)_(\d)_(1x1_reduce|3x3|1x1_increase|1x1_proj))(?=[/_])")
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


class ResNet50Face(ResNet50):
    """ResNet50 as its Caffe model has it: a stage halves the size in the first 1×1 convolution of a block.

    Its inputs are RGB of 0–255 less the mean colour of VGGFace2, and not divided by anything. Sizes must be
    even: the padding of the first convolution is Keras's (`same`), and its pooling has none.
    """

    name = "vggface2"
    mean = (131.0912 / 255, 103.8827 / 255, 91.4953 / 255)
    std = (1 / 255, 1 / 255, 1 / 255)

    def __init__(
        self, n_classes: int, dense: Sequence[int] | None = None, dropout: float | None = None
    ) -> None:
        super().__init__(n_classes, dense, dropout)
        base = self.base
        base.conv1.padding = (0, 0)
        base.maxpool.padding = 0
        self.blocks[0] = nn.Sequential(
            nn.ZeroPad2d((2, 3, 2, 3)), base.conv1, base.bn1, base.relu, base.maxpool
        )
        for stage in (base.layer2, base.layer3, base.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        for module in self.blocks.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3  # Keras's own

    def load_base(self, path: str | Path) -> None:
        """Take the convolutions from the published file at `path` (`read`)."""
        checkpoint.load_state(self.base, read(path), path, self.name)


def read(path: str | Path) -> dict[str, Tensor]:
    """The layers in the file at `path` under torchvision's names, for inputs in RGB.

    Raises WeightsError for a missing or damaged file; `checkpoint.load_state` then refuses what lacks a layer
    or has another shape.
    """
    import h5py
    import numpy as np

    from ferflow import hdf5

    path, state = Path(path), {}

    def take(name: str, item: object) -> None:
        target = _torch_name(name)
        if target is None or not isinstance(item, h5py.Dataset) or item.ndim not in (1, 4):
            return
        shape = (None,) * item.ndim
        item = hdf5.dataset(path, item.parent, name.rsplit("/")[-1], shape, np.float32, REMEDY)
        value = torch.from_numpy(item[()])
        # A kernel is height, width, in, out.
        state[target] = value.permute(3, 2, 0, 1).contiguous() if item.ndim == 4 else value

    try:
        with hdf5.opened(path, REMEDY, REMEDY) as file:
            file.visititems(take)
    except InputError as error:
        raise WeightsError(path, error.problem, REMEDY) from None
    if "conv1.weight" in state:
        state["conv1.weight"] = state["conv1.weight"].flip(1)
    return state


def _torch_name(name: str) -> str | None:
    """torchvision's name of the dataset `name` (…/gamma:0); None for what is none of the network's values."""
    found = _LAYER.search(name)
    value = _VALUES.get(name.rsplit("/")[-1].partition(":")[0])
    if found is None or value is None:
        return None
    normalises = "/bn" in name[found.end() :]
    if found[1]:
        return f"{'bn1' if normalises else 'conv1'}.{value}"
    unit = _UNITS[found[4]][normalises]
    return f"layer{int(found[2]) - 1}.{int(found[3]) - 1}.{unit}.{value}"
