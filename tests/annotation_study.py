"""A small study to annotate: twelve clips of two subjects that play in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.apps.sink import frame_sink
from ferflow.classes import EMOTIONS
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
    rows = []
    for number, (subject, emotion) in enumerate((s, e) for s in subjects for e in EMOTIONS):
        source = folder / f"{subject}_{emotion}.avi"
        with frame_sink(source, 25.0) as sink:
            for frame in frames(number):
                sink.add(frame)
        rows.append(
            {
                "clip_id": f"{subject}_{emotion}",
                "subject_id": subject,
                "sex": "female" if subject[0] == "F" else "male",
                "emotion": emotion,
                "split": "",
                "source": str(source),
                "n_frames": FRAMES,
                "fps": 25.0,
                "width": WIDTH,
                "height": HEIGHT,
                "sha256": sha256(source),
                "synthetic": True,
            }
        )
    manifest = pd.DataFrame(rows)
    tables.write(manifest, folder / "manifest.csv", "manifest")
    (folder / "splits.json").write_text(f'{{"test": ["{subjects[0]}"], "folds": [["{subjects[1]}"]]}}')
    return manifest
