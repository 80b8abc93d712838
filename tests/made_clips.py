"""The manifest of clips that nobody filmed."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ferflow.classes import EMOTIONS


def sex(subject: str) -> str:
    """By the first letter of the name, as in BU-4DFE."""
    return "female" if subject[0] == "F" else "male"


def manifest(subjects: Iterable[str], **columns) -> pd.DataFrame:
    """Schema `manifest`: a clip of each subject and emotion; `columns` are set beside or over its own."""
    rows = pd.DataFrame(
        [(f"{s}_{e}", s, sex(s), e, f"{s}_{e}.avi") for s in subjects for e in EMOTIONS],
        columns=["clip_id", "subject_id", "sex", "emotion", "source"],
    )
    usual = {"split": "", "n_frames": 40, "fps": 25.0, "width": 64, "height": 48, "sha256": "0" * 64}
    return rows.assign(**usual | {"synthetic": True} | columns)
