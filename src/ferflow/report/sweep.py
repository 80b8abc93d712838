"""The sweep over optimisers and schedules: its table, with the published numbers, and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ferflow import tables
from ferflow.evaluation.results import study_note
from ferflow.report import reference, rendering, style
from ferflow.report.names import marks_of, model_label
from ferflow.report.papers import published
from ferflow.training import sweep

NAMES = {
    "sgd": "SGD",
    "nesterov": "SGD, Nesterov",
    "asgd": "averaged SGD",
    "adam": "Adam",
    "amsgrad": "Adam, AMSGrad",
    "adamw": "AdamW",
    "adadelta": "Adadelta",
    "adagrad": "Adagrad",
    "constant": "fixed",
    "plateau": "reduced on plateau",
    "cosine": "cosine",
    "warm_restarts": "warm restarts",
    "one_cycle": "one cycle",
    "step": "step",
}
PANELS = (
    ("optimisers, fixed rate", sweep.OPTIMISER, sweep.FIXED),
    ("optimisers, decayed rate", sweep.OPTIMISER, sweep.DECAYED),
    ("schedules", sweep.SCHEDULE, None),
    ("tuning", sweep.TUNING, None),
)
LINES = (
    (style.DARK, "-", "o"),
    (style.MIDDLE, "--", "s"),
    (style.LIGHT, "-", "^"),
    (style.DARK, ":", "D"),
    (style.MIDDLE, "-.", "v"),
    (style.LIGHT, "--", "x"),
    (style.DARK, "--", "P"),
    (style.MIDDLE, ":", "*"),
)
"""Colour, dash and marker of the lines of a panel: no two share both of the last."""


def write_table(
    run_jsons: Sequence[str | Path],
    best_jsons: Sequence[str | Path],
    out_table: str | Path,
    out_pages: Sequence[str | Path],
    failed: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write the sweep's table, with the published numbers (schema `sweep`), and its pages (.html, .md, .tex).

    `run_jsons` are all runs' run.json, `best_jsons` the files of the best run of each stage. `failed` are
    rows of runs that failed.
    """
    facts = [sweep.read_run(path) for path in run_jsons]
    frame = table(facts, [sweep.read_run(path)["run"] for path in best_jsons])
    tables.write(frame, out_table, "sweep")
    if failed:
        tables.add_failed(out_table, "sweep", failed)
        frame = tables.read(out_table, "sweep", failed=True)
    first = facts[0]
    size = f"{model_label(first['network'])}, {first['images']} images, {first['epochs']} epochs"
    views = next((run["views"] for run in facts if run["test_accuracy"] is not None), "one")
    seen = {"one": "as it is", "mirror": "with its mirror image", "ten": "in ten crops"}[views]
    title = (
        f"Optimisers and schedules ({size}; each image of PrivateTest seen {seen}); published: VGG variant, "
        "28,709 images, 300 epochs"
    )
    shown = rendering.rendered(frame.drop(columns="run"), "sweep", title)
    rendering.write(shown, *out_pages)


def table(facts: Sequence[dict], best: Sequence[str]) -> pd.DataFrame:
    """Schema `sweep` from the runs' facts (`sweep.read_run`); `best` names what each stage went on with."""
    frame = pd.DataFrame(facts).astype(
        {"validation_accuracy": float, "test_accuracy": float, "honest_accuracy": float}
    )
    columns = {"validation_accuracy": "published_validation"}
    frame = reference.with_published("compact", "sweep", frame, columns)
    top, printed = _tuned_best(facts), published("compact", "section 2").set_index("item")["value"]
    # The paper's best is trained on both parts, as the run that repeats it.
    tested = {"schedule-plateau": printed["vggnet RLRP"], top: printed["vggnet best, ten-crop"]}
    note = study_note(facts[0]["protocol"])
    frame = frame.assign(
        published_test=frame["run"].map(tested),
        best=frame["run"].isin(best),
        note=["; ".join(filter(None, (_remark(run, facts, top), note))) for run in facts],
    )
    return tables.from_rows(frame, "sweep")


