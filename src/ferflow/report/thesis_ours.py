"""What stands beside each number of the thesis (Cao 2022): ours, found in a study's tables, or why not.

A finder takes a row of the published numbers and gives columns of schema `thesis_beside`: `ours` with its
interval, model and data, or a `note` with the reason why there is none; and, of a fusion, its `members`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ferflow.evaluation.bootstrap import interval, resampled, unit_confusions
from ferflow.evaluation.metrics import per_class
from ferflow.evaluation.results import units
from ferflow.report.image_counts import TABLE_3_3
from ferflow.report.published import HEADS, NOT_COMPARABLE
from ferflow.settings import Evaluation

NOT_RUN = "not run: "
CASCADES = ("lstm", "bilstm", "cnn1d")
SAME = 1e-9
"""Two accuracies that differ by less are those of one run."""
ALL = ("lstm", "bilstm", "cnn1d", "c3d", "convlstm")
LSTM_ITEMS = (
    "lstm-25088 dropout 0.4 + 9x offline augmentation",
    "lstm-25088 early stopped",
    "lstm-25088 final",
)
"""Rows of section 3.2.4 that are about the final recipe of the LSTM, which is the study's own `lstm`."""


@dataclass(frozen=True)
class Ours:
    """What a study has to set beside the thesis, by schema; None where it has no such table.

    `dataset` and `stills` name the data of clips and of single images. `evaluation` and `seed` are for
    intervals that no table of the study has. `predictions` is a checked predictions table (with `synthetic`),
    `spatial_predictions` one of single images.
    `experiments` maps an item of sections 3.2.4 and 3.2.5 to the model whose cross-validation repeats it.
    `spatial` is the study's network for single images, on whose features the heads of the experiments learn;
    `others` says in what its networks for clips are others than the thesis's (`thesis_parameters.others`).
    `parameters` are counts by the published item (`thesis_parameters.counts`).
    """

    dataset: str
    stills: str
    evaluation: Evaluation
    seed: int
    predictions: pd.DataFrame | None = None
    results: pd.DataFrame | None = None
    fusion: pd.DataFrame | None = None
    spatial_predictions: pd.DataFrame | None = None
    spatial_results: pd.DataFrame | None = None
    finetuned: pd.DataFrame | None = None
    image_counts: pd.DataFrame | None = None
    trimming: pd.DataFrame | None = None
    cv_epochs: pd.DataFrame | None = None
    experiment_results: pd.DataFrame | None = None
    experiment_epochs: pd.DataFrame | None = None
    early_stopping: pd.DataFrame | None = None
    human_summary: pd.DataFrame | None = None
    error_counts: pd.DataFrame | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    experiments: Mapping[str, str] = field(default_factory=dict)
    spatial: str = ""
    others: Mapping[str, str] = field(default_factory=dict)


def _network(row, ours: Ours) -> dict:
    if row.metric.startswith("imagenet"):
        return {"note": NOT_RUN + "a number about ImageNet, which no study here reads"}
    if row.item not in ours.parameters:
        return {"note": NOT_RUN + f"the parameters of {row.item} are not counted in this study"}
    remarks = {
        "resnet50": "torchvision's has no biases in its convolutions",
        "densenet201": "Keras counts the statistics of batch normalisation",
        "lstm-1024": "torch's LSTM has a second bias vector of 512",
        "lstm-25088": "torch's LSTM has a second bias vector of 512",
    }
    return {"model": row.item, "ours": float(ours.parameters[row.item]), "note": remarks.get(row.item, "")}


def _images(row, ours: Ours) -> dict:
    if ours.image_counts is None:
        return {"note": NOT_RUN + "this study does not count the images of FER2013"}
    counts = ours.image_counts[ours.image_counts["source"] == TABLE_3_3]
    mine = counts[(counts["split"] == row.split) & (counts["emotion"] == row.item)]
    if mine.empty or pd.isna(mine["ours"].iloc[0]):
        return {"note": (mine["note"].iloc[0] if len(mine) else "") or NOT_RUN + "no images of this part"}
    mine = mine.iloc[0]
    return {"ours": float(mine["ours"]), "data": ours.stills, "synthetic": bool(mine["synthetic"])}


