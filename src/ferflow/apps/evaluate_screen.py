"""An evaluation of image networks on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

VIEWS = {"one": "one view", "mirror": "with mirror images", "ten": "ten crops of {crop} pixels"}
NAMES = {
    "accuracy": "accuracy (%)",
    "f1": "macro F1 (%)",
    "weighted_f1": "weighted F1 (%)",
    "precision": "macro precision (%)",
    "recall": "macro recall (%)",
    "kappa": "Cohen's κ",
    "auc": "macro AUC (%)",
}
"""Metrics in the order shown."""
SHARES = {name for name in NAMES if name != "kappa"}
TRAINING = "Training"


def show(console: Console, report: dict) -> None:
    """What was asked of whom, the metrics beside those without copies, and a line for each class."""
    _heading(console, report)
    whole, honest = report["all"], report["without_copies"]
    percent = 100 * report["confidence"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(f"{percent:g} % interval in brackets", no_wrap=True)
    columns = [("all images", whole)]
    if honest is not None and report["copies"]:
        columns.append(("without copies", honest))
    for title, part in columns:
        table.add_column(f"{title}\n({part['n_images']})", justify="right", no_wrap=True)
    for metric, name in NAMES.items():
        table.add_row(name, *(_number(part["metrics"][metric], metric) for _, part in columns))
    console.print(table)
    _classes(console, whole)


def _heading(console: Console, report: dict) -> None:
    part = f", part {report['split']}" if report["split"] else ""
    console.print(
        Text.assemble((f"{report['dataset']}{part}", "bold"), f"  {report['all']['n_images']} images"),
        soft_wrap=True,
    )
    if report["left_out"]:
        console.print(f"left out: {report['left_out']} images of other classes", highlight=False)
    if report["synthetic_data"]:
        console.print("These images are synthetic: the numbers say nothing of real faces.", style="yellow")
    for model in report["models"]:
        marks = ", trained on synthetic data" if model["synthetic"] else ""
        console.print(
            f"network: {model['network']}, {model['parameters']:,} parameters{marks} ({model['path']})",
            highlight=False,
            soft_wrap=True,
        )
    views = VIEWS[report["views"]].format(crop=report["crop"])
    many = len(report["models"])
    mean = f"mean of {many} networks, {report['parameters']:,} parameters in all; " if many > 1 else ""
    console.print(f"seen: {mean}{views}", highlight=False)
    chosen = report["chosen"]
    if chosen is not None:
        console.print(
            f"chosen on {chosen['on']} among {chosen['sets_tried']} sets of {len(chosen['candidates'])} "
            f"networks ({100 * chosen['accuracy']:.2f} % there)",
            highlight=False,
        )
    _copies(console, report)


def _copies(console: Console, report: dict) -> None:
    if report["copies"] is None:
        if report["split"] == TRAINING:
            console.print("These images are for training: a network may know them by heart.", style="yellow")
        return
    console.print(
        f"copies: {report['copies']} of the images stand pixel by pixel in part {TRAINING} too",
        highlight=False,
    )
    if report["copies"] and all(model["copies_learnt"] == 0 for model in report["models"]):
        console.print("        (left out of the training of this network)", highlight=False)


def _classes(console: Console, whole: dict) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("class (all images)")
    table.add_column("images", justify="right")
    for name in ("precision", "recall", "F1 (%)", "AUC"):
        table.add_column(name, justify="right", no_wrap=True)
    for emotion, values in whole["classes"].items():
        table.add_row(
            emotion,
            str(values["support"]),
            *(_percent(values[m]["value"]) for m in ("precision", "recall")),
            _number(values["f1"], "f1"),
            _percent(values["auc"]["value"]),
        )
    console.print(table)


def _number(number: dict, metric: str) -> str:
    """`68.52 [67.01, 70.02]`; a dash for what is undefined."""
    if number["value"] is None:
        return "–"
    scale, digits = (100, 2) if metric in SHARES else (1, 3)
    text = f"{scale * number['value']:.{digits}f}"
    if number["low"] is not None:
        text += f" [{scale * number['low']:.{digits}f}, {scale * number['high']:.{digits}f}]"
    return text


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
