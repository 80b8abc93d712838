"""From a trained network to a table of predictions (schema `predictions`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from torch import nn

_DECIMALS = 6
"""Of a written probability: a float32 has no more to tell, and a row still sums to 1 within 4e-6."""


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


def table(
    clips: pd.DataFrame,
    shares: np.ndarray,
    classes: Sequence[str],
    model: str,
    protocol: str,
    fold: int | None,
    seed: int,
) -> pd.DataFrame:
    """Predictions for `clips` (columns clip_id, subject_id, emotion) with probabilities `shares` [N,K].

    The predicted class is the one with the greatest written probability; of several the first (thesis,
    3.2.3).
    """
    shares = np.round(shares, _DECIMALS)
    rows = clips[["clip_id", "subject_id", "emotion"]].reset_index(drop=True)
    rows["predicted"] = [classes[k] for k in shares.argmax(axis=1)]
    for k, name in enumerate(classes):
        rows[f"p_{name}"] = shares[:, k]
    rows["model"] = model
    rows["protocol"] = protocol
    rows["fold"] = pd.array([fold] * len(rows), dtype="Int64")
    rows["seed"] = seed
    return rows
