"""Which frames of a clip decide: what each of them adds to the logarithm of the answer's probability.

Integrated gradients (Sundararajan et al. 2017) from a clip of the same length in which the face stays
neutral throughout: the gradient with respect to the frame features, averaged along the straight way from
there to the clip, times the way. Of the alternatives, the rise of the probability with each further frame
means nothing to a head that reads a clip from both ends, leaving one frame out changes nothing where its
neighbours show the same, and the plain gradient is small where the answer is settled. These contributions
add up to the rise over the neutral clip, so each frame's share can be told. They are of the log-probability
and not of the answer's own logit, since an answer can win by the others' fall.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ferflow.models.temporal import TemporalHead

AT_ONCE = 4
"""Steps of the way that are computed together: of 100 frames of 25,088 features, 40 MB."""


def logit(head: TemporalHead, features: Tensor, wanted: int) -> Tensor:
    """The logits [N] of class `wanted` of features [N,T,F], all of whose frames are real."""
    return head(features, torch.ones(features.shape[:2], dtype=torch.bool))[:, wanted]


def log_probability(head: TemporalHead, features: Tensor, wanted: int) -> Tensor:
    """The logarithms [N] of the probability of class `wanted` of features [N,T,F]."""
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    return head(features, mask).log_softmax(1)[:, wanted]


def contributions(
    head: TemporalHead, features: np.ndarray, neutral: np.ndarray, wanted: int, steps: int
) -> tuple[np.ndarray, float]:
    """What each frame adds to the log-probability of class `wanted`, float64 [T], and its whole rise.

    `features` [T,F] of the kept frames, `neutral` [F] of the neutral face; `head` is in evaluation mode.
    With enough `steps` the contributions add up to the rise.
    """
    clip = torch.as_tensor(np.asarray(features, np.float32))
    still = torch.as_tensor(np.asarray(neutral, np.float32)).expand_as(clip)
    way = clip - still
    total = torch.zeros(len(clip), dtype=torch.float64)
    shares = (torch.arange(steps) + 0.5) / steps  # the middles of equal parts of the way
    for some in shares.split(AT_ONCE):
        points = (still + some[:, None, None] * way).requires_grad_()
        (gradients,) = torch.autograd.grad(log_probability(head, points, wanted).sum(), points)
        total += (gradients * way).sum(dim=(0, 2)).double()
    with torch.no_grad():
        ends = log_probability(head, torch.stack([clip, still]), wanted)
    return (total / steps).numpy(), float(ends[0] - ends[1])