def _tuned_best(facts: Sequence[dict]) -> str | None:
    """The run that repeats the paper's best: trained on both parts, its schedule chosen by runs on one."""
    tuned = [run for run in facts if run["stage"] == sweep.TUNING]
    chosen = max(
        (run for run in tuned if run["validation_accuracy"] is not None),
        key=lambda run: run["validation_accuracy"],
        default=None,
    )
    if chosen is None:
        return None
    both = (run for run in tuned if run["trained_on"] == sweep.BOTH and run["schedule"] == chosen["schedule"])
    return next((run["run"] for run in both), None)


def _remark(run: dict, facts: Sequence[dict], top: str | None) -> str:
    notes = []
    if run["stage"] == sweep.SCHEDULE:
        same = ("optimiser", "schedule", "learning_rate")
        twins = [other["run"] for other in facts if all(other[name] == run[name] for name in same)]
        if twins[0] != run["run"]:
            notes.append(f"as {twins[0]}, another seed")
    if run["run"] == "schedule-plateau" and run["optimiser"] != "nesterov":
        notes.append("published: with Nesterov")
    if run["run"] == top:
        notes.append("schedule chosen on PublicTest without training on it")
    return "; ".join(notes)


def write_figure(
    sweep_csv: str | Path, names: Sequence[str], histories: Sequence[str | Path], out: str | Path
) -> None:
    """Draw the validation curves of the runs `names`; `histories` are their history.csv."""
    runs = tables.read(sweep_csv, "sweep")
    curves = {name: tables.read(path, "history") for name, path in zip(names, histories, strict=True)}
    with style.style():
        style.save(validation_curves(runs, curves, marks_of(runs)), out, "Optimisers and schedules")


def validation_curves(runs: pd.DataFrame, curves: Mapping[str, pd.DataFrame], marks: str) -> Figure:
    """Accuracy on PublicTest by epoch, a panel for each comparison, one scale for all.

    Runs that learn from PublicTest too have no such curve and are not drawn.
    """
    drawn = style.figure(2 * style.COLUMN, 6.0)
    grid = drawn.subplots(2, 2, sharey=True)
    for letter, axes, (title, stage, schedule) in zip("abcd", grid.flat, PANELS, strict=True):
        shown = runs[(runs["stage"] == stage) & runs["validation_accuracy"].notna()]
        shown = shown if schedule is None else shown[shown["schedule"] == schedule]
        _panel(axes, shown, curves, stage)
        rate = "" if schedule is None else f" ({shown['learning_rate'].iloc[0]:g})" if len(shown) else ""
        with_what = "" if schedule is not None or shown.empty else f" of {NAMES[shown['optimiser'].iloc[0]]}"
        style.panel(axes, letter, title + rate + with_what)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy on PublicTest")
    first = runs.iloc[0]
    size = f"{model_label(first['network'])}, {first['images']} images"
    style.heading(drawn, f"Optimisers and schedules: {size}", marks)
    return drawn


def _panel(axes: Axes, shown: pd.DataFrame, curves: Mapping[str, pd.DataFrame], stage: str) -> None:
    last = 1
    for (colour, dash, marker), run in zip(LINES, shown.itertuples(), strict=False):
        curve = curves[run.run]
        last = max(last, int(curve["epoch"].max()))
        name = NAMES[run.optimiser if stage == sweep.OPTIMISER else run.schedule]
        label = f"{name}, {100 * run.validation_accuracy:.1f}" + (" ◂" if run.best else "")
        look = {"color": colour, "marker": marker, "label": label}
        style.curve(axes, curve["epoch"], curve["validation_accuracy"], dash, marks=6, **look)
    axes.set(xlabel="epoch", xlim=(0.5, last + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style.percent(axes.yaxis)
    axes.grid(axis="y")
    if len(shown):
        title = "best epoch, %; ◂ taken over"
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, title=title)
