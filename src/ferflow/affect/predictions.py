"""What a network says of the images of a part: expression, valence and arousal (schema `predictions`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch

from ferflow.affect.module import Batch, prepare
from ferflow.affect.network import AffectNetwork
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets.affectnet import CLASSES
from ferflow.evaluation import predictions
from ferflow.evaluation.regression import DIMENSIONS
from ferflow.models.precision import device


def predict(
    network: AffectNetwork, batches: Iterable[Batch], clip_ids: Sequence[str], model: str, seed: int
) -> pd.DataFrame:
    """One row per image of `batches`, whose names are `clip_ids`, in their order.

    It is computed in float32, on a GPU where there is one. The network ends on the CPU, in evaluation mode.
    `seed` is that of the training.
    """
    network.eval().to(device())
    found: list[list[np.ndarray]] = [[], [], [], [], []]
    with torch.inference_mode():
        for images, labels, true, known in batches:
            logits, pair = network(prepare(images.to(device())))
            parts = (logits.softmax(1), pair.clamp(-1, 1), labels, true, known)
            for kept, part in zip(found, parts, strict=True):
                kept.append(part.cpu().numpy())
    network.cpu()
    probabilities, pair, labels, true, known = (np.concatenate(parts) for parts in found)
    order = [CLASSES.index(name) for name in EMOTIONS_CONTEMPT]
    images = pd.DataFrame({"clip_id": list(clip_ids), "subject_id": "", "emotion": np.array(CLASSES)[labels]})
    said = (EMOTIONS_CONTEMPT, model, "validation", None, seed)
    rows = predictions.table(images, probabilities[:, order].astype(float), *said)
    true = np.where(known, true, np.nan)
    for column, name in enumerate(DIMENSIONS):
        rows[name] = true[:, column].astype(float).round(predictions.DECIMALS)
        rows[f"predicted_{name}"] = pair[:, column].astype(float).round(predictions.DECIMALS)
    return rows
