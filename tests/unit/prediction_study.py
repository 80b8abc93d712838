"""Made-up predictions of several models: cross-validation on some subjects, a test on others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.evaluation.predictions import table

SKILLS = {"compact+lstm": 1.0, "compact+bilstm": 1.1, "compact+cnn1d": 1.4, "c3d": 0.5, "convlstm": 0.3}
N_FOLDS = 3


def subjects(n_women: int = 9, n_men: int = 9) -> dict[str, str]:
    """Names to sexes."""
    women = {f"F{n:03d}": "female" for n in range(1, n_women + 1)}
    return women | {f"M{n:03d}": "male" for n in range(1, n_men + 1)}


def clips(sexes: Mapping[str, str]) -> pd.DataFrame:
    """One clip per subject and emotion."""
    rows = [
        {"clip_id": f"{subject}_{emotion}", "subject_id": subject, "emotion": emotion, "sex": sex}
        for subject, sex in sexes.items()
        for emotion in EMOTIONS
    ]
    return pd.DataFrame(rows)


def scores(truth: np.ndarray, skill: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities [N,K]: softmax of noise with `skill` added at the true class."""
    logits = rng.normal(size=(len(truth), len(EMOTIONS)))
    logits[np.arange(len(truth)), truth] += skill
    shares = np.exp(2 * logits)
    return shares / shares.sum(1, keepdims=True)


def predictions(skills: Mapping[str, float] = SKILLS, seed: int = 0, synthetic: bool = True) -> pd.DataFrame:
    """A checked predictions table: every third subject is tested on, the rest dealt to N_FOLDS folds."""
    rng = np.random.default_rng(seed)
    sexes = subjects()
    rows = clips(sexes)
    place = {subject: i for i, subject in enumerate(sexes)}
    truth = rows["emotion"].map(EMOTIONS.index).to_numpy()
    number = rows["subject_id"].map(place)
    parts = []
    for model, skill in skills.items():
        shares = scores(truth, skill, rng)
        for protocol, fold in [("cv", f) for f in range(N_FOLDS)] + [("test", None)]:
            chosen = (
                (number % 3 == 2) if fold is None else (number % 3 != 2) & (number // 3 % N_FOLDS == fold)
            )
            parts.append(
                table(rows[chosen], shares[chosen.to_numpy()], EMOTIONS, model, protocol, fold, seed)
            )
    return pd.concat(parts, ignore_index=True).assign(synthetic=synthetic, leaky=False)


def write_manifest(path, synthetic: bool = True) -> pd.DataFrame:
    """The manifest of all clips."""
    rows = clips(subjects()).assign(split="", source="a.avi", n_frames=10, fps=25.0, width=9, height=9)
    rows = rows.assign(sha256="0" * 64, synthetic=synthetic)
    tables.write(rows, path, "manifest")
    return rows
