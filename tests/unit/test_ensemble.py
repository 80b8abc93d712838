"""Averages of networks, from arrays and from tables, and which networks to take."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError, SplitError
from ferflow.evaluation.ensemble import Candidate, average, average_tables, choose
from ferflow.evaluation.predictions import table, write

K = len(EMOTIONS_NEUTRAL)


def test_the_average_of_two_by_hand():
    one, two = np.array([[0.6, 0.4], [0.1, 0.9]]), np.array([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(average([one, two]), [[0.4, 0.6], [0.3, 0.7]])


def test_other_shapes_and_none_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        average([])
    with pytest.raises(ValueError, match="different shapes"):
        average([np.ones((2, 7)), np.ones((3, 7))])


def written(path, name, seed, order=slice(None), **changes):
    """A predictions table of four images with random probabilities, its rows in `order`."""
    clips = pd.DataFrame({"clip_id": list("abcd"), "subject_id": "", "emotion": EMOTIONS_NEUTRAL[:4]})
    shares = np.random.default_rng(seed).dirichlet(np.ones(K), size=4)
    rows = table(clips, shares, EMOTIONS_NEUTRAL, name, "test", None, 1).iloc[order].assign(**changes)
    tables.write(rows, path, "predictions")
    return path


def test_tables_are_averaged_image_by_image_whatever_their_order(tmp_path):
    paths = [
        written(tmp_path / "a.csv", "a", 1),
        written(tmp_path / "b.csv", "b", 2, slice(None, None, -1)),
        written(tmp_path / "c.csv", "c", 3),
    ]
    mean = average_tables(paths, EMOTIONS_NEUTRAL, "three")
    columns = [f"p_{emotion}" for emotion in EMOTIONS_NEUTRAL]
    singles = [tables.read(path, "predictions").set_index("clip_id").loc[list("abcd")] for path in paths]
    expected = sum(single[columns].to_numpy() for single in singles) / 3
    np.testing.assert_allclose(mean[columns], expected, atol=1e-6)
    assert mean["predicted"].tolist() == [EMOTIONS_NEUTRAL[k] for k in expected.argmax(1)]
    assert set(mean["model"]) == {"three"} and set(mean["role"]) == {"ensemble"}
    write(mean, tmp_path / "mean.csv")


@pytest.mark.parametrize(
    ("order", "changes", "message"),
    [
        (slice(0, 3), {}, r"b\.csv: lacks image d \(test\) of .*a\.csv"),
        (slice(None), {"clip_id": list("abcZ")}, r"b\.csv: has image Z \(test\), which is not in .*a\.csv"),
        (slice(None), {"emotion": "sad"}, r"b\.csv: image a: emotion is sad, but angry in .*a\.csv"),
        (slice(None), {"protocol": "validation"}, r"b\.csv: lacks image a \(test\) of"),
        (slice(None), {"view": "ten"}, r"b\.csv: lacks image a \(test\) of"),
        (slice(None), {"model": list("bbbx")}, r"b\.csv: holds 2 models \(b, x\)"),
        (slice(None), {f"p_{e}": None for e in EMOTIONS_NEUTRAL}, r"b\.csv: has rows without probabilities"),
    ],
)
def test_tables_of_other_images_are_one_line(tmp_path, order, changes, message):
    paths = [written(tmp_path / "a.csv", "a", 1), written(tmp_path / "b.csv", "b", 2, order, **changes)]
    with pytest.raises(InputError, match=message):
        average_tables(paths, EMOTIONS_NEUTRAL, "both")


def votes(*said: int) -> np.ndarray:
    """Probabilities over three classes, 0.8 for the class that is said."""
    return 0.1 + 0.7 * np.eye(3)[list(said)]


LABELS = np.array([0, 1, 2, 0, 1, 2])
PUBLIC = ["PublicTest"] * 6
CANDIDATES = [
    Candidate("good", votes(0, 1, 2, 0, 0, 0), 100),  # 4 of 6
    # Alone 2 of 6, but sure where the others err and undecided elsewhere.
    Candidate("odd", np.array([[0.34, 0.33, 0.33]] * 4 + [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 100),
    Candidate("large", votes(*LABELS), 1000),
    Candidate("twin", votes(0, 1, 2, 0, 0, 0), 90),
]


def test_the_best_pair_is_found_within_the_budget():
    found = choose(CANDIDATES, LABELS, PUBLIC, most=5, budget=1000)
    # good+odd and twin+odd are both right six times; the twin is smaller. Three would be no better.
    assert found.names == ("odd", "twin")
    assert (found.parameters, found.accuracy) == (190, 1.0)
    assert found.tried == 7  # all sets of good, odd and twin


def test_a_greater_budget_takes_the_large_one_only_where_it_is_better():
    assert choose(CANDIDATES, LABELS, PUBLIC, 5, 2000).names == ("odd", "twin")
    assert choose(CANDIDATES, LABELS, PUBLIC, 1, 2000).names == ("large",)
    assert choose(CANDIDATES, LABELS, PUBLIC, 1, 1000).names == ("twin",)


def test_the_choice_never_sees_the_final_judgement():
    with pytest.raises(SplitError, match="PrivateTest: is for judging"):
        choose(CANDIDATES, LABELS, [*PUBLIC[:5], "PrivateTest"], 5, 1000)
    with pytest.raises(ValueError, match="fewer than 50"):
        choose(CANDIDATES, LABELS, PUBLIC, 5, 50)


def test_the_search_equals_trying_everything_with_float64():
    from itertools import combinations

    rng = np.random.default_rng(4)
    labels = rng.integers(K, size=200)
    candidates = [
        Candidate(str(i), rng.dirichlet(np.ones(K), size=200) + 0.1 * np.eye(K)[labels], 10 + i)
        for i in range(7)
    ]
    best = max(
        float((sum(candidates[i].probabilities for i in chosen).argmax(1) == labels).mean())
        for size in (1, 2, 3)
        for chosen in combinations(range(7), size)
        if sum(candidates[i].parameters for i in chosen) < 45
    )
    found = choose(candidates, labels, ["PublicTest"] * 200, 3, 45)
    assert found.accuracy == best and found.parameters < 45
