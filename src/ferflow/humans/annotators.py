"""Annotators: their names, the order in which each sees the clips, and those that a noise model draws.

The noise model is for clips whose generator knows how strong their expression is. It is Rasch's (1960):
annotator a names clip i's label with probability

    sigmoid(skill_a - difficulty_i),
    skill_a ~ N(skill, skill_spread),
    difficulty_i = faintness * (1 - strength_i) + N(0, clip_spread),

all in log-odds, with the generator's `strength` of the clip (at most 1 counts). A wrong answer names, with
probability `confusion`, the clip's own lure: one emotion for all annotators, drawn from those that the
generator mixes into the label; else any wrong emotion, each as probable. The annotators see no picture: they
say nothing about people, and every table and figure calls them simulated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from ferflow.seeds import derive_seed
from ferflow.settings import SimulatedAnnotators

LONGEST = 40
"""Characters."""
SIMULATED = "simulated"
"""Names that begin so belong to annotators that a noise model drew; no person may take one."""


def tidy(name: str) -> str:
    """`name` in composed Unicode with single spaces, as it is stored and shown.

    Raises ValueError, saying what is wrong, for an empty or long name or one with control characters.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not name:
        raise ValueError("a pseudonym is needed")
    if len(name) > LONGEST:
        raise ValueError(f"a pseudonym has at most {LONGEST} characters")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        raise ValueError("a pseudonym has letters, digits and signs only")
    return name


def key(name: str) -> str:
    """The key of an annotator: `Anna` and `anna` are the same person."""
    return tidy(name).casefold()


def is_simulated(name: str) -> bool:
    """True for the name of a simulated annotator."""
    return name.strip().casefold().startswith(SIMULATED)


def simulated_name(number: int) -> str:
    """Name of the simulated annotator `number`, counted from 1."""
    return f"{SIMULATED}-{number:02d}"


def order(clip_ids: Iterable[str], pseudonym: str) -> list[str]:
    """`clip_ids` in the annotator's own order, the same at every visit and on every machine.

    Each clip is sorted by a number drawn from the pseudonym and the clip, so that a clip that is added or
    taken away leaves the others in their order.
    """
    return sorted(
        clip_ids, key=lambda clip_id: (derive_seed(0, "annotate", key(pseudonym), clip_id), clip_id)
    )


def simulate(
    clips: pd.DataFrame,
    strengths: Mapping[str, float],
    settings: SimulatedAnnotators,
    emotions: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Schema `annotations`: every simulated annotator's answer about every clip (see the module).

    `clips` has the columns clip_id and emotion; `strengths` the strength (0 and more, 1 is full) by clip. The
    numbers of a clip, and of an annotator, hang on `seed` and their names alone: another clip or annotator
    more leaves the others' as they are.
    """
    from ferflow.datasets.synth4d.expression import CONFUSABLE  # renders, and so imports OpenCV

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
            answer_rng = _rng(seed, name, clip_id)
            if answer_rng.random() < 1 / (1 + np.exp(difficulty - skill)):
                answer = label
            else:
                answer = lure if answer_rng.random() < settings.confusion else str(answer_rng.choice(wrong))
            rows.append({"annotator": name, "clip_id": clip_id, "emotion": answer})
    return pd.DataFrame(rows).sort_values(["annotator", "clip_id"], ignore_index=True)


def _rng(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, "humans", *names))
