"""What a network says of the images of a part: expression, valence and arousal (schema
`affect_predictions`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch

from ferflow.affect.module import Batch, prepare
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets.affectnet import CLASSES
from ferflow.models.affect import AffectNetwork
from ferflow.models.precision import device

_DECIMALS = 6


def predict(
    network: AffectNetwork, batches: Iterable[Batch], image_ids: Sequence[str], model: str, synthetic: bool
) -> pd.DataFrame:
    """One row per image of `batches`, whose ids are `image_ids`, in their order.

    It is computed in float32, on a GPU where there is one. The network ends on the CPU, in evaluation mode.
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
    true = np.where(known, true, np.nan)
    classes = np.array(CLASSES)
    table = {
        "image_id": list(image_ids),
        "model": model,
        "emotion": classes[labels],
        "predicted": classes[probabilities.argmax(1)],
    }
    table |= {f"p_{name}": probabilities[:, CLASSES.index(name)] for name in EMOTIONS_CONTEMPT}
    table |= {"valence": true[:, 0], "arousal": true[:, 1]}
    table |= {"predicted_valence": pair[:, 0], "predicted_arousal": pair[:, 1], "synthetic": synthetic}
    frame = pd.DataFrame(table)
    numbers = frame.select_dtypes("floating").columns
    return frame.astype(dict.fromkeys(numbers, float)).round(dict.fromkeys(numbers, _DECIMALS))
