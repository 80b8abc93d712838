"""One row of the comparison under one protocol: a network, a way of sampling, its predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import sampling as samples
from ferflow.datacentric.sampling import Protocol, Samples
from ferflow.datasets.images import ImageSet
from ferflow.evaluation.predictions import table
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Spatial


def model_name(network: str, sampling: str) -> str:
    """What a network that was trained by a sampling is called, e.g. `vit+smote`."""
    return f"{network}+{sampling}"


def run(
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
    """Train `network` by `recipe` and judge the test side: schemas predictions, history, sampling_sides.

    The recipe is the same in every row but for its class weights, which belong to the sampling of that name;
    nothing is chosen by the test side: the network is the one of the last epoch. `kept` bool [N]: what the
    cleaned split keeps (protocol `cleaned`).
    """
    from ferflow.models import spatial as networks
    from ferflow.models.network import count
    from ferflow.training import images as training

    weighted = sampling == "class_weights"
    recipe = recipe.model_copy(update={"network": network, "class_weights": weighted, "keep": "last"})
    side, test = samples.sides(images, photographs, sampling, protocol, neighbours, seed, kept)
    name = f"{model_name(network, sampling)}+{protocol}"
    # One start for all rows of a network: they differ in their images alone.
    start = derive_seed(seed, "datacentric", network)
    with reproducible(start, recipe.threads):
        built = networks.build(network, len(EMOTIONS_NEUTRAL))
        learned = training.Labelled(side.pixels, side.labels)
        history = training.fit_images(built, learned, None, recipe, start, name)
        shares = training.probabilities(built, test.pixels, recipe.batch)
    said = (EMOTIONS_NEUTRAL, model_name(network, sampling), protocol, None, seed)
    predicted = table(_named(images, photographs, test), shares, *said)
    official = samples.is_test(images)
    facts = {
        "network": network,
        "sampling": sampling,
        "protocol": protocol,
        "parameters": count(built),
        "n_training": len(side.labels),
        "n_test": len(test.labels),
        "made_training": int(side.made.sum()),
        "made_test": int(test.made.sum()),
        "left_out": int((~official).sum() - (~side.made).sum()) if protocol != "published" else 0,
        "related": float(samples.related(test, side, photographs).mean()),
        "synthetic": images.synthetic,
    }
    return predicted, history, pd.DataFrame([facts])


def _named(images: ImageSet, photographs: np.ndarray, test: Samples) -> pd.DataFrame:
    """clip_id, subject_id and emotion of the test samples.

    `subject_id` names the photograph, since what comes of one is not independent.

    A made image is named after its (first) parent and counted: `Training_123+2`.
    """
    clips = images.table["clip_id"].to_numpy()
    parent = test.parents[:, 0]
    names = pd.Series(clips[parent].astype(object))
    made = pd.Series(test.made)
    count = made.groupby(parent).cumsum()
    names[made] = names[made] + "+" + count[made].astype(str)
    _, first, number = np.unique(photographs, return_index=True, return_inverse=True)
    return pd.DataFrame(
        {
            "clip_id": names,
            "subject_id": clips[first[number[parent]]],
            "emotion": np.asarray(EMOTIONS_NEUTRAL, object)[test.labels],
        }
    )
