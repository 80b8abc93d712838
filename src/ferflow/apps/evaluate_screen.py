"""Options of `ferflow evaluate`, and an evaluation in files and on a terminal: of images, and of clips."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ferflow import tables
from ferflow.apps.terminal import with_interval
from ferflow.datasets.images import OTHER_CLASS
from ferflow.evaluation.copies import PARTS, TRAINING
from ferflow.evaluation.results import few
from ferflow.faces.detect import DETECTORS
from ferflow.files import write_text
from ferflow.settings import Evaluation, View

if TYPE_CHECKING:
    import pandas as pd

VIEWS = {"one": "one view", "mirror": "with mirror images", "ten": "ten crops of {side} pixels"}
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
PERCENT = {name for name in NAMES if name != "kappa"}
SOME = 3
"""Names of left-out images that are shown; the JSON file has them all."""


@dataclass(frozen=True)
class Options:
    """What is evaluated on which data; ValueError where options do not go together.

    Either `clips`, a table of labelled clips, or `dataset`, the name of a set of images. `root`: the folder
    of the data; None: that of the table. `models` empty: the model that `predict` takes, or for images the
    network that comes with ferflow. `detector`: how faces are cut out; None: auto, or the model's own.

    Of images: `split` None means all images of a set without official parts. Of sequences the last `peak`
    images show the emotion, and with `neutral` the first one is neutral. `side`: of the ten crops, in pixels
    of the images; None: 44 of 48. `choose_on`: the part on which at most `most` of the networks, with fewer
    than `budget` parameters in all, are chosen.
    """

    clips: Path | None
    dataset: str | None
    root: Path | None
    models: Sequence[Path]
    split: str | None
    peak: int | None
    neutral: bool
    detector: str | None
    ten_crop: bool
    mirror: bool
    side: int | None
    choose_on: str | None
    most: int
    budget: int
    out: Path | None
    predictions: Path | None
    weights_folder: Path
    evaluation: Evaluation
    seed: int

    def __post_init__(self) -> None:
        if (self.clips is None) == (self.dataset is None):
            raise ValueError("give --clips, or --dataset")
        if self.clips is not None:
            of_images = ("split", "peak", "neutral", "ten_crop", "mirror", "side", "choose_on")
            if wrong := [name.replace("_", "-") for name in of_images if getattr(self, name)]:
                raise ValueError(f"--{wrong[0]} is for --dataset")
            if len(self.models) > 1:
                raise ValueError("--model: clips are evaluated with one model")
            if self.detector not in (None, *DETECTORS):
                raise ValueError(f"--crop {self.detector}: for clips one of {', '.join(DETECTORS)}")
        elif self.root is None:
            raise ValueError("--root is missing: where the images of --dataset lie")
        elif self.ten_crop and self.mirror:
            raise ValueError("--mirror is part of --ten-crop; give one of them")
        elif self.side is not None and not self.ten_crop:
            raise ValueError("--side is for --ten-crop")

    @property
    def views(self) -> View:
        return "ten" if self.ten_crop else "mirror" if self.mirror else "one"

    def about(self) -> dict[str, object]:
        """What every report says of the intervals (JSON values)."""
        level, resamples = self.evaluation.confidence, self.evaluation.bootstrap
        return {"confidence": level, "bootstrap": resamples, "seed": self.seed}


def publish(report: dict, frame: pd.DataFrame, options: Options) -> None:
    """Write `report` and `frame` (schema `predictions`) to the named files, and print the report."""
    if options.predictions is not None:
        tables.write(frame, options.predictions, "predictions")
    if options.out is not None:
        write_text(options.out, json.dumps(report, indent=2, allow_nan=False) + "\n")
    console = Console(highlight=False)
    (show_images if options.clips is None else show_clips)(console, report)
    for path in filter(None, (options.predictions, options.out)):
        console.print(f"written: {path}", soft_wrap=True)


def show_images(console: Console, report: dict) -> None:
    """Data and networks, metrics of all images and of those without copies, and a line for each class."""
    _heading(console, report)
    whole, honest = report["all"], report["without_copies"]
    columns = [(f"all images\n({whole['n_images']})", whole)]
    if honest is not None and report["copies"]:
        columns.append((f"without copies\n({honest['n_images']})", honest))
    _metrics(console, columns, report["confidence"])
    _classes(console, whole, "images", "class (all images)")


def show_clips(console: Console, report: dict) -> None:
    """Data and model, metrics of its answers side by side, classes and confusions of the first answer."""
    _clips_heading(console, report)
    answers = list(report["answers"].items())
    columns = [(f"{name}\n({part['n_images']})", part) for name, part in answers]
    _metrics(console, columns, report["confidence"])
    base = report["baselines"]
    majority = f"always {base['majority']} {100 * base['majority_accuracy']:.1f} %"
    console.print(f"for comparison, accuracy of {majority}, chance {100 * base['chance']:.1f} %")
    if report["refused"]:
        parts = [f"{name} {100 * part['accuracy_of_all_listed']:.1f} %" for name, part in answers]
        console.print(f"accuracy with each refused clip as wrong: {', '.join(parts)}")
    if mark := few(report["n_subjects"]):
        console.print(f"The intervals rest on {mark}: they are wide.", style="yellow")
    name, first = answers[0]
    _classes(console, first, "clips", f"class ({name})")
    _confusion(console, first, report["classes"])
    for clip in report["refused"]:
        console.print(f"refused: {clip['clip_id']} ({clip['emotion']}): {clip['reason']}", markup=False)


def _clips_heading(console: Console, report: dict) -> None:
    model = report["model"]
    marks = ", trained on synthetic data" if model["synthetic"] else ""
    judged = f"{report['n_judged']} of {report['n_listed']} clips, {report['n_subjects']} subjects"
    faces = f"a face in {report['n_frames_with_a_face']} of {report['n_frames']} frames"
    console.print(Text.assemble((report["clips"], "bold"), f"  judged: {judged}; {faces}"), soft_wrap=True)
    console.print(f"model: {model['name']}{marks} ({model['path']})", soft_wrap=True)
    for note in report["notes"]:
        console.print(note, soft_wrap=True)
    if report["synthetic_data"]:
        console.print("These clips are synthetic: the numbers say nothing about real faces.", style="yellow")
    only = report["classes_only_in_table"]
    if only:
        counts = ", ".join(f"{name} ({n} clips)" for name, n in only.items())
        console.print(f"left out, since the model does not have the class: {counts}")
    if report["classes_only_in_model"]:
        names = ", ".join(report["classes_only_in_model"])
        console.print(f"not among the answers, since no clip shows it: {names}")
    if report["refused"]:
        console.print(f"refused: {len(report['refused'])} clips (named below)")


def _table(title: str, *columns: str) -> Table:
    """An empty table; all but its first column are numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(title)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _metrics(console: Console, columns: Sequence[tuple[str, dict]], confidence: float) -> None:
    """A line for each metric, a column for each titled part of `summarise`."""
    table = _table(f"{100 * confidence:g} % interval in brackets", *(title for title, _ in columns))
    for metric, name in NAMES.items():
        table.add_row(name, *(_number(part["metrics"][metric], metric) for _, part in columns))
    console.print(table)


