"""The study's trainings: settings of the one training of networks for single images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.datacentric import sampling as samples
from ferflow.datacentric.sampling import Protocol
from ferflow.datasets.images import ImageSet
from ferflow.seeds import derive_seed
from ferflow.settings import Spatial


def model_name(network: str, sampling: str) -> str:
    """What a network that was trained by a sampling is called, e.g. `vit+smote`."""
    return f"{network}+{sampling}"


def train_fold(
    images: ImageSet, folds: np.ndarray, fold: int, recipe: Spatial, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Schemas `history` and `predictions`: a network's probabilities of the images of `fold`.

    It learns from the training part's images of the other folds: test images are predicted too, but nobody
    learns from them, so that no choice of training images made with these probabilities has seen a test
    label.
    """
    from ferflow.training.images import Labelled, train_and_predict

    learned, tested = (folds != fold) & ~samples.is_test(images), folds == fold
    _, history, predictions = train_and_predict(
        recipe,
        Labelled(images.pixels[learned], images.labels[learned]),
        None,
        images.pixels[tested],
        images.table[tested],
        (recipe.network, "cv", fold, seed),
        derive_seed(seed, "datacentric", "label errors", fold),
        f"label errors, fold {fold}",
    )
    return history, predictions


def train_row(
    images: ImageSet,
    photographs: np.ndarray,
    network: str,
    sampling: str,
    protocol: Protocol,
    recipe: Spatial,
    neighbours: int,
    seed: int,
    kept: np.ndarray | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train `network` by `recipe` and predict the test side: schemas history, predictions, sampling_sides.

    The recipe is the same in every row but for its class weights, which belong to the sampling of that name;
    nothing is chosen by the test side: the network is the one of the last epoch. `kept` bool [N]: what the
    cleaned split keeps (protocol `cleaned`).
    """
    from ferflow.models.network import count
    from ferflow.training.images import Labelled, train_and_predict

    weighted = sampling == "class_weights"
    recipe = recipe.model_copy(update={"network": network, "class_weights": weighted, "keep": "last"})
    side, test = samples.sides(images, photographs, sampling, protocol, neighbours, seed, kept)
    model = model_name(network, sampling)
    trained, history, predictions = train_and_predict(
        recipe,
        Labelled(side.pixels, side.labels),
        None,
        test.pixels,
        samples.named(test, images, photographs),
        (model, protocol, None, seed),
        # One start for all rows of a network: they differ in their images alone.
        derive_seed(seed, "datacentric", network),
        f"{model}+{protocol}",
    )
    official = samples.is_test(images)
    facts = {
        "network": network,
        "sampling": sampling,
        "protocol": protocol,
        "parameters": count(trained),
        "n_training": len(side.labels),
        "n_test": len(test.labels),
        "made_training": int(side.made.sum()),
        "made_test": int(test.made.sum()),
        "left_out": int((~official).sum() - (~side.made).sum()) if protocol != "published" else 0,
        "related": float(samples.related(test, side, photographs).mean()),
        "synthetic": images.synthetic,
    }
    return history, predictions, pd.DataFrame([facts])
