"""What a training leaves: the class probabilities of items, and its two tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ferflow import short_run, tables

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ferflow.training.task import Task


def probabilities(network: nn.Module, batches: Iterable[tuple], device: str = "cpu") -> np.ndarray:
    """Class probabilities float64 [N,K] of all items of `batches`; their labels are not looked at.

    Computed on `device`; the network ends on the CPU.
    """
    from ferflow.training.task import Expression

    return predict(network, Expression, batches, device)[0]


def predict(
    network: nn.Module, task: type[Task], batches: Iterable[tuple], device: str | torch.device = "cpu"
) -> list[np.ndarray]:
    """The predictions of `task` for all items of `batches` (`Task.predicted`), and then their targets.

    Computed in float32 on `device`; the network ends on the CPU, in evaluation mode.
    """
    import torch

    network.eval().to(device)
    rows = []
    with torch.inference_mode():
        for number, batch in enumerate(batches):
            inputs, targets = task.split([part.to(device) for part in batch])
            if not short_run.skips(number):
                predicted = task.predicted(network(*short_run.cut(inputs)))
            predicted = short_run.repeated(predicted, len(batch[-1]))
            rows.append([part.cpu() for part in (*predicted, *targets)])
    network.cpu()
    return [torch.cat(parts).numpy() for parts in zip(*rows, strict=True)]


def write_run(folder: str | Path, history: pd.DataFrame, predictions: pd.DataFrame) -> None:
    """Write a training's `history.csv` and `predictions.csv` (schemas of the same names) to `folder`."""
    for name, frame in (("history", history), ("predictions", predictions)):
        tables.write(frame, Path(folder) / f"{name}.csv", name)
