"""What a training leaves: the class probabilities of items, and its two tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferflow import tables

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


def write_run(folder: str | Path, history: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """Write a training's `history.csv` and `predictions.csv` (schemas of the same names) to `folder`."""
    for name, frame in (("history", history), ("predictions", predictions)):
        tables.write(frame, Path(folder) / f"{name}.csv", name)
