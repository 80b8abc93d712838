"""A study's results for the comparison with the thesis (Cao 2022), and how its networks differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation import predictions as predictions_table
from ferflow.report import reference
from ferflow.report.papers import StudyResults
from ferflow.settings import C3dSettings, HeadSettings, Settings

PRETRAINED = ("vgg16", "resnet50", "densenet201")
"""Rows of the thesis's Table 3.2, as torchvision builds them with their 1,000 classes."""
LAYERS = {"lstm-1024": 1024, "lstm-25088": 25_088}
"""Rows of its Figure 3.15, and the features that the LSTM is given."""
UNITS = 128
C3D = {
    "frames": 100,
    "size": 160,
    "filters": [16, 16, 32],
    "kernel": 3,
    "dense": [512, 512],
    "batch_norm": False,
    "map_layers": None,
}
"""Its Figure 3.22."""
THEIRS: dict[str, Mapping[str, object]] = {
    "lstm": {"units": UNITS, "layers": 1},
    "bilstm": {"units": UNITS, "layers": 1},
    "cnn1d": {"layers": 4},
    "c3d": {name: C3D[name] for name in ("frames", "size", "filters", "kernel", "dense")},
    "convlstm": {"frames": 100, "size": 160, "filters": [8, 8]},
}
"""The networks for clips as its sections 3.2.5 and 3.3.2 print them."""
DENSE = "lstm-1024"
"""Beginning of its items that are of features of the dense layer; the others are of the last pooling."""
N_CLASSES = 6


def load(
    sources: Sequence[str],
    tables_csv: Sequence[str | Path],
    predictions_csv: str | Path,
    manifest_csv: str | Path,
    emotions: Sequence[str],
    spatial_predictions_csv: str | Path | None = None,
    synthetic_stills: bool = False,
    parameters: Mapping[str, int] | None = None,
    experiments: Mapping[str, str] | None = None,
    failed: Mapping[str, str] | None = None,
    **facts: object,
) -> StudyResults:
    """A study's results from files: `sources` name `tables_csv` as `reads` in papers/thesis.yaml.

    There is no manifest of stills, so whether they are synthetic must be given. `parameters` are `counts`;
    `experiments` maps an item of sections 3.2.4 and 3.2.5 to the model whose cross-validation repeats it.
    `failed` as in `StudyResults`.
    `facts`: `dataset` and `stills` name the data of clips and of single images; `evaluation` and `seed` are
    for intervals that no table of the study has; `spatial` is the study's network for single images, on whose
    features the heads of the experiments learn; `others` are `others`.
    """
    study_tables = dict(reference.read("thesis", sources, tables_csv).tables)
    study_tables["predictions"] = predictions_table.read([predictions_csv], emotions, manifest_csv)
    if spatial_predictions_csv is not None:
        stills = predictions_table.read([spatial_predictions_csv], EMOTIONS_NEUTRAL)
        study_tables["spatial_predictions"] = stills.assign(synthetic=synthetic_stills)
    if parameters:
        study_tables["parameters"] = pd.DataFrame(list(parameters.items()), columns=["item", "count"])
    return StudyResults(study_tables, facts, experiments or {}, failed or {})


def counts(lstm: HeadSettings | None, c3d: C3dSettings) -> dict[str, int]:
    """All parameters of each network, by its name in the list of published numbers.

    `lstm` (None: left out) and `c3d` are the study's settings, set to the thesis's where parameters depend on
    them. The LSTM of torch has a second bias vector of 4 x 128, which Keras's has not.
    """
    import torch

    from ferflow.models import endtoend, temporal
    from ferflow.models.network import count
    from ferflow.models.vision import torchvision

    with torch.device("meta"):  # no memory is taken, nothing is drawn
        parameters = {name: count(getattr(torchvision.models, name)(weights=None)) for name in PRETRAINED}
        parameters["c3d"] = count(endtoend.build("c3d", N_CLASSES, c3d.model_copy(update=C3D)))
        if lstm is not None:
            thesis = lstm.model_copy(update={"units": UNITS, "layers": 1})
            for name, width in LAYERS.items():
                parameters[name] = count(temporal.build("lstm", width, N_CLASSES, thesis))
    return parameters


def others(settings: Settings) -> dict[str, str]:
    """Differences of heads and networks on frames from the thesis's, in words.

    By name: the study's own (`lstm`, `c3d`) and the runs that repeat one of its items; without those that are
    the thesis's.
    """
    of = {
        name: (name, network, settings.features.layer, "pool")
        for name, network in settings.temporal.heads.items()
    }
    of |= {name: (name, settings.end_to_end.of(name), None, None) for name in settings.end_to_end.run}
    runs = settings.experiments.trained()
    for item, name in settings.experiments.published.items():
        if name in runs:
            layer = runs[name].layer or settings.features.layer
            theirs = "dense" if item.startswith(DENSE) else "pool"
            of[name] = (runs[name].of, settings.of_run(name), layer, theirs)
    differing = {}
    for name, (kind, network, layer, theirs) in of.items():
        printed = THEIRS[kind] | ({"layer": theirs} if kind in settings.temporal.heads else {})
        ours = network.model_dump() | {"layer": layer}
        apart = [one for one, value in printed.items() if ours[one] != value]
        if apart:
            differing[name] = f"theirs has {_listed(printed, apart)}, ours {_listed(ours, apart)}"
    return differing


def _listed(values: Mapping[str, object], names: list[str]) -> str:
    def word(value: object) -> str:
        return "-".join(map(str, value)) if isinstance(value, list) else str(value)

    return ", ".join(f"{name} {word(values[name])}" for name in names)
