"""The loss of accuracy by bfloat16: the same frames and network in float32 and in bfloat16."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import fer2013, synth4d
from ferflow.features.extract import Extractor
from ferflow.settings import Features, Settings


def rendered(settings: Settings, per_class: int, weights_folder: str | Path) -> np.ndarray:
    """Synthetic stills uint8 [N,48,48], `per_class` of each of seven classes.

    Raises WeightsError where the face model is not in `weights_folder`.
    """
    stills = settings.stills.model_copy(
        update={"source": "synth4d", "subjects": max(per_class, 10), "per_class": per_class}
    )
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder:
        path = Path(folder) / "stills.csv"
        synth4d.write_stills(path, weights_folder, stills, settings.synth4d, settings.seed)
        return fer2013.read(path).pixels


def run(images: np.ndarray, model: str | Path, features: Features) -> dict[str, object]:
    """Compare; JSON values.

    `images` uint8 [N,48,48]; `model` a trained image network. Differences of features are absolute, with
    the mean absolute feature; those of probabilities are the largest of any class. `changed` counts images
    whose predicted class is another.
    """
    probabilities, outputs = {}, {}
    layers = ("pool", "dense")
    for name in ("float32", "bfloat16"):
        extractor = Extractor(model, features.model_copy(update={"precision": name}), layers)
        outputs[name] = extractor(images)
        dense = torch.from_numpy(outputs[name]["dense"]).to(extractor.device, extractor.dtype)
        with torch.inference_mode():
            probabilities[name] = extractor.network.classifier(dense).float().softmax(1).cpu().numpy()
    exact, quick = probabilities["float32"], probabilities["bfloat16"]
    changed = exact.argmax(1) != quick.argmax(1)
    return {
        "images": len(images),
        "model": Path(model).name,
        "layers": {layer: _difference(*(rows[layer] for rows in outputs.values())) for layer in layers},
        "changed": int(changed.sum()),
        "changed_share": float(changed.mean()),
        "probability_largest": float(np.abs(exact - quick).max()),
        "classes_named": sorted({EMOTIONS_NEUTRAL[k] for k in exact.argmax(1)}),
    }


def _difference(exact: np.ndarray, quick: np.ndarray) -> dict[str, float]:
    exact, quick = exact.astype(np.float64), quick.astype(np.float64)
    apart = np.abs(exact - quick)
    return {
        "largest": float(apart.max()),
        "mean": float(apart.mean()),
        "mean_feature": float(np.abs(exact).mean()),
        "relative": float(apart.mean() / np.abs(exact).mean()),
    }
