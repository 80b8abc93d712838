"""The study's numbers for rows of papers that a rule of `papers/*.yaml` cannot express.

A finder takes a published row (with the groups of its rule and the study's facts) and the study's results. It
gives columns of schema `reference`, or a `note` with the reason why there is none (`reference._results_of`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ferflow.evaluation.bootstrap import Spread, interval, resampled, unit_confusions
from ferflow.evaluation.metrics import per_class
from ferflow.evaluation.results import LEAKY, resampling_units
from ferflow.report.names import SAMPLINGS, model_label
from ferflow.report.papers import NOT_COMPARABLE, NOT_RUN, StudyResults, other_network
from ferflow.settings import parts_of

SAME = 1e-9
"""Two accuracies that differ by less are those of one run."""

# Cao 2022: heads on a network for single images, and networks on frames.
VGGFACE = "vggface"
"""The network for single images of the thesis's Tables 3.5 to 3.7 and Figures 3.28 and 3.29."""
HEADS = {"vggface+lstm": "lstm", "vggface+bilstm": "bilstm", "vggface+cnn1d": "cnn1d"}
"""Rows of the thesis's Table 3.6 and the temporal head of each."""
CASCADES = tuple(HEADS.values())
ALL = (*CASCADES, "c3d", "convlstm")


def thesis_models(row: Mapping, study: StudyResults) -> str:
    """Differences of the study's models from the thesis's: another image network, or heads of another size.

    The network below the runs of section 3.2.4 is the study's own: their names do not tell.
    """
    if row["table"] == "3.5":
        return other_network(VGGFACE, [row["model"]])
    names = row.get("members", row["model"]).split(", ")
    spatial = study.facts["spatial"] if row["table"] == "3.2.4" else ""
    parts = [parts_of(name) for name in names]
    networks = [network or spatial for network, _ in parts if network or spatial]
    others = (study.facts["others"].get(part, "") for _, part in parts)
    notes = [other_network(VGGFACE, networks), *others]
    return "; ".join(dict.fromkeys(note for note in notes if note))


def thesis_finetuned(row: Mapping, study: StudyResults) -> dict:
    """Table 3.4: the fine-tuned networks, with intervals from the spatial model's own results."""
    table = study.tables.get("finetuned")
    if table is None:
        return {"note": NOT_RUN + "this study fine-tunes none of the published networks"}
    rows = table[(table["network"] == row["item"]) & (table["model"] != "")]
    column = {"accuracy": "ours", "trainable_parameters": "parameters"}[row["metric"]]
    if rows.empty or pd.isna(rows[column].iloc[0]):
        return {"note": NOT_RUN + f"{row['item']} is not among this study's models"}
    rows = rows.iloc[0]
    notes = [str(rows["note"]).replace(NOT_COMPARABLE, "").strip("; ")]
    if not pd.isna(rows["blocks"]) and rows["blocks"] != 2:
        notes.append(f"ours with {rows['blocks']} blocks unfrozen")
    measured = row["metric"] == "accuracy"
    result = {
        "model": rows["model"],
        "ours": float(rows[column]),
        "data": row["stills"],
        "synthetic": measured and bool(rows["synthetic"]),
        "note": "; ".join(note for note in notes if note),
        "another": None if measured else "",
    }
    results = study.tables.get("spatial_results")
    if measured and results is not None:
        results = results[(results["metric"] == "accuracy") & (results["protocol"] == "test")]
        results = _of(results[results["fold"].isna()], rows["model"])
        # Two networks may have one name: the interval is that of the same accuracy.
        for row in results[(results["value"] - result["ours"]).abs() < SAME].head(1).itertuples():
            result |= {"low": row.low, "high": row.high}
    return result


def thesis_class(row: Mapping, study: StudyResults) -> dict:
    """Table 3.5: precision, recall and F1 of the spatial model in one class, and its images."""
    frame = study.tables.get("spatial_predictions")
    if frame is None:
        failed = study.failed.get(str(study.facts.get("spatial")))
        return {"note": failed or NOT_RUN + "this study trains no spatial model"}
    synthetic = bool(frame["synthetic"].any())
    result = {"model": frame["model"].iloc[0], "data": row["stills"], "synthetic": synthetic}
    if row["metric"] == "support":
        return result | {"ours": float((frame["emotion"] == row["emotion"]).sum())}
    value, spread = _of_class(frame, row["emotion"], row["metric"], study)
    low, high = interval(value, spread, study.facts["evaluation"].confidence)
    return result | {"ours": value, "low": low, "high": high}


