"""Labels of models, protocols and measures, and the marks of tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from ferflow import short_run
from ferflow.evaluation.results import FEWER, LEAKY
from ferflow.networks import NETWORKS
from ferflow.settings import parts_of

SYNTHETIC = "synthetic data"
SIMULATED = "simulated annotators"

_NAMES = {name: network.title for name, network in NETWORKS.items()} | {
    "lstm": "LSTM",
    "bilstm": "BiLSTM",
    "cnn1d": "1D-CNN",
    "c3d": "C3D",
    "convlstm": "ConvLSTM",
    "logistic": "logistic regression",
    "logistic-subject": "logistic, own mean off",
    "frame-mean": "mean over frames",
    "frame-weighted-mean": "weighted mean over frames",
    "human": "human",
    "human-majority": "human majority",
    "simulated-human": "simulated human",
    "simulated-human-majority": "simulated human majority",
    "fusion-best": "best fusion",
    "fusion-stacking": "stacking",
    "aus": "AUs",
}
_CONTROL, _FUSION = "control-", "fusion-"
"""Prefixes of the names of controls and of listed fusions."""

_VIEWS = {"one": "one view", "mirror": "with mirror image", "ten": "ten crops"}

_PROTOCOLS = {
    "test": "test",
    "honest": "test without copies",
    "validation": "validation",
    "cv": "cross-validation",
    "nested": "nested cross-validation",
    "random": "random folds",
    "film": "folds by film",
    "spi": "SPI",
    "human": "human annotators",
}

MEASURES = {
    "accuracy": "share of right answers",
    "mean_of_medians": "mean of the medians over clips",
    "median_accuracy": "median over clips",
    "annotator_mean_of_medians": "mean of the medians over annotators",
    "annotator_median_accuracy": "median over annotators",
    "majority_accuracy": "majority vote right (a tie: the first class)",
    "majority_ties_wrong": "the same if every tie were wrong",
    "majority_ties_right": "the same if every tie with the label were right",
    "tied": "share of clips with a tie",
    "mistaken": "share of clips that most mistook",
    "fleiss_kappa": "Fleiss' κ",
}
"""Measures of the human baseline in words."""

SAMPLINGS = {
    "none": "no sampling",
    "class_weights": "class weights",
    "oversampling": "random oversampling",
    "smote": "SMOTE",
}
"""Ways of sampling the training images in words."""


def model_label(model: str, view: str = "") -> str:
    """`compact+lstm` as `compact CNN + LSTM`, `compact` in view `ten` as `compact CNN, ten crops`.

    A control, `control-true-aus`, is `control: true AUs`, and a fusion, `fusion-all-weighted`, is `fusion of
    all, weighted average`.
    """
    if view:
        return f"{model_label(model)}, {views_label(view)}"
    if model in _NAMES:
        return _NAMES[model]
    if model.startswith(_CONTROL):
        return f"control: {control_label(model)}"
    if model.startswith(_FUSION):
        name, _, rule = model.removeprefix(_FUSION).rpartition("-")
        return f"fusion of {name}, {'weighted average' if rule == 'weighted' else rule}"
    return " + ".join(_NAMES.get(part, part) for part in model.split("+"))


def views_label(views: str) -> str:
    """`ten` as `ten crops` and so on."""
    return _VIEWS.get(views, views)


def control_label(model: str) -> str:
    """A control's name without that word: `control-lstm-on-neutral-frames` as `LSTM on neutral frames`."""
    return " ".join(_NAMES.get(word, word) for word in model.removeprefix(_CONTROL).split("-"))


def protocol_label(protocol: str) -> str:
    """`cv` as `cross-validation` and so on."""
    return _PROTOCOLS.get(protocol, protocol)


def protocol_order(protocols: Iterable[str]) -> list[str]:
    """Test first, since that is what a paper reports, then cross-validation and humans."""
    return [protocol for protocol in _PROTOCOLS if protocol in set(protocols)]


def marks(synthetic: bool, notes: str = "", simulated: bool = False) -> str:
    """Marks of a table or figure: rehearsal, synthetic data, simulated annotators, leaky, few subjects."""
    known = [(synthetic, SYNTHETIC), (simulated, SIMULATED), (LEAKY in notes, LEAKY)]
    few = sorted(set(re.findall(rf"{FEWER}\w+", notes)))
    return "; ".join(filter(None, [short_run.mark(), *(mark for holds, mark in known if holds), *few]))


def marks_of(table: pd.DataFrame) -> str:
    """The marks of a table by its columns `synthetic`, `simulated`, `role`, `note` (any may be missing)."""
    synthetic = "synthetic" in table and bool(table["synthetic"].any())
    # A fold may have few subjects where all folds together have enough.
    whole = table[table["fold"].isna()] if "fold" in table and table["fold"].isna().any() else table
    notes = "; ".join(whole["note"].fillna("").astype(str).unique()) if "note" in table else ""
    simulated = "simulated" in table and bool(table["simulated"].any())
    simulated |= "role" in table and bool((table["role"] == "simulated").any())
    return marks(synthetic, notes, simulated)


def controls_of(table: pd.DataFrame) -> set[str]:
    """The models of a table with a column `role` that are controls."""
    return set(table.loc[table["role"] == "control", "model"]) if "role" in table else set()


def model_order(table: pd.DataFrame) -> list[str]:
    """The models of a table in the order of the thesis's Table 3.6, others by name, controls last."""
    rank = {name: place for place, name in enumerate(_NAMES)}
    controls = controls_of(table)

    def place(model: str) -> tuple:
        first = model.removeprefix(_CONTROL).split("-")[0] if model in controls else parts_of(model)[1]
        return model in controls, rank.get(first, len(rank)), model

    return sorted(set(table["model"]), key=place)