def _confusion(console: Console, part: dict, classes: Sequence[str]) -> None:
    """Counts, a line for each true class; the columns are numbered, since names are of any length."""
    table = _table("true class, and how often each was predicted", *map(str, range(1, len(classes) + 1)))
    for number, (name, row) in enumerate(zip(classes, part["confusion"], strict=True), 1):
        table.add_row(f"{number} {name}", *map(str, row))
    console.print(table)


def _heading(console: Console, report: dict) -> None:
    part = f", part {report['split']}" if report["split"] else ""
    console.print(
        Text.assemble((f"{report['dataset']}{part}", "bold"), f"  {report['all']['n_images']} images"),
        soft_wrap=True,
    )
    for reason, names in report["left_out_because"].items():
        other = reason.startswith(OTHER_CLASS)
        why = "images of other classes" if other else f"since {reason}{_some(names)}"
        console.print(f"left out: {len(names)} {why}", markup=False)
    if report["synthetic_data"]:
        console.print("These images are synthetic: the numbers say nothing about real faces.", style="yellow")
    for model in report["models"]:
        marks = ", trained on synthetic data" if model["synthetic"] else ""
        console.print(
            f"network: {model['network']}, {model['parameters']:,} parameters{marks} ({model['path']})",
            soft_wrap=True,
        )
    views = VIEWS[report["views"]].format(side=report["side"])
    many = len(report["models"])
    mean = f"mean of {many} networks, {report['parameters']:,} parameters in all; " if many > 1 else ""
    console.print(f"seen: {mean}{views}")
    chosen = report["chosen"]
    if chosen is not None:
        console.print(
            f"chosen on {chosen['on']} among {chosen['sets_tried']} sets of {len(chosen['candidates'])} "
            f"networks ({100 * chosen['accuracy']:.2f} % there)"
        )
    _copies(console, report)


def _copies(console: Console, report: dict) -> None:
    if report["copies"] is None:
        if report["split"] == TRAINING:
            console.print("These images are for training: a network may know them by heart.", style="yellow")
        elif report["split"] in PARTS.values():
            unknown = f"copies: unknown, as part {TRAINING} is not there: a network may know some of these"
            console.print(unknown, style="yellow", soft_wrap=True)
        return
    console.print(f"copies: {report['copies']} of the images stand pixel by pixel in part {TRAINING} too")
    if report["copies"] and all(model["copies_learnt"] == 0 for model in report["models"]):
        console.print("        (left out of the training of this network)")


def _classes(console: Console, part: dict, what: str, title: str) -> None:
    table = _table(title, what, "precision", "recall", "F1 (%)", "AUC")
    for emotion, values in part["classes"].items():
        precision, recall, auc = (_percent(values[name]["value"]) for name in ("precision", "recall", "auc"))
        table.add_row(emotion, str(values["support"]), precision, recall, _number(values["f1"], "f1"), auc)
    console.print(table)


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > SOME else ""
    return f" ({', '.join(names[:SOME])}{more})"


def _number(number: dict, metric: str) -> str:
    return with_interval(number) if metric in PERCENT else with_interval(number, 1, 3)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
