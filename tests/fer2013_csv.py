"""Images that a network learns at once, in the format of FER2013."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_stills(path: Path, per_class: dict[str, int]) -> None:
    """Write so many images of each class for each usage; those of class k have a bright bar at row 6k."""
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, count in per_class.items():
        for label in range(7):
            for _ in range(count):
                image = rng.integers(0, 80, (48, 48))
                image[6 * label : 6 * label + 5] += 150
                lines.append(f"{label},{' '.join(map(str, image.ravel()))},{usage}")
    path.write_text("\n".join(lines) + "\n")