def thesis_fusion(row: Mapping, study: StudyResults) -> dict:
    """Table 3.7: the fusion of a set of models by a rule."""
    table = study.tables.get("fusion")
    if table is None:
        return {"note": NOT_RUN + "this study fuses no models"}
    members, rule = row["item"].split(" / ")
    wanted = set(ALL) if members == "all" else set(members.split("+"))
    of = table["models"].map(lambda names: {parts_of(name)[1] for name in names.split(", ")})
    rows = table[(of == wanted) & (table["rule"] == rule) & ~table["name"].isin(("best", "stacking"))]
    if rows.empty:
        return {"note": NOT_RUN + f"no set of {', '.join(sorted(wanted, key=ALL.index))} in this study"}
    rows = rows.iloc[0]
    return {
        "model": rows["model"],
        "members": rows["models"],
        "ours": rows["test"],
        "low": rows["test_low"],
        "high": rows["test_high"],
        "data": row["dataset"],
        "synthetic": bool(rows["synthetic"]),
    }


def thesis_recalls(row: Mapping, study: StudyResults) -> dict:
    """Figure 3.28, of which the text gives recalls over all cascades."""
    predictions = study.tables.get("predictions")
    if predictions is None:
        return {"note": NOT_RUN + "no test predictions in this study"}
    test = predictions[predictions["protocol"] == "test"]
    models = {part: of_part for part in CASCADES if len(of_part := _of(test, part))}
    if len(models) < len(CASCADES):
        lacking = ", ".join(part for part in CASCADES if part not in models)
        return {"note": NOT_RUN + f"no test predictions of {lacking} in this study"}
    recalls = [_of_class(of_part, row["emotion"], "recall", study) for of_part in models.values()]
    whole, spread = zip(*recalls, strict=True)
    over = {"recall": np.mean, "recall_min": np.min, "recall_max": np.max}[row["metric"]]
    value, about = float(over(whole)), (spread[0].freedom, spread[0].n)
    drawn = Spread(over(np.stack([one.values for one in spread]), axis=0), *about)
    low, high = interval(value, drawn, study.facts["evaluation"].confidence)
    each = ", ".join(f"{part} {100 * value:.0f} %" for part, value in zip(models, whole, strict=True))
    return {
        "model": ", ".join(of_part["model"].iloc[0] for of_part in models.values()),
        "ours": value,
        "low": low,
        "high": high,
        "data": row["dataset"],
        "synthetic": bool(test["synthetic"].any()),
        "note": each + ("; ours is the mean" if row["metric"] == "recall" else ""),
    }


def _of(rows: pd.DataFrame, part: str) -> pd.DataFrame:
    """Rows of the model that is `part`, or has that head."""
    exact = rows[rows["model"] == part]
    return exact if len(exact) else rows[rows["model"].map(lambda model: parts_of(model)[1]) == part]


def _of_class(frame: pd.DataFrame, emotion: str, metric: str, study: StudyResults) -> tuple[float, Spread]:
    """A metric of one class (`metrics.per_class`), and its bootstrap over subjects or images.

    Models that were shown the same clips share their draws.
    """
    frame = frame.sort_values("clip_id")
    true, predicted = frame["emotion"] == emotion, frame["predicted"] == emotion
    matrices = unit_confusions(true.to_numpy(int), predicted.to_numpy(int), resampling_units(frame), 2)
    rng = np.random.default_rng(study.facts["seed"])
    drawn = resampled(matrices, study.facts["evaluation"].bootstrap, rng)
    spread = Spread(per_class(drawn)[metric][:, 1], len(matrices) - 1, int(true.sum()))
    return float(per_class(matrices.sum(0))[metric][1]), spread


# Gong: one model under three protocols.
PROTOCOLS = {"random": "random folds", "film": "folds by film", "spi": "SPI"}
"""The published one first, in which a person may stand on two sides."""
STARTS = {"untrained": "untrained start: frozen stages are random"}
"""Notes on the origin of a network's frozen stages."""