def _finetuned(row, ours: Ours) -> dict:
    if ours.finetuned is None:
        return {"note": NOT_RUN + "this study fine-tunes none of the published networks"}
    mine = ours.finetuned[(ours.finetuned["network"] == row.item) & (ours.finetuned["model"] != "")]
    column = {"accuracy": "ours", "trainable_parameters": "parameters"}[row.metric]
    if mine.empty or pd.isna(mine[column].iloc[0]):
        return {"note": NOT_RUN + f"{row.item} is not among this study's models"}
    mine = mine.iloc[0]
    notes = [str(mine["note"]).replace(NOT_COMPARABLE, "").strip("; ")]
    if not pd.isna(mine["blocks"]) and mine["blocks"] != 2:
        notes.append(f"ours with {mine['blocks']} blocks unfrozen")
    found = {
        "model": mine["model"],
        "ours": float(mine[column]),
        "data": ours.stills,
        "synthetic": bool(mine["synthetic"]),
        "note": "; ".join(note for note in notes if note),
    }
    if row.metric == "accuracy" and ours.spatial_results is not None:
        own = _result(ours.spatial_results, mine["model"], "test")
        if own is not None and abs(own["ours"] - found["ours"]) < SAME:
            found |= {"low": own["low"], "high": own["high"]}
    return found


def _spatial(row, ours: Ours) -> dict:
    if ours.spatial_predictions is None:
        return {"note": NOT_RUN + "this study trains no spatial model"}
    emotion = row.item.split("/")[1]
    frame = ours.spatial_predictions
    model = frame["model"].iloc[0]
    found = {
        "model": model,
        "data": ours.stills,
        "synthetic": bool(frame["synthetic"].any()),
    }
    if row.metric == "support":
        return found | {"ours": float((frame["emotion"] == emotion).sum())}
    value, spread = _of_class(frame, emotion, row.metric, ours)
    low, high = interval(spread, ours.evaluation.confidence)
    return found | {"ours": value, "low": low, "high": high}


def _best_models(row, ours: Ours) -> dict:
    if row.item == "human":
        return _human(row, ours)
    part = HEADS.get(row.item, row.item)
    found = None if ours.results is None else _result(ours.results, part, "test")
    if found is None:
        return {"note": NOT_RUN + f"no test predictions of {part} in this study"}
    return found | {"data": ours.dataset}


def _fusion(row, ours: Ours) -> dict:
    if ours.fusion is None:
        return {"note": NOT_RUN + "this study fuses no models"}
    members, rule = row.item.split(" / ")
    wanted = set(ALL) if members == "all" else set(members.split("+"))
    of = ours.fusion["models"].map(lambda names: {name.split("+")[-1] for name in names.split(", ")})
    mine = ours.fusion[(of == wanted) & (ours.fusion["rule"] == rule)]
    mine = mine[~mine["name"].isin(("best", "stacking"))]
    if mine.empty:
        return {"note": NOT_RUN + f"no set of {', '.join(sorted(wanted, key=ALL.index))} in this study"}
    mine = mine.iloc[0]
    return {
        "model": mine["model"],
        "members": mine["models"],
        "ours": mine["test"],
        "low": mine["test_low"],
        "high": mine["test_high"],
        "data": ours.dataset,
        "synthetic": bool(mine["synthetic"]),
    }


