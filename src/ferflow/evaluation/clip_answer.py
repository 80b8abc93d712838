"""One prediction for a clip from those of a network for single images for its frames.

The plain mean calls a clip that goes from neutral to a peak neutral, since most of its frames are. Here a
frame counts by how far it is from the person's neutral: by 1 - p(neutral), and by where its AU score lies
between the clip's own least and greatest. Both are smoothed over a tenth of the clip, since an expression
lasts and a single odd frame does not decide. Where nothing moves away from neutral, all frames count about
the same, so that a neutral clip stays neutral.
"""

from __future__ import annotations

import numpy as np

SMOOTHED = 0.1
"""Share of the clip's frames over which distances are averaged."""
LEAST = 0.2
"""The factor of the frame with the clip's least AU score; the greatest has 1 + LEAST. In a neutral clip the
score is noise, and must not single frames out."""
FAINT = 1e-3
"""Added to 1 - p(neutral): where all frames are surely neutral, all count the same."""


def weighted_mean(
    probabilities: np.ndarray, neutral: int | None, au_score: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The answer of a clip, float64 [K], and what each frame weighs in it, float64 [T]; both sum to 1.

    `probabilities` [T,K] of the frames, NaN where there is no face; such a frame weighs 0. `neutral` is the
    column of the class neutral, None where the network has none. `au_score` [T] (0-5, in any monotone scale)
    may be None. The weight is the product of the two distances from neutral, of which one stands for both
    where the other is unknown; without either all frames weigh the same. Raises ValueError where no frame has
    probabilities.
    """
    known = np.asarray(probabilities, np.float64)
    there = np.isfinite(known).all(axis=1)
    if not there.any():
        raise ValueError("no frame has probabilities")
    known = known[there]
    distances = []
    if neutral is not None:
        distances.append(_smoothed(1 - known[:, neutral]) + FAINT)
    if au_score is not None and np.isfinite(au_score[there]).all():
        score = _smoothed(au_score[there])
        rise = score - score.min()
        distances.append(rise / max(rise.max(), 1e-9) + LEAST)
    product = distances[0] * distances[-1] if distances else np.ones(len(known))
    weights = np.zeros(len(there))
    weights[there] = product / product.sum()
    return weights[there] @ known, weights


def _smoothed(course: np.ndarray) -> np.ndarray:
    """The running mean of `course` [T] over SMOOTHED of its length; its ends are held on beyond them."""
    width = max(1, round(SMOOTHED * len(course)))
    before = width // 2
    held = np.concatenate([np.repeat(course[:1], before), course, np.repeat(course[-1:], width - 1 - before)])
    return np.convolve(held, np.full(width, 1 / width), "valid")


def deciding(weights: np.ndarray) -> list[tuple[int, int]]:
    """The fewest frames that hold half of a clip's `weights` [T], as stretches begin:end in their order."""
    order = np.argsort(-weights, kind="stable")
    needed = int(np.searchsorted(np.cumsum(weights[order]), 0.5 * weights.sum() - 1e-9)) + 1
    frames = np.sort(order[:needed])
    starts = np.flatnonzero(np.diff(frames, prepend=-2) > 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(frames, starts[1:])]
