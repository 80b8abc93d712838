"""How sure a model is where it is right and where it is wrong (thesis, section 3.3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.evaluation.predictions import groups, scores
from ferflow.evaluation.results import marks

ENDS = ("most", "least")


def confidences(predictions: pd.DataFrame, emotions: Sequence[str], listed: int) -> pd.DataFrame:
    """Schema `confidences`: the `listed` most and least confident clips of each model, right and wrong apart.

    Confidence is the greatest probability; of equally confident clips the first by name comes first. Where a
    model has fewer than twice as many clips of a verdict, a clip may stand at both ends. Models without
    scores are left out.
    """
    rows = []
    for who, group in _scored(predictions, emotions):
        for verdict, part in (("right", group[group["right"]]), ("wrong", group[~group["right"]])):
            for end in ENDS:
                order = part.sort_values(["confidence", "clip_id"], ascending=[end == "least", True])
                for place, clip in enumerate(order.head(listed).itertuples(index=False), 1):
                    rows.append(
                        who
                        | {
                            "verdict": verdict,
                            "end": end,
                            "place": place,
                            "clip_id": clip.clip_id,
                            "subject_id": clip.subject_id,
                            "emotion": clip.emotion,
                            "predicted": clip.predicted,
                            "confidence": float(clip.confidence),
                        }
                        | marks(group)
                        | {"synthetic": bool(clip.synthetic)}
                    )
    return pd.DataFrame(rows, columns=tables.schema("confidences").names)


def confidences_by_class(predictions: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Schema `confidences_by_class`: of every class the confidences of the clips that are right, ascending.

    The thesis prints this list for its best cascade.
    """
    rows = []
    for who, group in _scored(predictions, emotions):
        for emotion in emotions:
            mine = group[group["emotion"] == emotion]
            right = np.sort(mine.loc[mine["right"], "confidence"].to_numpy())
            rows.append(
                who
                | {
                    "emotion": emotion,
                    "n_clips": len(mine),
                    "right": len(right),
                    "median": float(np.median(right)) if len(right) else None,
                    "confidences": ", ".join(f"{value:.2f}" for value in right),
                }
                | marks(group)
            )
    frame = pd.DataFrame(rows, columns=tables.schema("confidences_by_class").names)
    return frame.astype({"median": float})


def _scored(predictions: pd.DataFrame, emotions: Sequence[str]):
    """Each model's rows in a view under a protocol, with `confidence` and `right`, if all have scores."""
    for who, group in groups(predictions):
        shares = scores(group, emotions)
        if np.isnan(shares).any():
            continue
        right = (group["emotion"] == group["predicted"]).to_numpy()
        yield who, group.assign(confidence=shares.max(1), right=right)
