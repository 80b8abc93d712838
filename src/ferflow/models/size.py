"""How large a network is: parameters, and an estimate of the memory that one image takes in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ferflow.models.network import SpatialNetwork, count

FLOAT = 4
"""Bytes of a float32."""
MEGABYTE = 10**6


@dataclass(frozen=True)
class Size:
    """Parameters, and megabytes (10^6 bytes, float32) of them, of one image, and of what is computed."""

    parameters: int
    weights_mb: float
    input_mb: float
    activations_mb: float

    @property
    def total_mb(self) -> float:
        return self.weights_mb + self.input_mb + self.activations_mb


def estimate(network: SpatialNetwork) -> Size:
    """The size of `network` for one image, as the package torchinfo estimates it.

    Activations are the outputs of all layers that have parameters of their own, twice, for the forward and
    the backward pass. The compact paper's "estimated size" (its Table 1) is of this kind.
    """
    outputs: list[int] = []

    def note(_layer, _inputs, output) -> None:
        # An LSTM or an attention gives a tuple, whose first part is what goes on.
        first = output[0] if isinstance(output, tuple) else output
        outputs.append(first.numel())

    own = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    hooks = [layer.register_forward_hook(note) for layer in own]
    image = torch.zeros(1, network.channels, network.input_size, network.input_size)
    training = network.training
    try:
        with torch.inference_mode():
            network.eval()(image)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    parameters = count(network)
    return Size(
        parameters,
        parameters * FLOAT / MEGABYTE,
        image.numel() * FLOAT / MEGABYTE,
        2 * sum(outputs) * FLOAT / MEGABYTE,
    )
