"""A clip's answer from its frames: which of them count, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from ferflow.evaluation.clip_answer import deciding, weighted_mean

NEUTRAL, HAPPY = [0.8, 0.1, 0.1], [0.1, 0.7, 0.2]
"""Probabilities of neutral, happy and sad in a frame at rest and at the peak."""


def frames(n_rest, n_peak):
    return np.array([NEUTRAL] * n_rest + [HAPPY] * n_peak)


def test_a_clip_that_ends_at_its_peak_is_not_neutral():
    shares = frames(14, 6)
    assert shares.mean(axis=0).argmax() == 0  # which the plain mean says
    answer, weights = weighted_mean(shares, 0)
    assert answer.argmax() == 1
    assert answer.sum() == pytest.approx(1) and weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(answer, weights @ shares)
    # Between rest and peak: (1 - 0.1)² to (1 - 0.8)².
    assert weights[-1] / weights[0] == pytest.approx((0.901 / 0.201) ** 2)
    (stretch,) = deciding(weights)
    assert stretch[0] >= 14


def test_a_clip_that_stays_neutral_is_neutral_and_all_its_frames_count():
    answer, weights = weighted_mean(frames(30, 0), 0, np.full(30, 0.2))
    np.testing.assert_allclose(weights, 1 / 30)
    np.testing.assert_allclose(answer, NEUTRAL)
    rng = np.random.default_rng(0)
    neutral = rng.uniform(0.5, 0.9, 60)
    noisy = np.stack([neutral, 0.6 * (1 - neutral), 0.4 * (1 - neutral)], axis=1)
    assert weighted_mean(noisy, 0, rng.uniform(0.1, 0.4, 60))[0].argmax() == 0


def test_a_single_odd_frame_does_not_decide():
    shares = frames(40, 0)
    shares[20] = [0.0, 0.0, 1.0]
    answer, weights = weighted_mean(shares, 0)
    assert answer.argmax() == 0 and weights.max() < 0.1  # alone it would weigh 0.39


def test_frames_without_a_face_weigh_nothing():
    shares = frames(4, 4)
    shares[[0, 7]] = np.nan
    answer, weights = weighted_mean(shares, 0, np.linspace(0, 1, 8))
    assert weights[0] == weights[7] == 0 and np.isfinite(answer).all()
    with pytest.raises(ValueError, match="no frame"):
        weighted_mean(np.full((3, 3), np.nan), 0)


def test_the_au_score_counts_between_the_clip_s_own_ends():
    shares = np.tile([0.5, 0.5], (12, 1))
    shares[6:] = [0.9, 0.1]
    rise = np.array([0.1] * 6 + [1.3] * 6)
    answer, weights = weighted_mean(shares, None, rise)
    # One distance stands for both: LEAST² against (1 + LEAST)².
    assert weights[-1] / weights[0] == pytest.approx((1.2 / 0.2) ** 2)
    assert answer[0] > 0.85
    # The backends' scales differ.
    np.testing.assert_allclose(weighted_mean(shares, None, 2.5 * rise + 0.3)[1], weights)
    np.testing.assert_allclose(weighted_mean(shares, None)[1], 1 / 12)
    assert weighted_mean(shares, 1, rise)[1][-1] > weighted_mean(shares, 1)[1][-1]


def test_deciding_frames_are_the_fewest_with_half_of_the_weight():
    assert deciding(np.array([0.1, 0.3, 0.0, 0.3, 0.2, 0.1])) == [(1, 2), (3, 4)]
    assert deciding(np.full(4, 0.25)) == [(0, 2)]
    assert deciding(np.array([1.0])) == [(0, 1)]
