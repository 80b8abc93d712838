"""Intervals hold where subjects are few, and models are called different as seldom as is stated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ferflow.bench import statistics as simulated
from ferflow.bench.report import statistics as figures
from ferflow.evaluation.bootstrap import Spread, draws, interval, weighted_sum
from ferflow.evaluation.compare import gains_of, holm, mcnemar, sign_flip
from ferflow.evaluation.results import few, few_of
from ferflow.report.names import marks_of


def spread(error: float, freedom: float = 7, n: int = 48) -> Spread:
    """A spread of exactly this standard error."""
    return Spread(error * np.array([-1.0, 1.0]) / np.sqrt(2), freedom, n)


def test_the_resamples_have_the_unbiased_standard_error():
    values = np.random.default_rng(0).random(8)
    counts = draws(8, 40_000, np.random.default_rng(1))
    assert (counts @ values / 7).std() == pytest.approx(values.std(ddof=1) / np.sqrt(8), rel=0.02)


@pytest.mark.parametrize(
    ("scale", "low", "value"), [("share", 0, 0.6), ("share", 0, 0.97), ("coefficient", -1, 0.2)]
)
def test_the_ends_of_a_bounded_number_solve_wilsons_equation(scale, low, value):
    """(value - end)² = t² · variance at the end, where the variance is as (end - low)(1 - end)."""
    t, error = stats.t.ppf(0.975, 7), 0.05
    for end in interval(value, spread(error), 0.95, scale):
        variance = error**2 * (end - low) * (1 - end) / ((value - low) * (1 - value))
        assert (value - end) ** 2 == pytest.approx(t**2 * variance) and low < end < 1


def test_sizes_and_differences():
    t = stats.t.ppf(0.975, 7)
    assert interval(0.3, spread(0.03), 0.95, "size") == pytest.approx(
        (0.3 * np.exp(-0.1 * t), 0.3 * np.exp(0.1 * t))
    )
    assert interval(0.1, spread(0.03), 0.95, "difference") == pytest.approx((0.1 - 0.03 * t, 0.1 + 0.03 * t))
    assert interval(0.9, spread(0.3), 0.95, "difference")[1] == 1


def test_a_number_without_spread_has_an_interval_all_the_same():
    t = stats.t.ppf(0.975, 7)
    assert interval(1.0, spread(0), 0.95) == pytest.approx((48 / (48 + t**2), 1))
    assert interval(0.0, spread(0), 0.95)[1] == pytest.approx(t**2 / (48 + t**2))
    assert interval(0.0, spread(0), 0.95, "difference")[1] == pytest.approx(t**2 / (48 + t**2))
    # With hardly anything known, nearly everything is possible; without a second subject, nothing is said.
    low, high = interval(1.0, spread(0, freedom=1, n=2), 0.999)
    assert 0 <= low < 0.01 and high == 1
    assert np.isnan(interval(1.0, spread(0, freedom=0), 0.95)).all()
    assert np.isnan(interval(0.5, Spread(np.full(9, np.nan), 5, 9), 0.95)).all()


def test_a_mean_over_folds_has_welchs_degrees_of_freedom():
    both = weighted_sum([spread(0.1, 4, 30), spread(0.2, 9, 60)], [1, -1])
    a, b = 0.1**2, 0.2**2
    assert both.freedom == pytest.approx((a + b) ** 2 / (a**2 / 4 + b**2 / 9)) and both.n == 90
    assert weighted_sum([spread(0, 4), spread(0, 9)], [0.5, 0.5]).freedom == 13


@pytest.mark.parametrize("seed", range(6))
def test_the_sign_flip_test_is_scipys(seed):
    rng = np.random.default_rng(seed)
    gains = rng.integers(-4, 6, rng.integers(3, 11))
    test = stats.permutation_test([gains], np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(gains) == pytest.approx(min(1, test.pvalue))


def test_the_sign_flip_test_of_single_clips_is_mcnemars():
    rng = np.random.default_rng(3)
    right = rng.random((2, 4000)) < [[0.8], [0.77]]
    only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    assert sign_flip(gains_of(right, np.arange(4000))) == pytest.approx(mcnemar(*only)[0])
    assert sign_flip(np.zeros(5)) == 1 and sign_flip(np.full(8, 3)) == pytest.approx(2 / 2**8)
    assert sign_flip(rng.integers(-6, 9, 20_000)) < 1e-12


def test_intervals_hold_and_differences_are_seldom_false_where_subjects_are_few(monkeypatch):
    """At 8 subjects, where percentiles hold in 85 to 91 % of studies of a nominal 95 %."""
    monkeypatch.setattr(simulated, "SUBJECTS", (8,))
    monkeypatch.setattr(simulated, "EFFECTS", (0.5,))
    monkeypatch.setattr(simulated, "RESAMPLES", 400)
    rows = simulated.run(300, 5)
    assert [row["accuracy"] for row in rows] == [0.6, 0.95]
    for row in rows:
        for metric in simulated.METRICS:
            assert row[f"cover_{metric}"] > 0.93 > row[f"cover_{metric}_percentile"]
        assert row["false"] <= 0.06 and row["false_table"] <= 0.06 and row["cover_difference"] > 0.93
    assert len(figures(rows)) == 12 and all(figure.met is not False for figure in figures(rows))


def test_the_simulated_accuracy_is_what_is_stated():
    for accuracy in simulated.ACCURACIES:
        right = simulated.right_answers((4000,), accuracy, 0.5, np.random.default_rng(1))
        assert right.mean() == pytest.approx(accuracy, abs=0.01)
    # Clips of one subject hang together: subjects differ by more than by chance.
    right = simulated.right_answers((4000,), 0.6, 0.5, np.random.default_rng(1))
    assert right.mean(1).var() > 1.2 * 0.6 * 0.4 / simulated.CLASSES


def test_the_sign_flip_test_finds_what_is_there():
    rng, found = np.random.default_rng(7), 0
    for _ in range(100):
        right = np.stack([simulated.right_answers((20,), p, 0.5, rng).ravel() for p in (0.8, 0.6)])
        found += sign_flip(gains_of(right, np.repeat(np.arange(20), 6))) < 0.05
    assert found > 65


def test_fewer_than_twenty_are_marked():
    assert (
        few(19) == "fewer than 20 subjects"
        and few(20) == few(1) == ""
        and few(3, "annotator")[-10:] == "annotators"
    )
    rows = pd.DataFrame({"clip_id": ["a", "b", "c"], "subject_id": ["f1", "f2", "f3"], "protocol": "spi"})
    assert few_of(rows) == "fewer than 20 films"
    table = pd.DataFrame({"fold": [None, 0], "note": ["", "fewer than 20 subjects"], "synthetic": False})
    assert marks_of(table) == "" and marks_of(table[1:]) == "fewer than 20 subjects"


def test_holm_is_statsmodels():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
