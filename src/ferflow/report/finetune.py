"""Fine-tuning: the search of the classifier, the learning curves of its phases, and the thesis's Table 3.4.

Thesis, section 3.2.4, Figures 3.10 (best classifier) and 3.11 (blocks unfrozen).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ferflow import tables
from ferflow.evaluation.results import study_note
from ferflow.report import search_panels, style
from ferflow.report.names import marks, marks_of, model_label
from ferflow.report.papers import NOT_COMPARABLE, published

if TYPE_CHECKING:
    from ferflow.models.network import SpatialNetwork

MARKERS = {1: "o", 2: "s"}
"""By the number of dense layers; filled for one, open for two."""
PHASES = {
    "classifier": "classifier on the frozen base",
    "unfreeze": "last blocks unfrozen",
    "refine": "refined",
}
ATTEMPTS = ((style.DARK, "o"), (style.MIDDLE, "s"), (style.LIGHT, "^"))
"""Colour and marker of the attempts of a phase."""


def trials(trials_csv: str | Path, output: str | Path, model: str) -> None:
    """Draw the search of the classifier (schema `trials`)."""
    table = tables.read(trials_csv, "trials")
    with style.style():
        name = model_label(model)
        drawn = history(table, name, marks_of(table))
        style.save(drawn, output, f"Search of the classifier of {name}")


def phases(phases_csv: str | Path, output: str | Path, model: str, synthetic: bool, protocol: str) -> None:
    """Draw the learning curves of all phases (schema `phases`)."""
    table = tables.read(phases_csv, "phases")
    with style.style():
        name = model_label(model)
        drawn = curves(table, name, marks(synthetic, study_note(protocol)))
        style.save(drawn, output, f"Phases of fine-tuning {name}")


def write_finetuned(
    models: Mapping[str, tuple[str | Path, str | Path]], output: str | Path, protocol: str
) -> None:
    """Write schema `finetuned`; `models` has the model.pt and predictions.csv of each fine-tuned model."""
    from ferflow.models import spatial as networks

    found = []
    for name, (model_pt, predictions_csv) in models.items():
        network, content = networks.load(model_pt)
        said = tables.read(predictions_csv, "predictions")
        found.append((name, network, content["meta"], float((said.emotion == said.predicted).mean())))
    tables.write(finetuned(found, study_note(protocol)), output, "finetuned")


def finetuned(found: Sequence[tuple[str, SpatialNetwork, dict, float]], note: str) -> pd.DataFrame:
    """Schema `finetuned`: a row for each of ours and for each that the thesis alone has.

    `found`: name, network, the `meta` of its file, and its accuracy on PrivateTest.
    """
    from ferflow.models.network import count

    rows = []
    listed = published("thesis", "3.4")["item"]
    for network in dict.fromkeys([*listed, *(net.name for _, net, _, _ in found)]):
        theirs, remark = _printed(network)
        mine = [one for one in found if one[1].name == network]
        if not mine:
            remark = "; ".join(filter(None, [remark, "not run"]))
            rows.append(theirs | {"model": "", "synthetic": False, "note": remark})
        for name, net, meta, accuracy in mine:
            blocks, synthetic = int(meta["kept"].get("unfreeze", "0 blocks").split()[0]), meta["synthetic"]
            net.unfreeze(blocks)
            ours = {
                "model": name,
                "blocks": blocks,
                "ours": accuracy,
                "difference": None if synthetic else 100 * (accuracy - theirs["published"]),
                "parameters": count(net, trainable=True),
                "synthetic": synthetic,
                "note": "; ".join(filter(None, [remark, NOT_COMPARABLE * synthetic, note])),
            }
            rows.append(theirs | ours)
    table = tables.schema("finetuned")
    frame = pd.DataFrame(rows).reindex(columns=table.names)
    return frame.astype(dict.fromkeys(table.of_type("integer"), "Int64"))


def _printed(network: str) -> tuple[dict[str, float | str], str]:
    """What the thesis's Table 3.4 says of a network, and its remark; nothing of one that is not in it."""
    rows = published("thesis", "3.4").query("item == @network").set_index("metric")
    parts = [part for note in rows["note"] for part in note.split("; ") if part]
    blocks = [part for part in parts if part.endswith("blocks unfrozen")]
    theirs = {
        "network": network,
        "published_blocks": int(blocks[0].split()[0]) if blocks else np.nan,
        "published": rows["value"].get("accuracy", np.nan),
        "published_parameters": rows["value"].get("trainable_parameters", np.nan),
    }
    return theirs, "; ".join(f"thesis: {part}" for part in parts if part not in blocks)


