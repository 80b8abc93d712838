"""Summary tables, each written as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.results import ABSENT, study_note
from ferflow.report import rendering
from ferflow.report.names import (
    controls_of,
    marks_of,
    model_label,
    model_order,
    protocol_label,
    protocol_order,
)

HEADINGS = {
    "accuracy": "accuracy (%)",
    "precision": "precision (%)",
    "recall": "recall (%)",
    "f1": "F1 (%)",
    "weighted_f1": "weighted F1 (%)",
    "kappa": "Cohen's κ",
    "auc": "AUC (%)",
}


def results_table(results: pd.DataFrame, title: str, confidence: float) -> rendering.Rendered:
    """Schema `results` as one row per model and protocol, cells as `value [low, high]`, controls last."""
    whole = results[results["fold"].isna()]
    of_failed = whole["chance"].isna()
    failed, whole = whole[of_failed], whole[~of_failed]
    metrics = [metric for metric in HEADINGS if (whole["metric"] == metric).any()]
    rows, controls, are_controls = [], [], controls_of(whole)
    for model in model_order(whole):
        of_model = whole[whole["model"] == model]
        for protocol in protocol_order(of_model["protocol"]):
            values = of_model[of_model["protocol"] == protocol].set_index("metric")
            first = values.iloc[0]
            cells = [
                rendering.with_interval(values.loc[metric], ".2f" if metric == "kappa" else "percent")
                if metric in values.index
                else rendering.MISSING
                for metric in metrics
            ]
            names = [model_label(model), protocol_label(protocol)]
            rows.append([*names, str(first["n_clips"]), str(first["n_subjects"]), *cells])
            controls.append(model in are_controls)
    chance = 100 * whole["chance"].iloc[0]
    about = f"in brackets: {100 * confidence:g} % intervals, bootstrap over subjects; chance: {chance:.1f} %"
    if not whole["n_subjects"].any():
        about = about.replace("subjects", "images")
    about += _without(whole)
    headings = ["model", "protocol", "clips", "subjects", *(HEADINGS[metric] for metric in metrics)]
    numbers = [False, False, *[True] * (2 + len(metrics))]
    if len(failed):
        headings, numbers, rows = [*headings, "note"], [*numbers, False], [[*row, ""] for row in rows]
        for row in failed.itertuples():
            names = [model_label(row.model), protocol_label(row.protocol)]
            rows.append([*names, *[rendering.MISSING] * (2 + len(metrics)), row.note])
            controls.append(False)
    return rendering.Rendered(f"{title}; {about}", marks_of(whole), headings, numbers, rows, controls)


def _without(whole: pd.DataFrame) -> str:
    """The part of a heading on classes without a clip, by protocol; empty where each has one."""
    notes: dict[str, list[str]] = {}
    for protocol, note in zip(whole["protocol"], whole["note"].fillna(""), strict=True):
        for part in note.split("; "):
            if part.startswith(ABSENT) and protocol_label(protocol) not in notes.setdefault(part, []):
                notes[part].append(protocol_label(protocol))
    parts = [f"{part} ({', '.join(names)})" for part, names in notes.items()]
    return f"; {'; '.join(parts)}: means are over the other classes" if parts else ""


def early_stopping(
    early_csvs: Mapping[str, Iterable[str | Path]],
    output: str | Path,
    synthetic: bool,
    final_history_csvs: Mapping[str, str | Path] | None = None,
    protocol: str = "honest",
) -> None:
    """Schema `early_stopping` from each model's early_history.csv files, in the order of the folds.

    `final_history_csvs` (a model's history.csv of its final run) says how many epochs that run really took.
    """
    rows = []
    for model, paths in early_csvs.items():
        best = [_best_epoch(tables.read(path, "history")) for path in paths]
        rows += [
            {"model": model, "fold": fold, "max_validation_accuracy": value, "epoch": epoch}
            for fold, (value, epoch) in enumerate(best)
        ]
        mean = {
            "model": model,
            "max_validation_accuracy": sum(value for value, _ in best) / len(best),
            # Half an epoch is rounded up, which Python's round would not always do.
            "epoch": max(1, math.floor(sum(epoch for _, epoch in best) / len(best) + 0.5)),
        }
        if final_history_csvs and model in final_history_csvs:
            mean["final_epochs"] = int(tables.read(final_history_csvs[model], "history")["epoch"].max())
        rows.append(mean)
    table = pd.DataFrame(rows).assign(synthetic=synthetic, note=study_note(protocol))
    tables.write(tables.from_rows(table, "early_stopping"), output, "early_stopping")


def _best_epoch(history: pd.DataFrame) -> tuple[float, int]:
    """Greatest validation accuracy and the first epoch that reached it."""
    best = history["validation_accuracy"].astype(float).idxmax()
    return float(history.loc[best, "validation_accuracy"]), int(history.loc[best, "epoch"])


def cv_epochs(
    history_csvs: Mapping[str, Iterable[str | Path]],
    output: str | Path,
    synthetic: bool,
    protocol: str = "honest",
) -> None:
    """Schema `cv_epochs` from each model's history.csv files, one per fold."""
    from ferflow.report.curves import averaged  # draws, too, and so imports what takes seconds

    histories = {m: [tables.read(path, "history") for path in paths] for m, paths in history_csvs.items()}
    table = averaged(histories).assign(synthetic=synthetic, note=study_note(protocol))
    tables.write(table, output, "cv_epochs")


def trimming(
    trim_csv: str | Path,
    manifest_csv: str | Path,
    out_summary: str | Path,
    out_anomalies: str | Path,
    max_frames: int,
    emotions: Sequence[str],
) -> None:
    """Schema `trimming` (per emotion, in the order of `emotions`, and in all), schema `anomalies`.

    `max_frames` is `settings.features.max_frames`: how many frames of a clip a temporal head reads.
    """
    from ferflow.report.run import clips_of

    clips = clips_of(trim_csv, manifest_csv)
    clips["kept"] = clips["end"] - clips["begin"]
    groups = [(emotion, clips[clips["emotion"] == emotion]) for emotion in emotions]
    groups = [(emotion, group) for emotion, group in groups if len(group)]
    rows = [_trimmed(emotion, group, max_frames) for emotion, group in [*groups, ("all", clips)]]
    tables.write(pd.DataFrame(rows).assign(note=""), out_summary, "trimming")
    # A clip without any face has no greatest score either; a person should see it as well.
    listed = clips[clips["anomaly"] | clips["overridden"] | (clips["max_score"] == 0)].sort_values("clip_id")
    tables.write(tables.from_rows(listed.assign(note=""), "anomalies"), out_anomalies, "anomalies")


def _trimmed(emotion: str, clips: pd.DataFrame, max_frames: int) -> dict:
    before, after = int(clips["n_frames"].sum()), int(clips["kept"].sum())
    return {
        "emotion": emotion,
        "n_clips": len(clips),
        "n_anomalies": int(clips["anomaly"].sum()),
        "n_overridden": int(clips["overridden"].sum()),
        "frames_before": before,
        "frames_after": after,
        "cut_share": 1 - after / before,
        "median_before": float(clips["n_frames"].median()),
        "median_after": float(clips["kept"].median()),
        "longest_after": int(clips["kept"].max()),
        "max_frames": max_frames,
        "within_before": int((clips["n_frames"] <= max_frames).sum()),
        "within_after": int((clips["kept"] <= max_frames).sum()),
        "synthetic": bool(clips["synthetic"].any()),
    }


def trackers(trackers_csv: str | Path, out: str | Path, synthetic: bool) -> None:
    """Schema `tracker_summary` from schema `trackers` (a tracker on a clip), fastest first."""
    table = tables.read(trackers_csv, "trackers")
    rows = []
    for tracker, clips in table.groupby("tracker"):
        frames = clips["n_frames"].sum()
        rows.append(
            {
                "tracker": tracker,
                "n_clips": len(clips),
                "n_frames": int(frames),
                "failures": int(clips["failures"].sum()),
                "false_successes": int(clips["false_successes"].sum()),
                "drift_mean": float(clips["drift_mean"].astype(float).median()),
                "drift_end": float(clips["drift_end"].astype(float).median()),
                "ms_per_frame": float((clips["ms_per_frame"] * clips["n_frames"]).sum() / frames),
            }
        )
    summary = pd.DataFrame(rows).sort_values("ms_per_frame").assign(synthetic=synthetic, note="")
    tables.write(summary, out, "tracker_summary")


def bare(schemas: Mapping[str, str], out_folder: str | Path) -> None:
    """Tables without rows, by their names and schemas: those that only runs that failed would have."""
    for name, schema in schemas.items():
        tables.write(tables.from_rows([], schema), Path(out_folder) / f"{name}.csv", schema)


def failed_jobs(jobs: Sequence[Mapping], out: str | Path) -> None:
    """Schema `failed_jobs`: the jobs that failed for good, and why."""
    tables.write(tables.from_rows(jobs, "failed_jobs"), out, "failed_jobs")


def layers(models: Iterable[str | Path], out: str | Path, frames: int) -> None:
    """Schema `layers` of final models (of `training.final`) to `out`.

    The networks layer by layer, from their files (thesis, Figures 3.15, 3.22 and 3.27). An image network that
    several models share stands there once, before their heads, which are shown clips of `frames`. Raises
    WeightsError for a file that is missing, damaged or something else.
    """
    from ferflow.models import checkpoint, endtoend
    from ferflow.models.summary import example, summary
    from ferflow.training.final import load_final

    parts: dict[str, pd.DataFrame] = {}
    for path in models:
        content = checkpoint.load_file(path)
        if isinstance(content, dict) and content.get("kind") == endtoend.KIND:
            # Where nothing is computed: a ConvLSTM of full size would take a minute.
            network = endtoend.load(path)[0].to("meta")
            parts[network.name] = summary(network, example(network), network.name)
            continue
        final = load_final(path)
        for network in (final.spatial, final.head):
            if network.name not in parts:
                parts[network.name] = summary(network, example(network, frames), network.name)
    table = pd.concat(list(parts.values()), ignore_index=True) if parts else tables.from_rows([], "layers")
    tables.write(table, out, "layers")
