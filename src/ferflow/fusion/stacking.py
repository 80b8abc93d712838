"""Stacking: a classifier that learns from out-of-fold predictions how to weight the models (Wolpert 1992).

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
from ferflow.fusion.align import Scores, out_of_fold

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier
    from sklearn.model_selection import GridSearchCV
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

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities [N,K] from those of the models [M,N,K]; 0 for a class it never saw."""
        fused = np.zeros((probabilities.shape[1], self.n_classes))
        fused[:, self.pipeline.classes_] = self.pipeline.predict_proba(inputs(probabilities))
        return fused


def inputs(probabilities: np.ndarray) -> np.ndarray:
    """Inputs [N,M·K] from probabilities [M,N,K]: logarithms less their mean over the classes."""
    logs = np.log(np.maximum(probabilities, LEAST))
    logs -= logs.mean(axis=2, keepdims=True)
    return logs.transpose(1, 0, 2).reshape(probabilities.shape[1], -1)


def fit(scores: Scores, strengths: Sequence[float], n_folds: int, seed: int) -> Stack:
    """Fit on out-of-fold `scores`: multinomial logistic regression, C chosen by CV over subjects.

    `strengths` are the values of C that are tried; the one with the least mean log loss on held-out subjects
    is taken, of equal ones the least. The folds are `n_folds`, or as many as there are subjects, if these are
    fewer. Where all clips but one subject's are of one class, the stack gives the classes' shares. Raises
    SplitError for a single subject.
    """
    subjects = scores.clips["subject_id"].to_numpy()
    refuse_few(len(set(subjects)))
    features, n_classes = inputs(scores.probabilities), scores.probabilities.shape[2]
    search = regression(features, scores.truth, subjects, strengths, n_folds, seed)
    if search is None:
        return Stack(scores.models, min(strengths), float("nan"), prior(features, scores.truth), n_classes)
    strength = float(search.best_params_["logisticregression__C"])
    return Stack(scores.models, strength, -float(search.best_score_), search.best_estimator_, n_classes)


def regression(
    features: np.ndarray,
    truth: np.ndarray,
    subjects: np.ndarray,
    strengths: Sequence[float],
    n_folds: int,
    seed: int,
) -> GridSearchCV | None:
    """A fitted multinomial logistic regression on standardised inputs [N,I]; see `fit`.

    None where no side has two classes to tell apart (another class is one subject's), and of one subject.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(subjects)) < 2:
        return None
    folds = GroupKFold(min(n_folds, len(set(subjects))), shuffle=True, random_state=seed % 2**32)
    splits = [side for side in folds.split(features, groups=subjects) if len(set(truth[side[0]])) > 1]
    if not splits:
        return None
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        {"logisticregression__C": sorted(strengths)},
        scoring=_log_score,
        cv=splits,
    )
    return search.fit(features, truth)


def prior(features: np.ndarray, truth: np.ndarray) -> DummyClassifier:
    """A classifier that gives the classes' shares, where there is nothing to learn a better one from."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior").fit(features, truth)


def refuse_few(n_subjects: int) -> None:
    """Raise SplitError where there are too few subjects to learn from some and to validate on others."""
    if n_subjects < 2:
        problem = f"a stack is learnt from {n_subjects} subject"
        raise SplitError("fusion.stacking", problem, "write `stacking: null`, or take more subjects")


def cross_fitted(scores: Scores, strengths: Sequence[float], n_folds: int, seed: int) -> np.ndarray:
    """Probabilities [N,K] of the clips that the stack learns from: each fold's from a stack without it.

    The other folds' networks did see the fold's subjects, which makes this a little optimistic.
    """
    return out_of_fold(
        scores, lambda others, fold: fit(others, strengths, n_folds, seed).predict(fold.probabilities)
    )


def _log_score(pipeline: Pipeline, features: np.ndarray, truth: np.ndarray) -> float:
    # scikit-learn's own scorer refuses held-out subjects that lack a class.
    probabilities = pipeline.predict_proba(features)
    column = {k: place for place, k in enumerate(pipeline.classes_)}
    of_truth = [probabilities[row, column[k]] if k in column else 0.0 for row, k in enumerate(truth)]
    return float(np.log(np.maximum(of_truth, LEAST)).mean())