def history(table: pd.DataFrame, name: str, marks: str) -> Figure:
    """Validation accuracy per trial with the best so far, and against each of the parameters."""
    drawn = style.figure(2 * style.COLUMN, 4.4)
    grid = drawn.subplots(2, 2, sharey=True)
    values = table["validation_accuracy"].astype(float)
    looks = [_mark(int(n), at == values.idxmax()) for at, n in table["layers"].items()]
    search_panels.by_trial(grid[0, 0], table, looks)
    search_panels.against(grid[0, 1], table["dropout"].astype(float), values, looks, "dropout")
    shapes = _shapes(table)
    order = sorted(set(shapes), key=lambda shape: (shape.count("–"), [int(n) for n in shape.split("–")]))
    places = shapes.map(order.index).astype(float)
    search_panels.against(grid[1, 0], places, values, looks, "neurons of the dense layers")
    grid[1, 0].set_xticks(range(len(order)), order, rotation=45, ha="right", rotation_mode="anchor")
    gap = table["train_accuracy"].astype(float)
    search_panels.against(grid[1, 1], gap, values, looks, "training accuracy at the best epoch")
    style.percent(grid[1, 1].xaxis)
    limits = grid[1, 1].get_xlim(), grid[1, 1].get_ylim()
    grid[1, 1].axline((0, 0), slope=1, linestyle=":", color=style.LIGHT)
    grid[1, 1].set(xlim=limits[0], ylim=limits[1])
    titles = ("trials in their order", "dropout", "size", "gap between training and validation")
    for letter, axes, title in zip("abcd", grid.flat, titles, strict=True):
        style.panel(axes, letter, title)
        style.percent(axes.yaxis)
        axes.grid(axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel("validation accuracy")
    handles = [
        Line2D([], [], linestyle="", label=f"{n} dense layer{'s' * (n > 1)}", **_mark(n, False))
        for n in MARKERS
    ]
    handles.append(Line2D([], [], linestyle="", label="best", **_mark(1, True)))
    handles.append(Line2D([], [], color=style.LIGHT, drawstyle="steps-post", label="best so far"))
    handles.append(Line2D([], [], color=style.LIGHT, linestyle=":", label="no gap"))
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    lost = int(table["validation_accuracy"].isna().sum())
    without = f" ({lost} without a finite loss)" if lost else ""
    style.heading(drawn, f"Search of the classifier of {name}: {len(table)} trials{without}", marks)
    return drawn


def curves(table: pd.DataFrame, name: str, marks: str) -> Figure:
    """Loss and accuracy by epoch, a column for each phase, the attempts of a phase in one panel."""
    present = [phase for phase in PHASES if phase in set(table["phase"])]
    drawn = style.figure(2 * style.COLUMN, 4.6)
    grid = drawn.subplots(2, len(present), sharey="row", squeeze=False)
    for column, (letter, phase) in enumerate(zip("abc", present, strict=False)):
        mine = table[table["phase"] == phase]
        for row, what in enumerate(("loss", "accuracy")):
            _attempts(grid[row, column], mine, what)
        style.panel(grid[0, column], letter, PHASES[phase])
        grid[1, column].set_xlabel("epoch")
        handles = grid[1, column].get_legend_handles_labels()[0]
        grid[1, column].legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=1)
    grid[0, 0].set(ylabel="loss (cross-entropy)", ylim=(0, None))
    grid[1, 0].set(ylabel="accuracy", ylim=(0, 1.02))
    style.percent(grid[1, 0].yaxis)
    sides = [
        Line2D([], [], color=style.DARK, linestyle="-", label="training"),
        Line2D([], [], color=style.DARK, linestyle="--", marker="o", label="validation"),
    ]
    drawn.legend(handles=sides, loc="outside upper right", ncols=2)
    style.heading(drawn, f"Fine-tuning of {name}", marks)
    return drawn


def _attempts(axes: Axes, mine: pd.DataFrame, what: str) -> None:
    last = int(mine["epoch"].max())
    for (colour, marker), (attempt, curve) in zip(
        ATTEMPTS, mine.groupby("attempt", sort=False), strict=False
    ):
        top = curve["validation_accuracy"].astype(float).max()
        label = f"{attempt}: {100 * top:.1f} %" + (", kept" if curve["kept"].all() else "")
        label = label.replace(", dropout", ",\ndropout")
        axes.plot(curve["epoch"], curve[f"train_{what}"], "-", color=colour)
        axes.plot(
            curve["epoch"],
            curve[f"validation_{what}"].astype(float),
            "--",
            color=colour,
            marker=marker,
            markevery=max(1, len(curve) // 8),
            label=label,
        )
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")


def _mark(layers: int, best: bool) -> dict:
    colour = style.MIDDLE if best else style.DARK
    return {
        "marker": MARKERS[layers],
        "color": colour,
        "markerfacecolor": colour if layers == 1 else "white",
        "markersize": 6 if best else 4,
    }


def _shapes(table: pd.DataFrame) -> pd.Series:
    second = table["neurons_2"]
    return pd.Series(
        np.where(
            second.isna(),
            table["neurons_1"].astype(str),
            table["neurons_1"].astype(str) + "–" + second.astype("Int64").astype(str),
        ),
        index=table.index,
    )
