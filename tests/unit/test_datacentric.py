"""Data-centric study: what is found in images, what cleaning drops, what sampling leaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.cbook import boxplot_stats

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import (
    cleaning,
    comparison,
    label_errors,
    quality,
    sampling,
    sheets,
    training,
)
from ferflow.datasets import duplicates
from ferflow.datasets.fer2013 import USAGES
from ferflow.datasets.image_sets import read_stills
from ferflow.datasets.images import ImageSet, assemble, read_pixels, write_pixels
from ferflow.errors import InputError, SettingError
from ferflow.evaluation.results import LEAKY
from ferflow.report import papers, reference, style
from ferflow.settings import Evaluation
from ferflow.training import images as fitting

FER2013 = Path(__file__).resolve().parents[3] / "shared/data/fer2013_images.tar.gz"
COUNTS = (20, 8, 14, 30, 22, 16, 24)
"""Training images per class of the made-up set; each test part has a fifth of them."""


def smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    """Images uint8 [n,48,48] of a few low waves, as different from one another as faces are."""
    import cv2

    coarse = rng.integers(0, 256, (n, 7, 7)).astype(np.uint8)
    return np.stack([cv2.resize(image, (48, 48), interpolation=cv2.INTER_CUBIC) for image in coarse])


def image_set(pixels: np.ndarray, emotions: list[str], splits: list[str]) -> ImageSet:
    columns = {
        "clip_id": [f"i{k:04d}" for k in range(len(pixels))],
        "emotion": emotions,
        "split": splits,
        "source": "made up",
    }
    return assemble("fer2013", "made-up", pixels, columns)


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    """No copies; every class in every part."""
    rng = np.random.default_rng(3)
    emotions, splits = [], []
    for split, share in zip(USAGES, (1, 5, 5), strict=True):
        for emotion, n in zip(EMOTIONS_NEUTRAL, COUNTS, strict=True):
            emotions += [emotion] * (n // share)
            splits += [split] * (n // share)
    return image_set(smooth(rng, len(emotions)), emotions, splits)


@pytest.fixture(scope="module")
def flawed() -> ImageSet:
    """Ten images: 0–2 copies of one photograph in all parts, 3–4 copies with different labels, 5 black,
    6 a near copy of the test image 7, 8 and 9 unlike any other."""
    rng = np.random.default_rng(5)
    one, two, near, other, last = smooth(rng, 5)
    noisy = np.clip(near.astype(int) + rng.integers(-6, 7, near.shape), 0, 255).astype(np.uint8)
    pixels = np.stack([one, one, one, two, two, np.zeros((48, 48), np.uint8), noisy, near, other, last])
    emotions = ["sad", "sad", "sad", "fear", "happy", "angry", "angry", "angry", "sad", "happy"]
    parts = ["Training", "PublicTest", "PrivateTest", "Training", "Training"]
    return image_set(pixels, emotions, [*parts, "Training", "Training", "PublicTest", "Training", "Training"])


def test_copies_are_grouped_by_their_first_row(flawed):
    group = duplicates.by_content(flawed.pixels)
    assert group.tolist() == [0, 0, 0, 3, 3, 5, 6, 7, 8, 9]
    assert duplicates.sizes(group).tolist() == [3, 3, 3, 2, 2, 1, 1, 1, 1, 1]
    assert duplicates.kinds(group, flawed.labels).tolist() == [1, 1, 1, 2, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("labels, pairs", [("aab", 4), ("abc", 6), ("aaa", 0), ("aabb", 8)])
def test_ordered_conflicting_pairs(labels, pairs):
    table = pd.DataFrame({"group": 0, "emotion": list(labels)})
    assert cleaning.ordered_conflicts(table) == pairs


def test_the_hash_forgives_brightness_and_noise_but_not_another_image(faces):
    rng = np.random.default_rng(0)
    some = faces.pixels[:50]
    changed = np.clip(some * 0.8 + 20 + rng.normal(0, 4, some.shape), 0, 255).astype(np.uint8)
    values, others = duplicates.hashes(some), duplicates.hashes(changed)
    assert np.bitwise_count(values).tolist() == [32] * 50
    assert np.median(np.bitwise_count(values ^ others)) <= 4
    assert np.bitwise_count(values ^ others).max() <= 12
    assert np.bitwise_count(values[:25] ^ values[25:]).min() > 12
    colour = np.repeat(some[..., None], 3, axis=-1)
    assert (np.bitwise_count(duplicates.hashes(colour) ^ values) <= 2).all()


def test_all_close_pairs_are_found_across_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2**12, 40).astype(np.uint64)
    monkeypatch.setattr(duplicates, "BLOCK", 7)
    found = duplicates.close_pairs(values, 3)
    plain = [
        (i, j, (int(values[i]) ^ int(values[j])).bit_count())
        for i in range(40)
        for j in range(i + 1, 40)
        if (int(values[i]) ^ int(values[j])).bit_count() <= 3
    ]
    assert len(plain) > 20 and list(zip(*(column.tolist() for column in found), strict=True)) == plain


def test_a_chain_is_one_group_whose_width_is_shown():
    values = np.array([0b0, 0b11, 0b1111, 0xFF00], np.uint64)
    pairs = duplicates.close_pairs(values, 2)
    group = duplicates.components(4, pairs)
    assert group.tolist() == [0, 0, 0, 3]
    assert duplicates.widest(values, group).tolist() == [4, 4, 4, 0]
    assert duplicates.nearest(4, pairs).tolist() == [2, 2, 2, -1]


def test_tables_of_copies_and_near_copies(flawed, tmp_path):
    exact = quality.exact_duplicates(flawed)
    near, distances = quality.near_duplicates(flawed, 6)
    assert exact["group"].tolist() == [1, 1, 1, 2, 2]
    assert exact["n_splits"].tolist() == [3, 3, 3, 1, 1] and exact["n_emotions"].tolist() == [1, 1, 1, 2, 2]
    assert near["clip_id"].tolist() == ["i0006", "i0007"] and near["n_contents"].tolist() == [2, 2]
    assert 0 <= near["nearest"].iat[0] == near["widest"].iat[0] <= 6
    copies = distances[distances["kind"] == "exact copies"].iloc[0]
    assert copies["pairs"] == 4 and copies["conflicting_share"] == 0.25
    for name, table in (("exact", exact), ("near", near)):
        tables.write(table, tmp_path / f"{name}.csv", "duplicates")
        assert len(tables.read(tmp_path / f"{name}.csv", "duplicates")) == len(table)
    tables.write(distances, tmp_path / "distances.csv", "near_distances")
    together = duplicates.photographs(flawed.table["clip_id"], exact, near)
    assert together.tolist() == [0, 0, 0, 1, 1, 2, 3, 3, 4, 5]


def test_nearly_constant_images(flawed):
    found = quality.constant_images(flawed, 10)
    assert found["clip_id"].tolist() == ["i0005"] and found["deviation"].tolist() == [0]
    assert quality.constant_images(flawed, 0.5).equals(found)


def test_outliers_are_those_of_a_box_plot(faces):
    means = quality.pixel_means(faces)
    rng = np.random.default_rng(2)
    means["mean"] = (128 + rng.standard_t(2, len(means)) * 5).clip(0, 255)
    box = quality.boxes(means, 1.5)
    found = quality.outliers(means, box)
    assert len(found) > 5 and set(found["side"]) == {"darker", "brighter"}
    for emotion in EMOTIONS_NEUTRAL:
        values = means.loc[means["emotion"] == emotion, "mean"].to_numpy()
        fliers = boxplot_stats(values, whis=1.5)[0]["fliers"]
        mine = found.loc[found["emotion"] == emotion, "mean"].to_numpy()
        assert sorted(mine) == pytest.approx(sorted(fliers))
    assert found["excess"].is_monotonic_decreasing and (found["excess"] > 0).all()


@pytest.fixture
def found(flawed) -> cleaning.Flaws:
    means = quality.pixel_means(flawed)
    doubted = flawed.table.iloc[[2, 8, 9]][["clip_id", "emotion", "split"]].assign(margin=[0.9, 0.65, 0.64])
    return cleaning.Flaws(
        quality.exact_duplicates(flawed),
        quality.near_duplicates(flawed, 6)[0],
        quality.constant_images(flawed, 10),
        means.iloc[[9]],
        doubted,
        0.65,
    )


def test_the_cleaned_split_names_the_first_rule(flawed, found, tmp_path):
    rules = ["constant", "conflict", "duplicate", "near_duplicate", "label_error"]
    cleaned, steps = cleaning.clean(flawed.table, found, rules, ["outlier", "label_error"])
    wanted = ["duplicate", "duplicate", "", "conflict", "conflict", "constant", "near_duplicate", ""]
    assert cleaned["rule"].tolist() == [*wanted, "label_error", ""]  # the test image 2 stays, though doubted
    assert cleaned["decision"].eq("keep").tolist() == [rule == "" for rule in cleaned["rule"]]
    assert steps["rule"].tolist() == [*rules, "outlier"]
    assert steps["dropped_training"].tolist() == [1, 2, 1, 1, 1, 0]
    assert steps["dropped_test"].tolist() == [0, 0, 1, 0, 0, 0]
    assert steps["left_training"].tolist() == [6, 4, 3, 2, 1, 1] and steps["left_test"].iat[-1] == 2
    assert steps["named"].iat[-1] == 1 and steps["note"].iat[-1] == "not applied"
    tables.write(cleaned, tmp_path / "cleaned.csv", "cleaned")
    tables.write(steps, tmp_path / "steps.csv", "cleaning")
    kept = flawed.rows(cleaning.kept(tmp_path / "cleaned.csv", flawed))
    assert kept.table["clip_id"].tolist() == ["i0002", "i0007", "i0009"]
    # The order decides what an image is put down to: the black one has no copy, but could be doubted.
    first, _ = cleaning.clean(flawed.table, found, ["label_error", "conflict"], [])
    assert first["rule"].tolist()[2] == "label_error"


def test_a_cleaned_split_of_other_images_is_refused(flawed, faces, found, tmp_path):
    cleaned, _ = cleaning.clean(flawed.table, found, ["constant"], [])
    tables.write(cleaned, tmp_path / "cleaned.csv", "cleaned")
    with pytest.raises(InputError, match="lacks the image i0010; clean this copy"):
        cleaning.kept(tmp_path / "cleaned.csv", faces)


def test_what_was_found_is_counted(flawed, found, tmp_path):
    table = cleaning.counted(found, flawed.table, cleaning.Thresholds(6, 10, 1.5, "both", 5, 0.5))
    counts = table.set_index(["check", "counted"])["count"].to_dict()
    assert counts["exact copies", "images beyond the first of each group"] == 3
    assert counts["exact copies", "ordered pairs with different labels"] == 2
    assert counts["exact copies", "groups across the official parts"] == 1
    assert counts["near duplicates", "groups across the official parts"] == 1
    assert counts["official split", "training images"] == 7 and counts["nearly constant", "images"] == 1
    assert counts["suspected label errors", "images"] == 3
    assert counts["suspected label errors", "by a wide margin"] == 2
    assert "of 5 images drawn from all; the networks agree with 50.0 % of the labels" in table["rule"].iat[-4]
    tables.write(table, tmp_path / "quality.csv", "data_quality")


def test_a_small_draw_keeps_every_part_and_class(faces):
    drawn = sampling.draw(faces, 60, 1)
    whole, part = (images.table.groupby(["split", "emotion"]).size() for images in (faces, drawn))
    assert (part >= 1).all() and len(part) == len(whole)
    assert (part - whole * 60 / len(faces)).abs().max() <= 1
    assert drawn.table["clip_id"].is_monotonic_increasing
    again, other = (sampling.draw(faces, 60, seed).table for seed in (1, 2))
    assert again.equals(drawn.table) and not other.equals(drawn.table)
    with pytest.raises(SettingError, match=r"datacentric\.images: is 999"):
        sampling.draw(faces, 999, 1)


def test_copies_share_a_fold_and_nobody_learns_from_its_own_or_a_test_image(
    faces, small_settings, monkeypatch
):
    photographs = np.arange(len(faces)) // 3
    folds = label_errors.assign_folds(faces, photographs, 4, 20)
    assert set(folds) == {0, 1, 2, 3} and pd.Series(folds).groupby(photographs).nunique().max() == 1
    assert np.bincount(folds).min() > len(faces) / 5

    learned: list[fitting.Labelled] = []

    def fit_images(network, items, *_, **__):
        learned.append(items)
        return pd.DataFrame({"epoch": [1]})

    monkeypatch.setattr(fitting, "fit_images", fit_images)
    recipe = small_settings({"kind": "images"}).datacentric.label_errors.recipe.model_copy(
        update={"network": "vit"}
    )
    _, rows = training.train_fold(faces, folds, 2, recipe, 20)
    assert rows["clip_id"].tolist() == faces.table["clip_id"][folds == 2].tolist()
    wanted = (folds != 2) & (faces.table["split"] == "Training").to_numpy()
    assert np.array_equal(learned[0].images, faces.pixels[wanted])
    assert np.array_equal(learned[0].labels, faces.labels[wanted])


def test_planted_label_errors_come_first(faces):
    rng = np.random.default_rng(4)
    true = faces.labels.copy()
    shares = rng.dirichlet(np.full(7, 0.3), len(faces)) * 0.2
    shares[np.arange(len(faces)), true] += 0.8
    table = faces.table.copy()
    wrong = rng.choice(len(faces), 8, replace=False)
    table.loc[wrong, "emotion"] = [EMOTIONS_NEUTRAL[(true[k] + 3) % 7] for k in wrong]
    mislabelled = ImageSet("fer2013", "made-up", table, faces.pixels)
    judged = table[["clip_id"]].assign(**{f"p_{e}": shares[:, k] for k, e in enumerate(EMOTIONS_NEUTRAL)})
    judged = judged.sample(frac=1, random_state=0)  # the order of the folds is not that of the images
    suspects = label_errors.suspects(judged, mislabelled, "prune_by_noise_rate")
    # How many it names it estimates; those it names are planted.
    assert len(suspects) >= 4 and set(suspects["clip_id"]) <= set(table["clip_id"].iloc[wrong])
    row = suspects.iloc[0]
    place = int(np.flatnonzero(table["clip_id"] == row["clip_id"])[0])
    assert row["suggested"] == EMOTIONS_NEUTRAL[true[place]] and row["p_given"] < 0.2 < row["p_suggested"]
    assert suspects["rank"].tolist() == list(range(1, len(suspects) + 1))


def test_labels_that_their_copies_outvote():
    groups = [(1, "a", "sad"), (1, "b", "sad"), (1, "c", "fear"), (2, "d", "sad"), (2, "e", "happy")]
    table = pd.DataFrame(groups, columns=["group", "clip_id", "emotion"]).assign(n_emotions=2)
    more = pd.DataFrame([(1, "f", "sad")] * 2, columns=table.columns[:3]).assign(n_emotions=1)
    assert label_errors.outvoted(table, more) == {"c"}  # one against one decides nothing


def sides(faces, way, protocol, photographs=None):
    alone = np.arange(len(faces)) if photographs is None else photographs
    return sampling.sides(faces, alone, way, protocol, 3, 20)


def test_before_the_split_copies_stand_on_both_sides(faces):
    alone = np.arange(len(faces))
    training, test = sides(faces, "oversampling", "published")
    most = max(np.bincount(faces.labels))
    share = (faces.table["split"] != "Training").mean()
    assert len(training.labels) + len(test.labels) == 7 * most
    assert len(test.labels) == pytest.approx(share * 7 * most, abs=1)
    assert np.ptp(np.bincount(test.labels)) <= 1
    assert all((faces.pixels[test.parents[:, 0]] == test.pixels).ravel())
    related = sampling.related(test, training, alone)
    assert 0.3 < related.mean() < 1
    seen = {image.tobytes() for image in training.pixels}
    assert related.tolist() == [image.tobytes() in seen for image in test.pixels]


def test_after_the_split_the_test_side_is_the_official_one_and_unrelated(faces):
    photographs = np.arange(len(faces))
    photographs[5] = photographs[-1]  # a training image that is a copy of a test image
    for way in ("none", "class_weights", "oversampling", "smote"):
        training, test = sides(faces, way, "honest", photographs)
        official = faces.table["split"].ne("Training").to_numpy()
        assert np.array_equal(test.pixels, faces.pixels[official]) and not test.made.any()
        assert not sampling.related(test, training, photographs).any()
        assert 5 not in training.parents
        counts = np.bincount(training.labels)
        grown = way in sampling.RESAMPLED
        assert counts.tolist() == ([30] * 7 if grown else [19, *COUNTS[1:]])
        assert training.made.sum() == (7 * 30 - 133 if grown else 0)


def test_without_resampling_before_the_split_means_a_random_division(faces):
    for way in ("none", "class_weights"):
        training, test = sides(faces, way, "published")
        assert len(training.labels) + len(test.labels) == len(faces) and not training.made.any()
        assert len(test.labels) == (faces.table["split"] != "Training").sum()
        assert not np.isin(test.parents[:, 0], training.parents[:, 0]).any()
        assert set(faces.table["split"].to_numpy()[test.parents[:, 0]]) == set(USAGES)


def test_smote_lies_between_two_images_of_its_class(faces):
    everything = sampling.original(faces, np.arange(len(faces)))
    grown = sampling.resample(everything, "smote", 3, 7)
    made = np.flatnonzero(grown.made)
    assert len(made) == len(grown.labels) - len(faces) > 50
    for k in made:
        first, second = (faces.pixels[row].astype(float).ravel() for row in grown.parents[k])
        assert set(faces.labels[grown.parents[k]]) == {grown.labels[k]}
        image, way = grown.pixels[k].astype(float).ravel(), second - first
        share = (image - first) @ way / (way @ way)
        assert -0.01 <= share <= 1.01
        assert np.abs(first + share * way - image).max() <= 1.01  # rounded to whole grey levels
    again = sampling.resample(everything, "smote", 3, 7)
    assert np.array_equal(again.pixels, grown.pixels)


def test_smote_needs_more_images_than_neighbours(faces):
    few = sampling.original(faces, np.flatnonzero(faces.table["split"] == "PublicTest"))
    with pytest.raises(
        SettingError, match="SMOTE looks for 3 neighbours, but disgust has 1 images; lower it"
    ):
        sampling.resample(few, "smote", 3, 7)


def test_a_row_of_the_comparison_repeats_and_names_its_photographs(faces, small_settings, tmp_path):
    overrides = {
        "kind": "images",
        "datacentric": {"recipe": {"epochs": 2, "batch": 32, "precision": "float32"}},
    }
    recipe = small_settings(overrides).datacentric.recipe
    photographs = np.arange(len(faces))
    for name in ("one", "two"):
        history, predicted, facts = training.train_row(
            faces, photographs, "vit", "oversampling", "published", recipe, 3, 20
        )
        tables.write(predicted, tmp_path / f"{name}.csv", "predictions")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    tables.write(facts, tmp_path / "sides.csv", "sampling_sides")
    assert len(history) == 2 and predicted["clip_id"].is_unique
    assert set(predicted["model"]) == {"vit+oversampling"} and set(predicted["protocol"]) == {"published"}
    copies = predicted[predicted["clip_id"].str.contains("+", regex=False)]
    assert len(copies) == facts["made_test"].iat[0] > 0
    assert (copies["clip_id"].str.split("+").str[0] == copies["subject_id"]).all()


def test_class_weights_belong_to_their_sampling_alone(faces, small_settings, monkeypatch):
    weighted = []

    def fit_images(network, items, validation, recipe, *_, **__):
        weighted.append(recipe.class_weights)
        return pd.DataFrame({"epoch": [1]})

    monkeypatch.setattr(fitting, "fit_images", fit_images)
    recipe = small_settings({"kind": "images", "spatial": {"class_weights": True}}).datacentric.recipe
    # Of a small draw the numbers of the photographs have gaps; the first four images are one photograph.
    photographs = 5 * np.maximum(np.arange(len(faces)), 3) + 1000
    for way in ("none", "class_weights"):
        _, predicted, _ = training.train_row(faces, photographs, "vit", way, "published", recipe, 3, 20)
        named = dict(zip(predicted["clip_id"], predicted["subject_id"], strict=True))
        assert {named.pop(f"i{k:04d}", "i0000") for k in range(4)} == {"i0000"}
        assert named and all(clip == photograph for clip, photograph in named.items())
    assert weighted == [False, True]


def test_cleaning_takes_training_images_away_and_no_test_image(faces):
    alone = np.arange(len(faces))
    kept = alone % 4 > 0
    training, test = sampling.sides(faces, alone, "none", "cleaned", 3, 20, kept)
    official = faces.table["split"].eq("Training").to_numpy()
    assert training.parents[:, 0].tolist() == alone[official & kept].tolist()
    assert test.parents[:, 0].tolist() == alone[~official].tolist()


def made_up_predictions(sampling: str, protocol: str, n: int, right: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 7
    said = np.where(rng.random(n) < right, truth, (truth + 1) % 7)
    names = np.asarray(EMOTIONS_NEUTRAL, object)
    clips = [f"c{k}" for k in range(n)]
    return pd.DataFrame(
        {"clip_id": clips, "subject_id": [f"s{k // 4}" for k in range(n)], "emotion": names[truth]}
    ).assign(predicted=names[said], model=training.model_name("vit", sampling), protocol=protocol)


@pytest.fixture(scope="module")
def compared() -> pd.DataFrame:
    predictions, facts = [], []
    for way, published in (("none", 0.6), ("smote", 0.9)):
        for protocol, right, n in (("published", published, 700), ("honest", 0.5, 420)):
            predictions.append(made_up_predictions(way, protocol, n, right, len(facts)))
            facts.append(("vit", way, protocol, 9, 100, n, 0, 0, 0, right / 2, False))
    columns = tables.schema("sampling_sides").names
    settings = Evaluation(bootstrap=400, confidence=0.95, by=[], controls=False)
    rows = [("vit", "none"), ("vit", "smote")]
    side = pd.DataFrame(facts, columns=columns)
    return comparison.compare(rows, pd.concat(predictions), side, settings, 20)


def test_both_protocols_stand_in_one_table_with_their_difference(compared, tmp_path):
    assert len(compared) == 2 * len(comparison.METRICS)
    row = compared[(compared["sampling"] == "smote") & (compared["metric"] == "accuracy")].iloc[0]
    assert row["published"] == pytest.approx(0.9, abs=0.04) and row["honest"] == pytest.approx(0.5, abs=0.06)
    assert row["difference"] == pytest.approx(100 * (row["published"] - row["honest"]))
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    # Independent sides: the difference is as uncertain as both together.
    widths = [row[f"{name}_high"] - row[f"{name}_low"] for name in ("published", "honest")]
    assert row["difference_high"] - row["difference_low"] == pytest.approx(100 * np.hypot(*widths), rel=0.15)
    assert row["related_published"] == 0.45 and row["test_honest"] == 420
    tables.write(compared, tmp_path / "sampling.csv", "sampling")
    assert LEAKY in compared["note"].iat[0]


def test_cleaned_and_official_training_are_compared_on_the_same_draws(tmp_path):
    same = made_up_predictions("none", "honest", 420, 0.5, 1)
    better = same.assign(protocol="cleaned")
    mended = np.flatnonzero(better["predicted"] != better["emotion"])[:42]
    better.loc[mended, "predicted"] = better.loc[mended, "emotion"]
    columns = tables.schema("sampling_sides").names
    facts = [
        ("vit", "none", p, 9, n, 420, 0, 0, 0, 0.0, False) for p, n in (("honest", 100), ("cleaned", 90))
    ]
    settings = Evaluation(bootstrap=400, confidence=0.95, by=[], controls=False)
    side = pd.DataFrame(facts, columns=columns)
    table = comparison.cleaned([("vit", "none")], pd.concat([same, better]), side, settings, 20)
    row = table[table["metric"] == "accuracy"].iloc[0]
    assert row["difference"] == pytest.approx(10) and row["difference_low"] > 4
    # Drawn independently, the interval would be about twice as wide.
    assert row["difference_high"] - row["difference_low"] < 100 * (row["cleaned_high"] - row["cleaned_low"])
    assert (row["training_official"], row["training_cleaned"], row["n_test"]) == (100, 90, 420)
    tables.write(table, tmp_path / "cleaned_training.csv", "cleaned_training")


def test_every_published_number_stands_beside_ours_or_a_reason(compared, tmp_path):
    counts = [
        ("official split", "training images", 28709),
        ("official split", "test images", 7178),
        ("exact copies", "images beyond the first of each group", 1853),
        ("exact copies", "ordered pairs with different labels", 280),
    ]
    columns = ["check", "counted", "count"]
    found = pd.DataFrame(counts, columns=columns).assign(rule="", synthetic=False)
    for sampled in (compared, None):
        given = {"data_quality": found} | ({} if sampled is None else {"sampling": sampled})
        table = reference.compare("datacentric", papers.StudyResults(given, {}))
        items = papers.published("datacentric")[["table", "item"]].apply(tuple, axis=1)
        assert set(table[["table", "item"]].apply(tuple, axis=1)) == set(items)
        assert ((table["note"] != "") | table["ours"].notna()).all()
        tables.write(table, tmp_path / "datacentric.csv", "reference")
        ours = table.set_index("item")
        assert ours.loc["train", "ours"] == 28709 and ours.loc["train", "note"] == ""
        assert ours.loc["exact duplicates", "ours"] == 1853
        assert "differs" in ours.loc["duplicates with non-matching emotions", "note"]
        quoted = table.loc[table["table"] == "related work", "note"]
        assert quoted.str.startswith("another team's network, not rebuilt here").sum() == 11
        best = table[table["item"] == "best single network"]
        if sampled is None:
            assert best["note"].str.contains("not run").all()
        else:
            assert best["protocol"].tolist() == [LEAKY, "honest"]
            assert best["ours"].iat[0] > 0.85 and best["ours"].iat[1] < 0.6


def test_unpacked_images_must_be_those_of_the_manifest(faces, flawed, tmp_path):
    for name, images in (("faces", faces), ("flawed", flawed)):
        write_pixels(images, tmp_path / f"{name}.h5")
        images.write_manifest(tmp_path / f"{name}.csv")
    back = read_pixels(tmp_path / "faces.h5", tmp_path / "faces.csv")
    assert np.array_equal(back.pixels, faces.pixels) and np.array_equal(back.labels, faces.labels)
    with pytest.raises(InputError, match="does not hold the images of"):
        read_pixels(tmp_path / "faces.h5", tmp_path / "flawed.csv")
    (tmp_path / "faces.h5").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"faces\.h5: is "):
        read_pixels(tmp_path / "faces.h5", tmp_path / "faces.csv")


def test_a_sheet_names_its_images_and_is_the_same_every_time(flawed, tmp_path):
    exact = quality.exact_duplicates(flawed)
    with style.style():
        for name in ("one", "two"):
            drawn = sheets.duplicates(flawed, exact[exact["n_emotions"] > 1], 60, "Conflicts", "")
            style.save(drawn, tmp_path / f"{name}.svg", "Conflicts")
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    assert "i0003" in text and "fear × 1" in text and "happy × 1" in text and "i0000" not in text


@pytest.fixture(scope="module")
def fer2013() -> ImageSet:
    if not FER2013.exists():
        pytest.skip(f"needs the real FER2013, which is not at {FER2013}")
    return read_stills(FER2013)


def test_fer2013_has_the_papers_duplicates(fer2013):
    exact = quality.exact_duplicates(fer2013)
    groups = exact["group"].nunique()
    assert len(exact) - groups == 1853 and groups == 1516
    conflicts = exact[exact["n_emotions"] > 1]
    assert conflicts["group"].nunique() == 57 and len(conflicts) == 160
    assert cleaning.ordered_conflicts(exact) == 282
    assert exact.loc[exact["n_splits"] > 1, "group"].nunique() == 557
    assert len(quality.constant_images(fer2013, 10)) == 12
    assert sampling.is_test(fer2013).sum() == 7178


def test_fer2013_has_near_duplicates_that_mostly_agree(fer2013):
    near, distances = quality.near_duplicates(fer2013, 6)
    assert near["group"].nunique() == 934 and len(near) == 2606
    share = distances.set_index(["kind", "distance"])["conflicting_share"]
    assert share["near duplicates", 6] < 0.2 < share["beyond the threshold", 8] < 0.3
    assert share["beyond the threshold", 12] > 0.6


def test_the_best_row_is_taken_from_both_comparisons(compared, tmp_path):
    """The rows of variants and of samplings come in two files, each counted from 0."""
    variants = compared[compared["sampling"] == "none"].assign(network="cnn_lstm", published=0.95)
    counted = [
        ("official split", "training images", 28709),
        ("official split", "test images", 7178),
        ("exact copies", "images beyond the first of each group", 1853),
        ("exact copies", "ordered pairs with different labels", 282),
    ]
    columns = tables.schema("data_quality").names
    found = pd.DataFrame(counted, columns=["check", "counted", "count"]).assign(rule="x", synthetic=False)
    files = {"data_quality": found.reindex(columns=columns), "variants": variants, "sampling": compared}
    for name, frame in files.items():
        tables.write(frame, tmp_path / f"{name}.csv", "sampling" if name != "data_quality" else name)
    csvs = [tmp_path / f"{name}.csv" for name in files]
    sources = ["data_quality", "sampling", "sampling"]
    reference.write("datacentric", sources, csvs, "fer2013", tmp_path / "datacentric.csv")
    best = tables.read(tmp_path / "datacentric.csv", "reference").set_index("item").loc["best single network"]
    assert best["ours"].iat[0] == 0.95 and best["model"].iat[0].startswith("CNN")
    assert best["note"].iat[0].count("best of 3 rows") == 1
