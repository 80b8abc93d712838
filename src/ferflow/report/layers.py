"""The networks of a study layer by layer, from their files (thesis, Figures 3.15, 3.22 and 3.27)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ferflow import tables
from ferflow.training.final import load_final


def layers(models: Iterable[str | Path], out: str | Path, frames: int) -> None:
    """Schema `layers` of final models (of `training.final`) to `out`.

    An image network that several models share stands there once, before their heads, which are shown clips
    of `frames`. Raises WeightsError for a file that is missing, damaged or something else.
    """
    from ferflow.models import checkpoint, endtoend
    from ferflow.models.summary import example, summary

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
    columns = tables.schema("layers").names
    table = pd.concat(list(parts.values()), ignore_index=True) if parts else pd.DataFrame(columns=columns)
    tables.write(table, out, "layers")
