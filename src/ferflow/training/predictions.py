"""What a trained network says of items: their class probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn


def probabilities(network: nn.Module, batches: Iterable[tuple], device: str = "cpu") -> np.ndarray:
    """Class probabilities float64 [N,K] of all items of `batches`; their labels are not looked at.

    Computed on `device`; the network ends on the CPU.
    """
    import torch

    network.eval().to(device)
    with torch.inference_mode():
        rows = [
            network(*(part.to(device) for part in inputs)).double().softmax(dim=1) for *inputs, _ in batches
        ]
    network.cpu()
    return torch.cat(rows).cpu().numpy()
