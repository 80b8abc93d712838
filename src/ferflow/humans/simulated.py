"""Annotators drawn from a noise model, for clips whose generator knows how strong their expression is.

The model is Rasch's (1960): annotator a names clip i's label with probability

    sigmoid(skill_a - difficulty_i),
    skill_a ~ N(skill, skill_spread),
    difficulty_i = faintness * (1 - strength_i) + N(0, clip_spread),

all in log-odds, with the generator's `strength` of the clip (at most 1 counts). A wrong answer names, with
probability `confusion`, the clip's own lure: one emotion for all annotators, drawn from those that the
generator mixes into the label; else any wrong emotion, each as probable. The annotators see no picture: they
say nothing about people, and every table and figure calls them simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ferflow.datasets.synth4d.expression import CONFUSABLE
from ferflow.humans.annotators import simulated_name
from ferflow.seeds import derive_seed
from ferflow.settings import SimulatedAnnotators


def draw(
    clips: pd.DataFrame,
    strengths: Mapping[str, float],
    settings: SimulatedAnnotators,
    emotions: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Schema `annotations`: every simulated annotator's answer about every clip.

    `clips` has the columns clip_id and emotion; `strengths` the strength (0 and more, 1 is full) by clip. The
    numbers of a clip, and of an annotator, hang on `seed` and their names alone: another clip or annotator
    more leaves the others' as they are.
    """
    skills = {
        simulated_name(number): settings.skill + settings.skill_spread * _rng(seed, number).standard_normal()
        for number in range(1, settings.annotators + 1)
    }
    rows = []
    for clip_id, label in zip(clips["clip_id"], clips["emotion"], strict=True):
        rng = _rng(seed, clip_id)
        faint = settings.faintness * (1 - min(1.0, strengths[clip_id]))
        difficulty = faint + settings.clip_spread * rng.standard_normal()
        lures = [emotion for emotion in CONFUSABLE[label] if emotion in emotions]
        wrong = [emotion for emotion in emotions if emotion != label]
        lure = str(rng.choice(lures or wrong))
        for name, skill in skills.items():
            own = _rng(seed, name, clip_id)
            if own.random() < 1 / (1 + np.exp(difficulty - skill)):
                said = label
            else:
                said = lure if own.random() < settings.confusion else str(own.choice(wrong))
            rows.append({"annotator": name, "clip_id": clip_id, "emotion": said})
    return pd.DataFrame(rows).sort_values(["annotator", "clip_id"], ignore_index=True)


def _rng(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, "humans", *names))
