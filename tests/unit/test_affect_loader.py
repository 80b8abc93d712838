"""Batches of AffectNet: the same for any number of threads, resumed exactly, augmented as the paper says."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from affect_study import small_set

from ferflow.datasets.affectnet import write_manifest
from ferflow.errors import InputError, SettingError
from ferflow.prefetch import ordered_map
from ferflow.settings.affect import AffectAugment
from ferflow.training.image_files import Batches, ImageList, draw, place

AUGMENT = AffectAugment(rotation=10, zoom=0.2, brightness=(0.8, 1.2))


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("affect-loader")
    root = small_set(folder / "set")
    write_manifest(root, folder / "manifest.csv", folder / "counts.csv", 32)
    return ImageList.read(folder / "manifest.csv")


def batches(listed, workers=2, augment=AUGMENT, shuffle=True, part="train", batch=4, seed=5):
    return Batches(listed, part, 24, batch, augment, seed, workers, shuffle)


def same(one, other):
    assert len(one) == len(other)
    return all(torch.equal(a, b) for left, right in zip(one, other, strict=True)
               for a, b in zip(left, right, strict=True))  # fmt: skip


def test_a_batch_has_the_types_that_the_network_takes(listed):
    made = next(iter(batches(listed)))
    assert made.images.shape == (4, 3, 24, 24) and made.images.dtype == torch.uint8
    assert made.labels.shape == (4,) and made.labels.dtype == torch.int64
    assert made.valence_arousal.shape == (4, 2) and made.valence_arousal.dtype == torch.float32
    assert made.known.shape == (4, 2) and made.known.dtype == torch.bool


def test_labels_and_values_are_those_of_the_images_in_the_manifests_order(listed):
    made = list(batches(listed, augment=None, shuffle=False))
    assert torch.cat([b.labels for b in made]).tolist() == [k % 8 for k in range(21)]
    values, known = (torch.cat([getattr(b, name) for b in made]) for name in ("valence_arousal", "known"))
    np.testing.assert_allclose(values[:, 0], [round(k / 21, 3) for k in range(21)], atol=1e-6)
    assert known[:, 1].tolist() == [k % 5 != 0 for k in range(21)] and bool(known[:, 0].all())
    assert (values[:, 1][~known[:, 1]] == 0).all()
    # The blue channel, third in RGB, tells the images apart.
    blue = torch.cat([b.images for b in made])[:, 2].float().mean((1, 2))
    np.testing.assert_allclose(blue, [10 * k for k in range(21)], atol=8)


def test_the_order_and_the_augmentation_do_not_depend_on_the_number_of_threads(listed):
    one, four = list(batches(listed, 1)), list(batches(listed, 4))
    assert same(one, four)
    assert not same(one, list(batches(listed, 1, seed=6)))


def test_epochs_differ_and_each_has_every_image_once(listed):
    given = batches(listed, augment=None)
    first, second = list(given), list(given)
    assert not same(first, second)
    for epoch in (first, second):
        blue = torch.cat([b.images for b in epoch])[:, 2].float().mean((1, 2))
        np.testing.assert_allclose(blue.sort()[0], [10 * k for k in range(21)], atol=8)


def test_training_goes_on_in_the_middle_of_an_epoch_with_the_same_batches(listed):
    given = batches(listed)
    list(given)
    whole = list(given)
    again = batches(listed)
    list(again)
    stopped = iter(again)
    begun = [next(stopped) for _ in range(3)]
    state = again.state()
    assert (state["epoch"], state["batch"]) == (1, 3)
    other = batches(listed, workers=3)
    other.resume(state)
    assert same(begun + list(other), whole)
    assert other.state()["epoch"] == 2 and other.state()["batch"] == 0


def test_what_was_taken_counts_and_not_what_was_made_ahead(listed):
    given = batches(listed, workers=4)
    going = iter(given)
    next(going)
    time.sleep(0.05)
    assert given.state()["batch"] == 1


def test_a_state_of_another_set_seed_or_batch_is_refused(listed):
    state = batches(listed).state()
    for name, value in (("seed", 9), ("images", 4), ("batch_size", 8), ("batch", 99)):
        with pytest.raises(SettingError, match="train anew"):
            batches(listed).resume(state | {name: value})


def test_an_unreadable_image_in_mid_run_is_one_line_that_names_it(tmp_path):
    root = small_set(tmp_path / "set", 12)
    write_manifest(root, tmp_path / "manifest.csv", tmp_path / "counts.csv", 32)
    given = batches(ImageList.read(tmp_path / "manifest.csv"), shuffle=False)
    path = root / "train_set/images/9.jpg"
    whole = path.read_bytes()
    for data, said in (
        (whole[:-2], "cut in the middle"),
        (b"", "not an image"),
        (b"\xff\xd8" * 9, "not an"),
    ):
        path.write_bytes(data)
        going = iter(batches(given.listed, shuffle=False))
        next(going), next(going)
        with pytest.raises(InputError, match=rf"images/9\.jpg: is .*{said}"):
            next(going)
    path.unlink()
    with pytest.raises(InputError, match=r"images/9\.jpg: cannot be opened"):
        list(batches(given.listed, shuffle=False))


def test_a_part_without_images_is_refused(listed):
    from dataclasses import replace

    with pytest.raises(SettingError, match="validation: has no image"):
        batches(replace(listed, parts=np.zeros_like(listed.parts)), part="validation")


def test_draws_lie_in_the_range_of_table_4():
    drawn = draw(AUGMENT, 4000, np.random.default_rng(0))
    for column, (low, high) in enumerate(((-10, 10), (0.8, 1.2), (0.8, 1.2), (0.8, 1.2))):
        values = drawn[:, column]
        assert (
            low <= values.min() < low + 0.02 * (high - low)
            and high - 0.02 * (high - low) < values.max() <= high
        )


def placed(image, drawn, size=32):
    out = np.empty((size, size, 3), np.uint8)
    place(image, size, np.array(drawn, float), out)
    return out


def dot(x, y, size=32):
    image = np.zeros((size, size, 3), np.uint8)
    image[y, x] = (0, 0, 255)
    return image


def test_nothing_drawn_changes_nothing_and_colours_are_rgb():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(placed(image, (0, 1, 1, 1)), image[..., ::-1])
    np.testing.assert_array_equal(placed(image, (360, 1, 1, 1)), image[..., ::-1])


def test_a_quarter_turn_moves_the_corner_to_the_next_and_a_zoom_out_draws_it_in():
    red = placed(dot(31, 0), (90, 1, 1, 1))[..., 0]
    assert np.unravel_index(red.argmax(), red.shape) in {(0, 0), (31, 31)} and red.max() == 255
    red = placed(dot(24, 16), (0, 2, 1, 1))[..., 0]  # twice as much is shown: half as far from the middle
    assert abs(int(red.max(0).argmax()) - 19.75) < 1 and abs(int(red.max(1).argmax()) - 16) < 1


def test_an_affine_that_only_resizes_agrees_with_resizing():
    image = (
        np.linspace(0, 255, 48 * 60, dtype=np.float32)
        .reshape(48, 60)[..., None]
        .repeat(3, 2)
        .astype(np.uint8)
    )
    moved = placed(image, (1e-9, 1, 1, 1), 40).astype(int)
    resized = placed(image, (0, 1, 1, 1), 40).astype(int)
    assert np.abs(moved - resized).mean() < 4


def test_brightness_is_a_factor_and_saturates():
    image = np.full((8, 8, 3), 200, np.uint8)
    assert (placed(image, (0, 1, 1, 0.5), 8) == 100).all() and (placed(image, (0, 1, 1, 1.5), 8) == 255).all()


def test_large_images_are_averaged_not_sampled():
    fine = np.zeros((256, 256, 3), np.uint8)
    fine[::2] = 255
    assert np.abs(placed(fine, (3, 1, 1, 1)).astype(int)[8:24, 8:24] - 127).max() <= 2


def test_no_more_is_made_ahead_than_twice_the_threads():
    made = []
    going = ordered_map(range(100), lambda item: made.append(item) or item, 2)
    assert next(going) == 0
    time.sleep(0.05)
    assert len(made) <= 4
    going.close()
    assert len(made) <= 4
