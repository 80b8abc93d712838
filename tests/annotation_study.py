"""A small study to annotate: twelve clips of two subjects that play in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import made_clips
from ferflow import tables
from ferflow.apps.sink import frame_sink
from ferflow.files import sha256

FRAMES, WIDTH, HEIGHT = 12, 64, 48


def frames(number: int) -> list[np.ndarray]:
    """RGB frames of clip `number`: a bright bar that moves over a ground of the clip's own grey."""
    drawn = []
    for t in range(FRAMES):
        frame = np.full((HEIGHT, WIDTH, 3), 20 + 8 * number, np.uint8)
        frame[:, 4 * t : 4 * t + 12] = (220, 200 - 10 * number, 60)
        drawn.append(frame)
    return drawn


def write_study(folder: Path, subjects=("F001", "M001")) -> pd.DataFrame:
    """Write clips, `manifest.csv` and `splits.json` (the first subject is the test) to `folder`."""
    manifest = made_clips.manifest(subjects, n_frames=FRAMES, width=WIDTH, height=HEIGHT)
    manifest["source"] = [str(folder / name) for name in manifest["source"]]
    for number, source in enumerate(manifest["source"]):
        with frame_sink(source, 25.0) as sink:
            for frame in frames(number):
                sink.add(frame)
    manifest["sha256"] = [sha256(source) for source in manifest["source"]]
    tables.write(manifest, folder / "manifest.csv", "manifest")
    (folder / "splits.json").write_text(f'{{"test": ["{subjects[0]}"], "folds": [["{subjects[1]}"]]}}')
    return manifest