def _cross_validation(row, ours: Ours) -> dict:
    part, results, epochs = ours.experiments.get(row.item), ours.experiment_results, ours.experiment_epochs
    if part is None:
        results, epochs = ours.results, ours.cv_epochs
    if part is None and row.item in LSTM_ITEMS:
        part = "lstm"
    if part is None and row.item == "c3d 3 layers 16-16-32":
        part = "c3d"
    if part is None:
        return {"note": NOT_RUN + "no experiment of this study repeats it"}
    fold = int(row.split.removeprefix("cv fold ")) if row.split.startswith("cv fold") else None
    finders = {
        "accuracy": lambda: None if results is None else _result(results, part, "cv", fold),
        "train_minus_validation": lambda: _gap(epochs, part),
        "max_accuracy": lambda: _early(ours.early_stopping, part, fold, "max_validation_accuracy"),
        "epoch": lambda: _early(ours.early_stopping, part, fold, "epoch"),
        "epochs": lambda: _early(ours.early_stopping, part, None, "epoch"),
    }
    found = finders[row.metric]()
    if found is None:
        where = "" if fold is None else f", fold {fold}"
        return {"note": NOT_RUN + f"no cross-validation of {part}{where} in this study"}
    return found | {"data": ours.dataset}


def _result(results: pd.DataFrame, part: str, protocol: str, fold: int | None = None) -> dict | None:
    """Accuracy of the model that is `part`, or ends with it."""
    rows = results[(results["metric"] == "accuracy") & (results["protocol"] == protocol)]
    rows = rows[rows["fold"].isna() if fold is None else rows["fold"] == fold]
    mine = _of(rows, part)
    if mine.empty:
        return None
    mine = mine.iloc[0]
    return {
        "model": mine["model"],
        "ours": mine["value"],
        "low": mine["low"],
        "high": mine["high"],
        "synthetic": bool(mine["synthetic"]),
        "note": mine["note"],
    }


def _of(rows: pd.DataFrame, part: str) -> pd.DataFrame:
    exact = rows[rows["model"] == part]
    return exact if len(exact) else rows[rows["model"].str.split("+").str[-1] == part]


def _gap(cv_epochs: pd.DataFrame | None, part: str) -> dict | None:
    mine = None if cv_epochs is None else _of(cv_epochs, part)
    if mine is None or mine.empty:
        return None
    last = mine.sort_values("epoch").iloc[-1]
    return {
        "model": last["model"],
        "ours": float(last["train_accuracy_mean"] - last["validation_accuracy_mean"]),
        "synthetic": bool(last["synthetic"]),
        "note": f"at the last epoch, {last['epoch']:.0f}",
    }


def _early(early: pd.DataFrame | None, part: str, fold: int | None, column: str) -> dict | None:
    mine = None if early is None else _of(early, part)
    if mine is None:
        return None
    mine = mine[mine["fold"].isna() if fold is None else mine["fold"] == fold]
    if mine.empty:
        return None
    mine = mine.iloc[0]
    return {"model": mine["model"], "ours": float(mine[column]), "synthetic": bool(mine["synthetic"])}


def _lengths(row, ours: Ours) -> dict:
    if ours.trimming is None:
        return {"note": NOT_RUN + "this study trims no clips"}
    mine = ours.trimming[ours.trimming["emotion"] == "all"].iloc[0]
    return {
        "ours": float(mine["within_after"]),
        "data": ours.dataset,
        "synthetic": bool(mine["synthetic"]),
        "note": f"of {mine['n_clips']}, at most {mine['max_frames']} frames",
    }


def _human(row, ours: Ours) -> dict:
    if ours.human_summary is None:
        return {"note": NOT_RUN + "nobody annotated the test clips"}
    emotion = row.item.partition("/")[2] or "all"
    summary = ours.human_summary
    mine = summary[(summary["measure"] == row.metric) & (summary["emotion"] == emotion)]
    if mine.empty:
        return {"note": NOT_RUN + f"no annotated clips of {emotion}"}
    mine = mine.iloc[0]
    return {
        "model": "simulated-human" if mine["simulated"] else "human",
        "ours": mine["value"],
        "low": mine["low"],
        "high": mine["high"],
        "data": ours.dataset,
        "synthetic": bool(mine["synthetic"]),
        "simulated": bool(mine["simulated"]),
    }


