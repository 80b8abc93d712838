"""Fine-tuning: the learning curves of its phases (thesis, Figures 3.10 and 3.11), and Table 3.4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ferflow import tables
from ferflow.evaluation.results import study_note
from ferflow.report import style
from ferflow.report.names import marks, model_label
from ferflow.report.papers import NOT_COMPARABLE, published

if TYPE_CHECKING:
    from ferflow.models.network import SpatialNetwork

PHASES = {
    "classifier": "classifier on the frozen base",
    "unfreeze": "last blocks unfrozen",
    "refine": "refined",
}
ATTEMPTS = ((style.DARK, "o"), (style.MIDDLE, "s"), (style.LIGHT, "^"))
"""Colour and marker of the attempts of a phase."""


def phases(phases_csv: str | Path, output: str | Path, model: str, synthetic: bool, protocol: str) -> None:
    """Draw the learning curves of all phases (schema `phases`)."""
    table = tables.read(phases_csv, "phases")
    with style.style():
        name = model_label(model)
        drawn = curves(table, name, marks(synthetic, study_note(protocol)))
        style.save(drawn, output, f"Phases of fine-tuning {name}")


def write_finetuned(
    models: Mapping[str, tuple[str | Path, str | Path]],
    output: str | Path,
    protocol: str,
    failed: Mapping[str, str] | None = None,
) -> None:
    """Write schema `finetuned`; `models` has the model.pt and predictions.csv of each fine-tuned model.

    `failed` says of networks why they are missing.
    """
    from ferflow.models import spatial as networks

    trained = []
    for name, (model_pt, predictions_csv) in models.items():
        network, content = networks.load(model_pt)
        predictions = tables.read(predictions_csv, "predictions")
        trained.append(
            (name, network, content["meta"], float((predictions.emotion == predictions.predicted).mean()))
        )
    tables.write(finetuned(trained, study_note(protocol), failed), output, "finetuned")


def finetuned(
    trained: Sequence[tuple[str, SpatialNetwork, dict, float]],
    note: str,
    failed: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Schema `finetuned`: a row for each of ours and for each that the thesis alone has.

    `trained`: name, network, the `meta` of its file, and its accuracy on PrivateTest. `failed` as above.
    """
    from ferflow.models.network import count

    rows = []
    listed = published("thesis", "3.4")["item"]
    for network in dict.fromkeys([*listed, *(net.name for _, net, _, _ in trained)]):
        theirs, remark = _printed(network)
        of_network = [one for one in trained if one[1].name == network]
        if not of_network:
            remark = "; ".join(filter(None, [remark, (failed or {}).get(network, "not run")]))
            rows.append(theirs | {"model": "", "synthetic": False, "note": remark})
        for name, net, meta, accuracy in of_network:
            blocks, synthetic = int(meta["kept"].get("unfreeze", "0 blocks").split()[0]), meta["synthetic"]
            net.unfreeze(blocks)
            row = {
                "model": name,
                "blocks": blocks,
                "ours": accuracy,
                "honest": meta.get("honest_accuracy"),
                "difference": None if synthetic else 100 * (accuracy - theirs["published"]),
                "parameters": count(net, trainable=True),
                "synthetic": synthetic,
                "note": "; ".join(filter(None, [remark, NOT_COMPARABLE * synthetic, note])),
            }
            rows.append(theirs | row)
    return tables.from_rows(rows, "finetuned")


def _printed(network: str) -> tuple[dict[str, float | str], str]:
    """The thesis's Table 3.4 on a network, and its remark; empty for one that is not in it."""
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
    validation = {"color": style.DARK, "linestyle": "--", "marker": "o"}
    lines = {"training": {"color": style.DARK}, "validation": validation}
    style.legend(drawn, lines, loc="outside upper right")
    style.heading(drawn, f"Fine-tuning of {name}", marks)
    return drawn


def _attempts(axes: Axes, rows: pd.DataFrame, what: str) -> None:
    last = int(rows["epoch"].max())
    for (colour, marker), (attempt, curve) in zip(
        ATTEMPTS, rows.groupby("attempt", sort=False), strict=False
    ):
        top = curve["validation_accuracy"].astype(float).max()
        label = f"{attempt}: {100 * top:.1f} %" + (", kept" if curve["kept"].all() else "")
        label = label.replace(", dropout", ",\ndropout")
        axes.plot(curve["epoch"], curve[f"train_{what}"], "-", color=colour)
        look = {"color": colour, "marker": marker, "label": label}
        style.curve(axes, curve["epoch"], curve[f"validation_{what}"], "--", **look)
    axes.set_xlim(0.5, last + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")