def sfew_accuracy(row: Mapping, study: StudyResults) -> dict:
    """A model's accuracy in a fold, or its mean, under each protocol, or why not.

    Only means are compared: a fold of ours holds other images than the paper's of that number.
    """
    model, place, spi = row["ours"], int(row.get("fold") or 0), row["item"] == "SPI protocol baseline"
    protocols = ("spi",) if spi else tuple(PROTOCOLS)
    values = {protocol: sfew_value(study, model, protocol, place) for protocol in protocols}
    start = sfew_start(study, model)
    notes = [row["remark"], *sfew_missing(study, model, values, place), STARTS.get(start, "")]
    numbers = {"ours" if name == "random" else f"ours_{name}": value for name, value in values.items()}
    return numbers | {
        "model": model if start else "",
        "protocol": LEAKY if values.get("random") is not None else "",
        "data": row["dataset"],
        "synthetic": bool(study.tables["sfew_folds"]["synthetic"].any()),
        "note": "; ".join(note for note in notes if note),
        "another": "",
        "compared": not place and start not in STARTS and values[protocols[0]] is not None,
        "against": "ours_spi" if spi else "ours",
    }


def sfew_value(study: StudyResults, model: str, protocol: str, place: int = 0) -> float | None:
    """Accuracy of a model in its `place`-th fold (from 1) of a protocol; of 0 the mean."""
    folds = study.tables["sfew_folds"]
    rows = folds[(folds["model"] == model) & (folds["protocol"] == protocol)]
    each = rows[rows["fold"].notna()].sort_values("fold").iloc[place - 1 : place]
    found = each if place else rows[rows["fold"].isna()]
    return None if found.empty else float(found["accuracy"].iloc[0])


def sfew_start(study: StudyResults, model: str) -> str:
    """The start of a model's network, or an empty string where it was not run."""
    found = study.tables["sfew_folds"].query("model == @model")["start"]
    return "" if found.empty else str(found.iloc[0])


def sfew_missing(
    study: StudyResults, model: str, values: Mapping[str, float | None], place: int = 0
) -> list[str]:
    """The reasons why a model has no accuracy, by protocol; empty where it has all."""
    failed = {name: why for name in PROTOCOLS if (why := study.failed.get(f"{model} {name}"))}
    if not sfew_start(study, model):
        if failed:
            return [f"{PROTOCOLS[name]}: {why}" for name, why in failed.items()]
        return [f"{NOT_RUN}{model} is not among this study's models"]
    counts = study.tables["sfew_counts"].set_index("emotion").loc["all"]
    reasons = []
    for protocol in (name for name, value in values.items() if value is None):
        if protocol in failed:
            reason = failed[protocol]
        elif protocol == "spi" and not counts["in_spi"]:
            reason = f"{NOT_RUN}this copy of the data set has no lists of its two sets"
        elif sfew_value(study, model, protocol) is None:
            reason = f"{NOT_RUN}not among the protocols of this model"
        else:
            reason = (
                "it has two sets, no such fold" if protocol == "spi" else f"this study has no fold {place}"
            )
        reasons.append(f"{PROTOCOLS[protocol]}: {reason}")
    return reasons


def sfew_images(row: Mapping, study: StudyResults) -> dict:
    """The images of the data set, and how many of them cannot be used."""
    counts = study.tables["sfew_counts"].set_index("emotion").loc["all"]
    found, lost = int(counts["found"]), int(counts["found"] - counts["kept"])
    note = f"{lost} of ours are left out" if lost else ""
    return {"ours": found, "data": row["dataset"], "synthetic": bool(counts["synthetic"]), "note": note}


# The data-centric paper.
def best_of_samplings(row: Mapping, study: StudyResults) -> list[dict]:
    """The best row of either protocol, since the paper does not say which it followed.

    Both are the best of several on their own test images.
    """
    table = study.tables.get("sampling")
    if table is None:
        return [{"note": NOT_RUN + "no network is listed"}]
    table = table.drop_duplicates(["network", "sampling", "metric"]).reset_index(drop=True)
    table = table[table["metric"] == "accuracy"]
    results = []
    for protocol, name in (("published", LEAKY), ("honest", "honest")):
        best = table.loc[table[protocol].idxmax()]
        results.append(
            {
                "ours": best[protocol],
                "low": best[f"{protocol}_low"],
                "high": best[f"{protocol}_high"],
                "model": f"{model_label(best['network'])}, {SAMPLINGS[best['sampling']]}",
                "protocol": name,
                "synthetic": bool(best["synthetic"]),
                "note": f"best of {len(table)} rows on their own test images",
            }
        )
    return results
