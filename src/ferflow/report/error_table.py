"""The table of one model's mislabelled clips, as the thesis's Figure 3.29 has it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.evaluation.classification import THIRD
from ferflow.report import rendering
from ferflow.report.names import marks_of, model_label, protocol_label


def render(
    errors_csv: str | Path,
    model: str,
    outputs: Iterable[str | Path],
    protocol: str = "test",
    strips: Mapping[str, str] | None = None,
) -> None:
    """Render the rows of `model` in schema `errors` (.md, .tex, .html).

    `strips` maps a clip to the picture (JPEG) of its frames, relative to the table's folder. The Markdown
    leads to it. The HTML page holds it, since a report is a single file, in which such a way leads nowhere;
    where there is no such picture yet, it leads there too. A model without errors has a table without rows.
    """
    table = tables.read(errors_csv, "errors")
    mine = table[(table["model"] == model) & (table["protocol"] == protocol)]
    shown = rendered(mine, model, protocol, strips or {})
    for output in map(Path, outputs):
        pictures = [_embedded(output.parent, link) if link else "" for link in shown.links]
        rendering.write(replace(shown, pictures=pictures) if output.suffix == ".html" else shown, output)


def _embedded(folder: Path, link: str) -> str:
    """The JPEG at `link`, seen from `folder`, as an address that holds all of it; empty without one."""
    picture = Path(os.path.normpath(folder / link))  # the folder itself may not be there yet
    if not picture.is_file():
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def rendered(mine: pd.DataFrame, model: str, protocol: str, strips: Mapping[str, str]) -> rendering.Rendered:
    """One model's rows of schema `errors` as text: clip, classes, all scores, and further classes that count.

    The thesis marks the true and the said class green and others above 0.01 red; here the others are named.
    """
    columns = [c for c in mine if c.startswith("p_") and (mine[c].notna().any() or mine.empty)]
    emotions = [column.removeprefix("p_") for column in columns]
    rows = []
    for row in mine.to_dict("records"):
        further = [
            f"{emotion} {row[column]:.2f}"
            for emotion, column in zip(emotions, columns, strict=True)
            if emotion not in (row["emotion"], row["predicted"]) and row[column] > THIRD
        ]
        scores = [f"{row[column]:.2f}" for column in columns]
        rows.append([row["clip_id"], row["emotion"], row["predicted"], *scores, ", ".join(further)])
    return rendering.Rendered(
        f"Mislabelled clips of {model_label(model)}, {protocol_label(protocol)}: {len(rows)}",
        marks_of(mine),
        ["clip", "real", "predicted", *emotions, f"further classes above {THIRD:g}"],
        [False, False, False, *[True] * len(columns), False],
        rows,
        [False] * len(rows),
        [strips.get(clip, "") for clip in mine["clip_id"]],
    )
