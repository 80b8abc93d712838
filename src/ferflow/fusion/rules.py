"""Fusion of models: its members, the rules of the thesis (equations 3.1 to 3.3), and the best of them.

The best set of models and rule is chosen by cross-validation alone, without the test set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ferflow.errors import SettingError
from ferflow.evaluation import ensemble
from ferflow.evaluation.predictions import BEST, STACKING
from ferflow.fusion.align import Scores, fold_accuracy, out_of_fold
from ferflow.settings import Fusion, parts_of


def asked(fusion: Fusion) -> dict[str, list[str]]:
    """Every setting of `fusion` that names models (`sets.all`, say), and the names."""
    found = {f"sets.{name}": models for name, models in fusion.named().items()}
    for name in (STACKING, BEST):
        if (section := getattr(fusion, name)) is not None:
            found[f"{name}.models"] = list(section.models)
    return found


def resolve(asked: Sequence[str], models: Iterable[str], where: str) -> tuple[str, ...]:
    """The models that `asked` names, by a whole name or by its head (`lstm`: `vggface+lstm`).

    `where` is the setting that asks. Raises SettingError for a model without predictions and for a part that
    several models end with.
    """
    known = list(dict.fromkeys(models))
    found = []
    for name in asked:
        fitting = [name] if name in known else [model for model in known if parts_of(model)[1] == name]
        if not fitting:
            have = ", ".join(known) or "none"
            raise SettingError(
                where, f"names {name}, of which there are no predictions", f"train it, or choose from {have}"
            )
        if len(fitting) > 1:
            raise SettingError(where, f"{name} may be {' or '.join(fitting)}", "write the whole name")
        found += fitting
    if len(set(found)) < len(found):
        raise SettingError(where, f"names {max(found, key=found.count)} twice", "name each model once")
    return tuple(found)


RULES = ("average", "weighted", "maximum")


def weighted(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean [N,K] of probabilities [M,N,K] with `weights` [M], all at least 0 and not all 0.

    Equation 3.2 divides by the number of models; dividing by the sum of the weights gives the same winners,
    and probabilities. Raises ValueError for other weights.
    """
    weights = np.asarray(weights, float)
    if weights.shape != probabilities.shape[:1] or (weights < 0).any() or weights.sum() <= 0:
        raise ValueError(f"{len(probabilities)} models need as many weights of 0 or more, not {weights}")
    return np.tensordot(weights / weights.sum(), probabilities, axes=1)


def maximum(probabilities: np.ndarray) -> np.ndarray:
    """Greatest probability [N,K] that any of M models [M,N,K] gives each class, made to sum to one."""
    greatest = np.asarray(probabilities, float).max(axis=0)
    return greatest / greatest.sum(axis=1, keepdims=True)


def fuse(probabilities: np.ndarray, rule: str, weights: np.ndarray) -> np.ndarray:
    """Probabilities [N,K] of M models [M,N,K] as one by `rule`; `weights` [M] count for `weighted` alone.

    Raises ValueError for an unknown rule.
    """
    if rule == "average":
        return ensemble.average(list(probabilities))
    if rule == "weighted":
        # Where no model is ever right, all count the same.
        return weighted(probabilities, weights if np.any(weights) else np.ones(len(weights)))
    if rule == "maximum":
        return maximum(probabilities)
    raise ValueError(f"no rule {rule}; there are {', '.join(RULES)}")


def cross_fitted(scores: Scores, rule: str) -> np.ndarray:
    """Probabilities [N,K] by `rule` of out-of-fold clips: those of a fold with the weights of the others."""
    return out_of_fold(scores, lambda others, fold: fuse(fold.probabilities, rule, accuracies(others)))


def accuracies(scores: Scores) -> np.ndarray:
    """Accuracy [M] of each model, the mean over folds: W_i of equation 3.2, from cross-validation."""
    return np.array([fold_accuracy(one, scores.clips, scores.truth) for one in scores.probabilities])


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
        return fuse(scores.of(self.models).probabilities, self.rule, self.weights)


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
                probabilities = fuse(scores.probabilities[list(members)], rule, weights[list(members)])
                accuracy = fold_accuracy(probabilities, scores.clips, scores.truth)
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


def cross_fitted_choice(scores: Scores, rules: Sequence[str], most: int, search: str) -> np.ndarray:
    """Probabilities [N,K] of the clips that the choice is made on: each fold's by the choice without it.

    Their accuracy lacks the optimism of `Chosen.accuracy`.
    """
    return out_of_fold(scores, lambda others, fold: choose(others, rules, most, search).predict(fold))
