"""Stacking: a classifier that learns from out-of-fold predictions how to weigh the models (Wolpert 1992).

Its inputs are log probabilities, centred per model and clip: a softmax's logits up to what softmax ignores.
It is fitted on predictions of the folds' networks and applied to those of the final ones, which saw more
clips and may be more confident; the penalty, chosen over held-out subjects, keeps it modest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ferflow.errors import SplitError
from ferflow.fusion.align import Scores

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier
    from sklearn.pipeline import Pipeline

LEAST = 1e-6
"""Probabilities below are taken as this; tables hold six decimals."""


@dataclass(frozen=True)
class Stack:
    """A fitted stack of `models`; `strength` is the C that was chosen, `loss` its mean held-out log loss."""

    models: tuple[str, ...]
    strength: float
    loss: float
    pipeline: Pipeline | DummyClassifier
    n_classes: int

    def predict(self, shares: np.ndarray) -> np.ndarray:
        """Probabilities [N,K] from those of the models [M,N,K]; 0 for a class it never saw."""
        found = np.zeros((shares.shape[1], self.n_classes))
        found[:, self.pipeline.classes_] = self.pipeline.predict_proba(inputs(shares))
        return found


def inputs(shares: np.ndarray) -> np.ndarray:
    """Inputs [N,M·K] from probabilities [M,N,K]: logarithms less their mean over the classes."""
    logs = np.log(np.maximum(shares, LEAST))
    logs -= logs.mean(axis=2, keepdims=True)
    return logs.transpose(1, 0, 2).reshape(shares.shape[1], -1)


def fit(scores: Scores, strengths: Sequence[float], n_folds: int, seed: int) -> Stack:
    """Fit on out-of-fold `scores`: multinomial logistic regression, C chosen by CV over subjects.

    `strengths` are the values of C that are tried; the one with the least mean log loss on held-out subjects
    is taken, of equal ones the least. Where all clips but one subject's are of one class, the stack gives the
    classes' shares. Raises SplitError where there are fewer subjects than `n_folds`.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    subjects = scores.clips["subject_id"].to_numpy()
    refuse_few(len(set(subjects)), n_folds)
    given, n_classes = inputs(scores.shares), scores.shares.shape[2]
    sides = GroupKFold(n_folds, shuffle=True, random_state=seed % 2**32).split(given, groups=subjects)
    # A side with clips of one class, where another class is one subject's, has nothing to tell apart.
    sides = [(fitted, judged) for fitted, judged in sides if len(set(scores.truth[fitted])) > 1]
    if not sides:
        alone = DummyClassifier(strategy="prior").fit(given, scores.truth)
        return Stack(scores.models, min(strengths), float("nan"), alone, n_classes)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        {"logisticregression__C": sorted(strengths)},
        scoring=_log_score,
        cv=sides,
    )
    search.fit(given, scores.truth)
    strength = float(search.best_params_["logisticregression__C"])
    return Stack(scores.models, strength, -float(search.best_score_), search.best_estimator_, n_classes)


def refuse_few(n_subjects: int, n_folds: int) -> None:
    """Raise SplitError where there are fewer subjects than folds."""
    if n_subjects < n_folds:
        raise SplitError(
            "fusion.stacking.folds",
            f"{n_folds} folds of {n_subjects} subjects are not possible",
            "use fewer folds",
        )


def cross_fitted(scores: Scores, strengths: Sequence[float], n_folds: int, seed: int) -> np.ndarray:
    """Probabilities [N,K] of the clips that the stack learns from: each fold's from a stack without it.

    The other folds' networks did see the fold's subjects, which makes this a little optimistic.
    """
    found = np.full(scores.shares.shape[1:], np.nan)
    for fold in scores.folds:
        held_out = (scores.clips["fold"] == fold).to_numpy()
        stack = fit(scores.part(~held_out), strengths, n_folds, seed)
        found[held_out] = stack.predict(scores.shares[:, held_out])
    return found


def _log_score(pipeline: Pipeline, given: np.ndarray, truth: np.ndarray) -> float:
    # scikit-learn's own scorer refuses held-out subjects that lack a class.
    shares = pipeline.predict_proba(given)
    column = {k: place for place, k in enumerate(pipeline.classes_)}
    told = [shares[row, column[k]] if k in column else 0.0 for row, k in enumerate(truth)]
    return float(np.log(np.maximum(told, LEAST)).mean())
