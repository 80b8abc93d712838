"""Share of right answers of every annotator, in all and for each emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ferflow.evaluation.results import units
from ferflow.humans.intervals import share
from ferflow.settings import Evaluation

ALL = "all"


def per_annotator(
    answers: pd.DataFrame,
    emotions: Sequence[str],
    n_clips: int,
    missing: Mapping[str, int],
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Schema `human_accuracy`, without the marks: each annotator for `all` clips and for each emotion.

    `missing` (from `annotations.incomplete`) names those who have not answered all of the `n_clips` clips.
    """
    answers = answers.assign(right=answers["predicted"] == answers["emotion"], unit=units(answers))
    rows = []
    for name, own in answers.groupby("annotator", sort=True):
        note = f"{missing[name]} of {n_clips} clips" if name in missing else ""
        for emotion in (ALL, *emotions):
            part = own if emotion == ALL else own[own["emotion"] == emotion]
            if part.empty:
                continue
            found = share(part["right"], pd.Series(1, part.index), part["unit"], settings, seed)
            remarks = [remark for remark in (note, found.note) if remark]
            rows.append(
                {"annotator": name, "emotion": emotion, "n_clips": len(part)}
                | {"n_right": int(part["right"].sum()), "accuracy": found.value}
                | {"low": found.low, "high": found.high, "note": "; ".join(remarks)}
            )
    return pd.DataFrame(rows)
