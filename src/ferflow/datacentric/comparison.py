"""The published protocol beside the honest one: what resampling before the split seems to gain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric.cell import model_name
from ferflow.datacentric.sampling import PROTOCOLS
from ferflow.evaluation.bootstrap import interval
from ferflow.evaluation.metrics import from_confusion
from ferflow.evaluation.results import LEAKY, draws, matrices
from ferflow.seeds import derive_seed
from ferflow.settings import Evaluation

METRICS = ("accuracy", "recall", "f1")
"""Recall and F1 are macro means. After resampling before the split the test images are balanced, so that
their accuracy is to be compared with the honest recall rather than with the honest accuracy."""


def compare(
    rows: Sequence[tuple[str, str]],
    predictions: pd.DataFrame,
    sides: pd.DataFrame,
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `sampling` for these (network, sampling) from their predictions and schema `sampling_sides`.

    Intervals come from drawing photographs anew. The two test sides are different images, so that they are
    drawn independently, and the difference of every two draws makes the difference's interval.
    """
    facts = sides.set_index(["network", "sampling", "protocol"])
    table = []
    for network, sampling in rows:
        measured = {
            protocol: _measure(
                _of(predictions, network, sampling, protocol),
                settings,
                derive_seed(seed, "datacentric", "bootstrap", protocol),
            )
            for protocol in PROTOCOLS
        }
        mine = {protocol: facts.loc[(network, sampling, protocol)] for protocol in PROTOCOLS}
        for metric in METRICS:
            row: dict = {"network": network, "sampling": sampling, "metric": metric}
            for protocol, (value, boot) in measured.items():
                row[protocol] = value[metric]
                row[f"{protocol}_low"], row[f"{protocol}_high"] = interval(boot[metric], settings.confidence)
            apart = 100 * (measured["published"][1][metric] - measured["honest"][1][metric])
            row["difference"] = 100 * (row["published"] - row["honest"])
            row["difference_low"], row["difference_high"] = interval(apart, settings.confidence)
            for protocol in PROTOCOLS:
                row[f"related_{protocol}"] = float(mine[protocol]["related"])
                row[f"test_{protocol}"] = int(mine[protocol]["n_test"])
            row["parameters"] = int(mine["honest"]["parameters"])
            row["synthetic"] = bool(mine["honest"]["synthetic"])
            table.append(row | {"note": LEAKY})
    return pd.DataFrame(table)


def cleaned(
    networks: Sequence[str], predictions: pd.DataFrame, sides: pd.DataFrame, settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Schema `cleaned_training`: each network trained on the official and on the cleaned training images.

    Both are judged on all official test images, so that the same photographs are drawn for both and the
    interval is that of the difference on one draw.
    """
    facts = sides.set_index(["network", "protocol"])
    table = []
    for network in networks:
        start = derive_seed(seed, "datacentric", "bootstrap", "cleaned", network)
        measured = {
            name: _measure(_of(predictions, network, "none", protocol), settings, start)
            for name, protocol in (("official", "honest"), ("cleaned", "cleaned"))
        }
        for metric in METRICS:
            row: dict = {"network": network, "metric": metric}
            for name, (value, boot) in measured.items():
                row[name] = value[metric]
                row[f"{name}_low"], row[f"{name}_high"] = interval(boot[metric], settings.confidence)
            apart = 100 * (measured["cleaned"][1][metric] - measured["official"][1][metric])
            row["difference"] = 100 * (row["cleaned"] - row["official"])
            row["difference_low"], row["difference_high"] = interval(apart, settings.confidence)
            row["training_official"] = int(facts.loc[(network, "honest"), "n_training"])
            row["training_cleaned"] = int(facts.loc[(network, "cleaned"), "n_training"])
            row["n_test"] = int(facts.loc[(network, "cleaned"), "n_test"])
            row["synthetic"] = bool(facts.loc[(network, "cleaned"), "synthetic"])
            table.append(row)
    return pd.DataFrame(table)


def _of(predictions: pd.DataFrame, network: str, sampling: str, protocol: str) -> pd.DataFrame:
    own = predictions["model"] == model_name(network, sampling)
    return predictions[own & (predictions["protocol"] == protocol)]


def _measure(
    predictions: pd.DataFrame, settings: Evaluation, seed: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    whole = matrices(predictions, EMOTIONS_NEUTRAL).sum(axis=0)
    value = {name: float(number) for name, number in from_confusion(whole).items()}
    return value, draws(predictions, EMOTIONS_NEUTRAL, settings, seed)
