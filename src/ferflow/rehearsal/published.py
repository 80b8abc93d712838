"""Random weights in the layouts of the published files, so that a study's own loaders run.

Means and variances are those of new weights on smooth noise, so that activations stay finite.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ferflow.files import atomic_write
from ferflow.models import spatial
from ferflow.models.face_weights import POSITIONS
from ferflow.networks import NETWORKS

SEED = 8
_VGG_DENSE = {0: (4096, 25_088), 3: (4096, 4096), 6: (1000, 4096)}
"""The dense layers of torchvision's VGG16, which its file has too."""
_PLACES = {place: key for key, place in POSITIONS.items()}
_LAYERS = {"conv1": "1x1_reduce", "conv2": "3x3", "conv3": "1x1_increase", "downsample": "1x1_proj"}
_NORM = {
    "weight": "gamma:0",
    "bias": "beta:0",
    "running_mean": "moving_mean:0",
    "running_var": "moving_variance:0",
}


def write(name: str, path: Path) -> None:
    """Write random weights to `path` in the layout of the published file `name`."""
    network = next(network for network, known in NETWORKS.items() if name in known.pretrained)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        state = spatial.build(network, 7, calibrated=True).base.state_dict()
        state = {key: value for key, value in state.items() if value.is_floating_point()}
        first = next(iter(state))
        state[first] = state[first] * NETWORKS[network].std[0]  # for images of 0 to 255, where it takes those
        made = _FORMATS.get(name, _torchvision)(network, state)
    with atomic_write(path) as partial:
        if name.endswith(".h5"):
            _keras(partial, made)
        else:
            torch.save(made, partial)


def _torchvision(network: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = dict(state)
    if network == "vgg16":
        for place, (out, width) in _VGG_DENSE.items():
            made[f"classifier.{place}.weight"] = torch.zeros(out, width)
            made[f"classifier.{place}.bias"] = torch.zeros(out)
    if network == "densenet201":
        return {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): v for key, v in made.items()}
    return made


def _vgg_face_dag(_: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = {}
    for key, value in state.items():
        _, place, kind = key.split(".")
        stage, number = _PLACES[int(place)]
        made[f"conv{stage}_{number}.{kind}"] = value
    for number, (out, width) in {6: (4096, 25_088), 7: (4096, 4096), 8: (2622, 4096)}.items():
        made |= {f"fc{number}.weight": torch.zeros(out, width), f"fc{number}.bias": torch.zeros(out)}
    return made


def _keras_vgg(_: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = {}
    for key, value in state.items():
        _, place, kind = key.split(".")
        stage, number = _PLACES[int(place)]
        value = value.flip(1) if (stage, number, kind) == (1, 1, "weight") else value
        layer = f"conv{stage}_{number}"
        made[f"{layer}/{layer}/{'kernel' if kind == 'weight' else 'bias'}:0"] = value
    return made


def _keras_resnet(_: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    made = {}
    for key, value in state.items():
        parts = key.split(".")
        if len(parts) == 2:
            layer, normalises = "conv1/7x7_s2", parts[0] == "bn1"
            value = value if normalises else value.flip(1)
        else:
            unit = parts[2]
            normalises = unit.startswith("bn") or (unit == "downsample" and parts[3] == "1")
            stage = int(parts[0].removeprefix("layer")) + 1
            layer = f"conv{stage}_{int(parts[1]) + 1}_{_LAYERS[unit.replace('bn', 'conv')]}"
        made[f"{layer}/bn/{_NORM[parts[-1]]}" if normalises else f"{layer}/kernel:0"] = value
    return made


def _keras(path: Path, made: Mapping[str, Tensor]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in made.items():
            # A kernel is height, width, in, out.
            file[name] = (value.permute(2, 3, 1, 0) if value.ndim == 4 else value).contiguous().numpy()


_FORMATS: dict[str, Callable[[str, Mapping[str, Tensor]], dict[str, Tensor]]] = {
    "rcmalli_vggface_tf_notop_vgg16.h5": _keras_vgg,
    "rcmalli_vggface_tf_notop_resnet50.h5": _keras_resnet,
    "vgg_face_dag.pth": _vgg_face_dag,
}
