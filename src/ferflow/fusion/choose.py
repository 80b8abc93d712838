"""The best set of models and rule, found from cross-validation alone; the test set has no say in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ferflow.fusion.align import Scores, fold_accuracy
from ferflow.fusion.rules import accuracies, fuse


@dataclass(frozen=True)
class Chosen:
    """A set of models and the rule they are fused by.

    `weights` are the models' accuracies in cross-validation, `accuracy` that of the fusion there: the
    greatest of `tried`, and so an optimistic number.
    """

    models: tuple[str, ...]
    rule: str
    weights: np.ndarray
    accuracy: float
    tried: int

    def predict(self, scores: Scores) -> np.ndarray:
        """Probabilities [N,K] of the set for the clips of `scores`."""
        return fuse(scores.of(self.models).shares, self.rule, self.weights)


def choose(scores: Scores, rules: Sequence[str], most: int, search: str) -> Chosen:
    """The set of at most `most` models and the rule with the greatest accuracy (mean over folds).

    `exhaustive` tries every set; `greedy` starts from the best single model and lets the one join that helps
    most, until none helps (forward selection). Of equally good ones the set with fewer models is taken, then
    the first rule and the first models. A single model has no rule but the average.
    """
    weights = accuracies(scores)
    tried = 0

    def best_of(sets: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], str, float]:
        nonlocal tried
        found = None
        for members in sets:
            for rule in rules if len(members) > 1 else ("average",):
                tried += 1
                shares = fuse(scores.shares[list(members)], rule, weights[list(members)])
                accuracy = fold_accuracy(shares, scores.clips, scores.truth)
                if found is None or accuracy > found[2]:
                    found = members, rule, accuracy
        return found

    everyone = range(len(scores.models))
    if search == "exhaustive":
        sizes = range(1, min(most, len(everyone)) + 1)
        best = best_of([members for size in sizes for members in combinations(everyone, size)])
    else:
        best = best_of([(i,) for i in everyone])
        while len(best[0]) < most:
            larger = [tuple(sorted((*best[0], i))) for i in everyone if i not in best[0]]
            if not larger or (step := best_of(larger))[2] <= best[2]:
                break
            best = step
    members, rule, accuracy = best
    chosen = list(members)
    return Chosen(tuple(scores.models[i] for i in chosen), rule, weights[chosen], accuracy, tried)


def cross_fitted(scores: Scores, rules: Sequence[str], most: int, search: str) -> np.ndarray:
    """Probabilities [N,K] of the clips that the choice is made on: each fold's by the choice without it.

    Their accuracy lacks the optimism of `Chosen.accuracy`.
    """
    found = np.full(scores.shares.shape[1:], np.nan)
    for fold in scores.folds:
        held_out = (scores.clips["fold"] == fold).to_numpy()
        chosen = choose(scores.part(~held_out), rules, most, search)
        found[held_out] = chosen.predict(scores.part(held_out))
    return found