def _recalls(row, ours: Ours) -> dict:
    """Of Figure 3.28 the text gives recalls over all cascades."""
    if ours.predictions is None:
        return {"note": NOT_RUN + "no test predictions in this study"}
    test = ours.predictions[ours.predictions["protocol"] == "test"]
    models = {part: mine for part in CASCADES if len(mine := _of(test, part))}
    if len(models) < len(CASCADES):
        lacking = ", ".join(part for part in CASCADES if part not in models)
        return {"note": NOT_RUN + f"no test predictions of {lacking} in this study"}
    emotion = row.item.partition("/")[2]
    found = [_of_class(mine, emotion, "recall", ours) for mine in models.values()]
    whole, spread = zip(*found, strict=True)
    over = {"recall": np.mean, "recall_min": np.min, "recall_max": np.max}[row.metric]
    low, high = interval(over(np.stack(spread), axis=0), ours.evaluation.confidence)
    each = ", ".join(f"{part} {100 * value:.0f} %" for part, value in zip(models, whole, strict=True))
    return {
        "model": ", ".join(mine["model"].iloc[0] for mine in models.values()),
        "ours": float(over(whole)),
        "low": low,
        "high": high,
        "data": ours.dataset,
        "synthetic": bool(test["synthetic"].any()),
        "note": each + ("; ours is the mean" if row.metric == "recall" else ""),
    }


def _of_class(frame: pd.DataFrame, emotion: str, metric: str, ours: Ours) -> tuple[float, np.ndarray]:
    """A metric of one class (`metrics.per_class`), and its bootstrap [B] over subjects or images.

    Models that were shown the same clips share their draws.
    """
    frame = frame.sort_values("clip_id")
    own, said = frame["emotion"] == emotion, frame["predicted"] == emotion
    matrices = unit_confusions(own.to_numpy(int), said.to_numpy(int), units(frame), 2)
    drawn = resampled(matrices, ours.evaluation.bootstrap, np.random.default_rng(ours.seed))
    return float(per_class(matrices.sum(0))[metric][1]), per_class(drawn)[metric][:, 1]


def _mislabelled(row, ours: Ours) -> dict:
    part, _, what = row.item.partition("/")
    part = part.split("+")[-1]
    if row.metric == "errors":
        return _errors(what, part, ours)
    if ours.predictions is None:
        return {"note": NOT_RUN + "no test predictions in this study"}
    subject = what.split(".")[1]
    emotion = row.note.split(",")[0].removeprefix("real ")
    test = _of(ours.predictions[ours.predictions["protocol"] == "test"], part)
    mine = test[(test["subject_id"] == subject) & (test["emotion"] == emotion)]
    if mine.empty:
        return {"note": NOT_RUN + f"no test prediction of {part} for {subject}, {emotion}"}
    mine = mine.iloc[0]
    return {
        "model": mine["model"],
        "ours": float(mine[row.metric.replace("score_", "p_")]),
        "data": ours.dataset,
        "synthetic": bool(mine["synthetic"]),
        "note": f"ours predicts {mine['predicted']}",
    }


def _errors(emotion: str, part: str, ours: Ours) -> dict:
    rows = None if ours.error_counts is None else _of(ours.error_counts, part)
    if rows is not None:
        rows = rows[(rows["protocol"] == "test") & (rows["emotion"] == emotion)]
    if rows is None or rows.empty:
        return {"note": NOT_RUN + f"no test predictions of {part} in this study"}
    mine = rows.iloc[0]
    return {
        "model": mine["model"],
        "ours": float(mine["errors"]),
        "low": mine["low"] * mine["n_clips"],
        "high": mine["high"] * mine["n_clips"],
        "data": ours.dataset,
        "synthetic": bool(mine["synthetic"]),
        "note": f"of {mine['n_clips']} clips; theirs of 20",
    }


FINDERS: dict[str, Callable] = {
    "3.2": _network,
    "3.3": _images,
    "3.4": _finetuned,
    "3.5": _spatial,
    "3.6": _best_models,
    "3.7": _fusion,
    "3.2.4": _cross_validation,
    "3.2.5": _cross_validation,
    "fig3.4": _lengths,
    "fig3.15": _network,
    "fig3.22": _network,
    "fig3.25": _human,
    "fig3.28": _recalls,
    "fig3.29": _mislabelled,
}
"""What finds ours beside a row of each of the thesis's tables."""
