"""A network layer by layer (thesis, Figures 3.15, 3.22 and 3.27), and how large it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from ferflow.models.endtoend import ClipNetwork, ConvLstmLayer
from ferflow.models.network import SpatialNetwork, count
from ferflow.models.temporal import TemporalHead

WHOLE = (ConvLstmLayer,)
"""Modules that are one layer to a reader, whatever they are made of."""
TOTAL = "total"
FLOAT, MEGABYTE = 4, 10**6
"""Bytes."""


def example(network: nn.Module, frames: int = 100) -> tuple[Tensor, ...]:
    """Inputs of zeros for one image or clip of `network`, on its device; `frames` is for temporal heads.

    Raises ValueError for a network that is none of ferflow's.
    """
    device = next(network.parameters()).device
    if isinstance(network, SpatialNetwork):
        return (torch.zeros(1, *network.image_shape, device=device),)
    if isinstance(network, TemporalHead):
        features = torch.zeros(1, frames, network.n_features, device=device)
        return features, torch.ones(1, frames, dtype=torch.bool, device=device)
    if isinstance(network, ClipNetwork):
        clips = torch.zeros(1, *network.shape, device=device)
        return clips, torch.ones(1, network.shape[0], dtype=torch.bool, device=device)
    raise ValueError(f"{type(network).__name__} is no network of ferflow")


def summary(network: nn.Module, inputs: Sequence[Tensor], model: str) -> pd.DataFrame:
    """Schema `layers`: every layer of `network` in the order in which `inputs` pass, and the total.

    `output_shape` is that of the first item of the batch, as torch orders it (channels first). Networks for
    clips can be built on torch's device `meta`, where nothing is computed. A layer with parameters that is
    never called by itself (it belongs to another) comes last, without a shape.
    """
    layers = _layers(network)
    shapes = _shapes(network, layers, inputs)
    silent = [layer for layer in layers if layer not in shapes and _parameters(layer)]
    rows = [
        {
            "model": model,
            "layer": layers[layer],
            "kind": type(layer).__name__,
            "output_shape": " × ".join(map(str, shapes.get(layer, []))),
            "parameters": _parameters(layer),
        }
        for layer in (*shapes, *silent)
    ]
    total = sum(row["parameters"] for row in rows)
    rows.append({"model": model, "layer": TOTAL, "kind": "", "output_shape": "", "parameters": total})
    return pd.DataFrame(rows)


class Size(NamedTuple):
    """Parameters of a network, and megabytes (10^6 bytes) of its weights and of all that it computes with."""

    parameters: int
    weights_mb: float
    total_mb: float


def estimate(network: SpatialNetwork) -> Size:
    """The size of `network` in float32 for one image, as the package torchinfo estimates it.

    In all there are the weights, the image, and the outputs of all layers that have parameters of their own,
    twice, for the forward and the backward pass. The compact paper's "estimated size" (its Table 1) is of
    this kind.
    """
    (image,) = example(network)
    shapes = _shapes(network, _layers(network), (image,))
    outputs = sum(math.prod(shape) for layer, shape in shapes.items() if _own(layer))
    parameters = count(network)
    weights, inputs, activations = (n * FLOAT / MEGABYTE for n in (parameters, image.numel(), 2 * outputs))
    return Size(parameters, weights, weights + inputs + activations)


def _shapes(
    network: nn.Module, layers: Iterable[nn.Module], inputs: Sequence[Tensor]
) -> dict[nn.Module, list[int]]:
    """Shapes, without the batch, of what `layers` give in the order in which `inputs` pass."""
    shapes: dict[nn.Module, list[int]] = {}

    def note(layer: nn.Module, _inputs, output) -> None:
        # A recurrent or attention layer gives a tuple, whose first part goes on.
        shape = (output[0] if isinstance(output, tuple) else output).shape
        before = shapes.pop(layer, None)  # of several calls the last one counts
        shapes[layer] = list(shape[1:])
        if before is not None and isinstance(layer, WHOLE):
            shapes[layer][0] += before[0]  # but a ConvLSTM may take a clip in segments

    hooks = [layer.register_forward_hook(note) for layer in layers]
    training = network.training
    try:
        with torch.inference_mode():
            network.eval()(*inputs)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return shapes


def _layers(network: nn.Module) -> dict[nn.Module, str]:
    """Every module that is a layer to a reader, and its name."""
    layers: dict[nn.Module, str] = {}
    inside: set[nn.Module] = set()
    for name, module in network.named_modules():
        if module in inside or (module is network and not _own(module)):
            continue
        if isinstance(module, WHOLE):
            inside.update(module.modules())
        elif any(True for _ in module.children()) and not _own(module):
            continue
        layers[module] = name or type(module).__name__
    return layers


def _own(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters(recurse=False))


def _parameters(layer: nn.Module) -> int:
    if isinstance(layer, WHOLE):
        return sum(parameter.numel() for parameter in layer.parameters())
    return _own(layer)
