"""The published protocol against the honest one: what resampling before the split seems to gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric.sampling import PROTOCOLS
from ferflow.datacentric.training import model_name
from ferflow.evaluation.bootstrap import Spread, interval, weighted_sum
from ferflow.evaluation.compare import gains_of, holm, sign_flip
from ferflow.evaluation.metrics import from_confusion
from ferflow.evaluation.results import LEAKY, draws, matrices, resampling_units
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
    seeds = {name: derive_seed(seed, "datacentric", "bootstrap", name) for name in PROTOCOLS}
    table = []
    for network, sampling in rows:
        model = model_name(network, sampling)
        measured = {name: _measure(predictions, model, name, settings, seeds[name]) for name in PROTOCOLS}
        known = {"network": network, "sampling": sampling, "note": LEAKY}
        for protocol in PROTOCOLS:
            side = facts.loc[(network, sampling, protocol)]
            known[f"related_{protocol}"] = float(side["related"])
            known[f"test_{protocol}"] = int(side["n_test"])
        known |= {"parameters": int(side["parameters"]), "synthetic": bool(side["synthetic"])}
        table += _differences(measured, known, settings, paired=False)
    return pd.DataFrame(table)


def cleaned(
    rows: Sequence[tuple[str, str]],
    predictions: pd.DataFrame,
    sides: pd.DataFrame,
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `cleaned_training`: each row trained on the official and on the cleaned training images.

    Both are tested on all official test images, so that the same photographs are drawn for both and the
    interval is that of the difference on one draw. Whether their accuracies differ is decided as in
    `evaluation.compare`, over photographs, with Holm's correction for all networks.
    """
    facts = sides.set_index(["network", "protocol"])
    table, p = [], []
    for network, sampling in rows:
        start = derive_seed(seed, "datacentric", "bootstrap", "cleaned", network)
        model = model_name(network, sampling)
        measured = {
            name: _measure(predictions, model, protocol, settings, start)
            for name, protocol in (("cleaned", "cleaned"), ("official", "honest"))
        }
        side = facts.loc[(network, "cleaned")]
        known = {
            "network": network,
            "training_official": int(facts.loc[(network, "honest"), "n_training"]),
            "training_cleaned": int(side["n_training"]),
            "n_test": int(side["n_test"]),
            "synthetic": bool(side["synthetic"]),
        }
        table += _differences(measured, known, settings, paired=True)
        p.append(_permutation(predictions[predictions["model"] == model]))
    frame = pd.DataFrame(table).assign(unit="photograph")
    tested = frame["metric"] == "accuracy"
    frame.loc[tested, "p_permutation"], frame.loc[tested, "p_permutation_holm"] = p, holm(p)
    differs = (frame["p_permutation_holm"] < 1 - settings.confidence).astype(object)
    return frame.assign(differs=differs.where(tested, None))


def _permutation(rows: pd.DataFrame) -> float:
    """P of the sign-flip test over photographs between the cleaned and the honest protocol's accuracy."""
    first, second = (
        rows[rows["protocol"] == name].sort_values("clip_id", ignore_index=True)
        for name in ("cleaned", "honest")
    )
    right = np.stack([(one["emotion"] == one["predicted"]).to_numpy() for one in (first, second)])
    return sign_flip(gains_of(right, resampling_units(first)))


def _measure(
    predictions: pd.DataFrame, model: str, protocol: str, settings: Evaluation, seed: int
) -> tuple[dict[str, float], dict[str, Spread]]:
    """Each metric of a model under a protocol, and its bootstrap."""
    rows = predictions[(predictions["model"] == model) & (predictions["protocol"] == protocol)]
    whole = matrices(rows, EMOTIONS_NEUTRAL).sum(axis=0)
    value = {name: float(number) for name, number in from_confusion(whole).items()}
    return value, draws(rows, EMOTIONS_NEUTRAL, settings, seed)


def _differences(measured: dict[str, tuple], known: dict, settings: Evaluation, paired: bool) -> list[dict]:
    """A row a metric: both of `measured` with intervals, and the first less the second in points.

    `paired`: both are of the same images, drawn alike.
    """
    rows = []
    for metric in METRICS:
        row = known | {"metric": metric}
        for name, (value, boot) in measured.items():
            row[name] = value[metric]
            row[f"{name}_low"], row[f"{name}_high"] = interval(
                value[metric], boot[metric], settings.confidence
            )
        (first, first_draws), (second, second_draws) = measured.values()
        less = first[metric] - second[metric]
        apart = weighted_sum([first_draws[metric], second_draws[metric]], [1, -1])
        if paired:
            apart = replace(first_draws[metric], values=apart.values)
        ends = interval(less, apart, settings.confidence, "difference")
        row["difference"], (row["difference_low"], row["difference_high"]) = 100 * less, 100 * np.array(ends)
        rows.append(row)
    return rows
