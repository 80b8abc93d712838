"""How often intervals hold, and models are called different, in simulated studies whose subjects differ.

A subject shows one clip of each class. A model is right with a probability whose logit has an effect of the
subject, normal with a stated standard deviation, so that clips of one subject hang together; its mean over
subjects is the accuracy. Two models have independent effects.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ferflow.evaluation.bootstrap import Spread, draws, interval
from ferflow.evaluation.compare import gains_of, mcnemar, sign_flip
from ferflow.evaluation.metrics import from_confusion
from ferflow.evaluation.results import scale_of

SUBJECTS = (8, 20, 100)
ACCURACIES = (0.6, 0.95)
EFFECTS = (0.3, 0.5, 1.0)
"""Standard deviations of the subjects' effects on the logit."""
CLASSES = 6
CONFIDENCE = 0.95
RESAMPLES = 1000
METRICS = ("accuracy", "f1", "kappa")
GAIN = 0.1
"""The true difference of which the power is told; the better model has the accuracy that is stated."""
MODELS = 4
"""Models of the table in which any difference would be false."""
BLOCK = 20
"""Studies whose resamples are in memory at once."""


def run(n_studies: int, seed: int) -> list[dict[str, float]]:
    """A row for each number of subjects, accuracy and effect; JSON values, shares of `n_studies`.

    `cover_<metric>` and `width_<metric>` are of the interval, with `_percentile` of a plain bootstrap's
    percentiles. `false` and `false_mcnemar` are the share of pairs of equally good models called different,
    `false_table` that of tables of MODELS equally good models with any difference after Holm's correction,
    `power` the share of pairs GAIN apart called different, `cover_difference` that of intervals that hold the
    difference of equally good models.
    """
    rows = []
    for n_subjects in SUBJECTS:
        for accuracy in ACCURACIES:
            for effect in EFFECTS:
                rng = np.random.default_rng([seed, n_subjects, round(100 * accuracy), round(100 * effect)])
                about = {"subjects": n_subjects, "accuracy": accuracy, "effect": effect}
                size = n_studies, n_subjects
                rows.append(
                    about | _coverage(size, accuracy, effect, rng) | _tests(size, accuracy, effect, rng)
                )
    return rows


def right_answers(
    shape: tuple[int, ...], accuracy: float, effect: float, rng: np.random.Generator
) -> np.ndarray:
    """Whether each clip is right, bool [...,U,CLASSES] for `shape` [...,U], with a mean of `accuracy`."""
    from scipy.special import expit

    skill = expit(_mean_logit(accuracy, effect) + effect * rng.standard_normal(shape))
    return rng.random((*shape, CLASSES)) < skill[..., None]


def _mean_logit(accuracy: float, effect: float) -> float:
    """The mean of a normal logit of standard deviation `effect` whose mean probability is `accuracy`."""
    from scipy.optimize import brentq
    from scipy.special import expit

    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return brentq(lambda mean: np.average(expit(mean + effect * nodes), weights=weights) - accuracy, -20, 20)


def _confusions(right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices [...,U,K,K] of the clips `right` [...,U,K], a wrong one any other class."""
    truth = np.arange(CLASSES)
    predicted = (truth + np.where(right, 0, rng.integers(1, CLASSES, right.shape))) % CLASSES
    return (predicted[..., None] == truth).astype(float)


def _coverage(
    size: tuple[int, int], accuracy: float, effect: float, rng: np.random.Generator
) -> dict[str, float]:
    n_subjects = size[1]
    # The metrics of the population; of equally frequent classes with equal errors F1 is the accuracy.
    true = {"accuracy": accuracy, "f1": accuracy, "kappa": (accuracy - 1 / CLASSES) / (1 - 1 / CLASSES)}
    confusions = _confusions(right_answers(size, accuracy, effect, rng), rng)
    plain = rng.multinomial(n_subjects, [1 / n_subjects] * n_subjects, RESAMPLES)
    drawn = draws(n_subjects, RESAMPLES, rng)
    ends: dict[str, list[tuple[float, float]]] = {}
    for study, values, resamples, percentiles in _resampled(confusions, drawn, plain):
        for metric in METRICS:
            spread = Spread(resamples[metric], n_subjects - 1, n_subjects * CLASSES)
            of_study = interval(values[metric][study], spread, CONFIDENCE, scale_of(metric))
            ends.setdefault(metric, []).append(of_study)
            tail = (1 - CONFIDENCE) / 2
            old = tuple(np.quantile(percentiles[metric], [tail, 1 - tail]))
            ends.setdefault(f"{metric}_percentile", []).append(old)
    result = {}
    for name, pairs in ends.items():
        low, high = np.array(pairs).T
        value = true[name.split("_")[0]]
        result[f"cover_{name}"] = float(((low <= value) & (value <= high)).mean())
        result[f"width_{name}"] = float((high - low).mean())
    return result


def _resampled(confusions: np.ndarray, *counts: np.ndarray) -> Iterator[tuple]:
    """Of each study of `confusions` [S,U,K,K]: its place, the metrics [S] of all, those of its resamples."""
    values = from_confusion(confusions.sum(1))
    for start in range(0, len(confusions), BLOCK):
        block = confusions[start : start + BLOCK]
        kinds = [from_confusion(np.einsum("bu,sukl->sbkl", one, block, optimize=True)) for one in counts]
        for place in range(len(block)):
            yield start + place, values, *({m: kind[m][place] for m in METRICS} for kind in kinds)


def _tests(
    size: tuple[int, int], accuracy: float, effect: float, rng: np.random.Generator
) -> dict[str, float]:
    n_studies, n_subjects = size
    units = np.repeat(np.arange(n_subjects), CLASSES)
    equal = [right_answers(size, accuracy, effect, rng).reshape(n_studies, -1) for _ in range(MODELS)]
    worse = right_answers(size, accuracy - GAIN, effect, rng).reshape(n_studies, -1)
    resamples = draws(n_subjects, RESAMPLES, rng)
    counted = dict.fromkeys(("false", "false_mcnemar", "false_table", "power", "cover_difference"), 0)
    for study in range(n_studies):
        right = [model[study] for model in equal]
        pairs = [np.stack([right[a], right[b]]) for a in range(MODELS) for b in range(a)]
        p = [sign_flip(gains_of(pair, units)) for pair in pairs]
        counted["false"] += p[0] < 1 - CONFIDENCE
        # By Holm's correction any differ where the least p, times the number of pairs, is small enough.
        counted["false_table"] += len(p) * min(p) < 1 - CONFIDENCE
        only = pairs[0][0] & ~pairs[0][1], ~pairs[0][0] & pairs[0][1]
        counted["false_mcnemar"] += mcnemar(*(int(one.sum()) for one in only))[0] < 1 - CONFIDENCE
        better = np.stack([right[0], worse[study]])
        counted["power"] += sign_flip(gains_of(better, units)) < 1 - CONFIDENCE
        gains = gains_of(pairs[0], units)
        values = resamples @ gains / (resamples.sum(1) * CLASSES)
        spread = Spread(values, n_subjects - 1, len(units))
        low, high = interval(gains.sum() / len(units), spread, CONFIDENCE, "difference")
        counted["cover_difference"] += low <= 0 <= high
    return {name: float(n) / n_studies for name, n in counted.items()}
