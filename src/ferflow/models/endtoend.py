"""The networks on a clip's frames by name, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ferflow.errors import WeightsError
from ferflow.models import checkpoint
from ferflow.models.c3d import C3d
from ferflow.models.clipnetwork import ClipNetwork
from ferflow.models.convlstm import ConvLstm
from ferflow.settings import C3dSettings, ClipNetworkSettings, ConvLstmSettings

KIND = "end-to-end"
NETWORKS: dict[str, tuple[type[ClipNetwork], type[ClipNetworkSettings]]] = {
    "c3d": (C3d, C3dSettings),
    "convlstm": (ConvLstm, ConvLstmSettings),
}
"""Name (settings.EndToEndName): the network, and the settings it takes."""
_BEFORE: dict[str, dict] = {"c3d": {"map_layers": None}, "convlstm": {}}
"""Settings that model files of earlier versions lack, and what they were built with."""


def build(name: str, n_classes: int, settings: ClipNetworkSettings) -> ClipNetwork:
    """Build network `name` with new weights from torch's current seed.

    Raises ValueError for an unknown name, and for settings of another network.
    """
    if name not in NETWORKS:
        raise ValueError(f"no end-to-end network {name}; there are {', '.join(NETWORKS)}")
    network, expected = NETWORKS[name]
    if not isinstance(settings, expected):
        raise ValueError(f"{name} takes {expected.__name__}, not {type(settings).__name__}")
    return network(n_classes, settings)


def save(path: str | Path, network: ClipNetwork, classes: Sequence[str], meta: dict) -> None:
    """Write a trained network whose logits stand for `classes`; `meta` as in `spatial.save`."""
    options = {"settings": network.settings.model_dump(mode="json")}
    checkpoint.write(path, KIND, network.name, network, classes, options, meta)


def load(path: str | Path) -> tuple[ClipNetwork, dict]:
    """Read a file that `save` wrote: the network in evaluation mode, and its description.

    The description has `network`, `classes`, `options`, `meta`. Raises WeightsError as `spatial.load`.
    """
    content = checkpoint.read(path, KIND)
    name, state = content["network"], content.pop("state_dict")
    if name not in NETWORKS:
        raise WeightsError(path, f"holds the unknown network {name}", "update ferflow")
    try:
        settings = NETWORKS[name][1].recorded(_BEFORE[name] | content["options"]["settings"])
        network = checkpoint.built(path, state, name, lambda: build(name, len(content["classes"]), settings))
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        problem = f"was made by another version of ferflow ({reason})"
        raise WeightsError(path, problem, "train it again") from None
    return network.eval(), content
