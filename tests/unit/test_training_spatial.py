"""Phase 1 on a few generated stills: what is learned, judged, left out, and written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer2013_csv import write_stills
from ferflow import tables
from ferflow.augment import online
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError, WeightsError
from ferflow.models import spatial as networks
from ferflow.settings import Online
from ferflow.training import spatial, stills

# FER2013 counts its classes 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral.
STILL = Online(flip=False, rotation=0, shear=0, shift=0, zoom=0, brightness=(1, 1), erase=0, mixup=0)


@pytest.fixture
def settings(small_settings):
    overrides = {"weights": None, "epochs": 5, "batch": 8, "online": STILL.model_dump(), "threads": 1}
    return small_settings({"spatial": overrides}).spatial


def test_the_spatial_model_learns_and_repeats(tmp_path, settings):
    csv = tmp_path / "fer2013.csv"
    write_stills(csv, {"Training": 12, "PublicTest": 2, "PrivateTest": 4})
    for name in ("one", "two"):
        spatial.write(csv, tmp_path / name, settings, 20, synthetic=True, protocol="honest")
    one, two = tmp_path / "one", tmp_path / "two"
    for name in ("predictions.csv", "history.csv", "model.pt"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    predictions = tables.read(one / "predictions.csv", "predictions")
    assert len(predictions) == 28 and predictions.clip_id.tolist() == [str(k) for k in range(98, 126)]
    assert (predictions.emotion == predictions.predicted).mean() > 0.6  # chance is 1/7
    assert predictions.p_neutral.notna().all() and set(predictions.protocol) == {"test"}
    assert len(tables.read(one / "history.csv", "history")) == 5
    network, description = networks.load(one / "model.pt")
    assert description["classes"] == list(EMOTIONS_NEUTRAL) and description["meta"]["synthetic"] is True
    assert description["meta"]["images"] == {"Training": 84, "PublicTest": 14, "PrivateTest": 28}

    spatial.adopt(one / "model.pt", tmp_path / "adopted", settings)
    again, _ = networks.load(tmp_path / "adopted" / "model.pt")
    assert torch.equal(again.classifier.weight, network.classifier.weight)
    assert len(tables.read(tmp_path / "adopted" / "predictions.csv", "predictions")) == 0
    with pytest.raises(WeightsError, match="holds compact"):
        spatial.adopt(one / "model.pt", tmp_path / "x", settings.model_copy(update={"network": "vgg16"}))


def test_a_missing_part_is_named(tmp_path, settings):
    csv = tmp_path / "fer2013.csv"
    write_stills(csv, {"Training": 1, "PrivateTest": 1})
    with pytest.raises(InputError, match="no image of part PublicTest"):
        spatial.write(csv, tmp_path / "out", settings, 20, synthetic=True, protocol="honest")
    assert not (tmp_path / "out").exists()


def test_copies_of_later_parts_are_left_out():
    images = np.zeros((5, 2, 2), np.uint8)
    images[:, 0, 0] = (1, 2, 1, 3, 2)
    parts = {"Training": np.array([0, 1]), "PublicTest": np.array([2, 3]), "PrivateTest": np.array([4])}
    kept = stills.without_copies(images, parts)
    assert [kept[side].tolist() for side in parts] == [[], [2, 3], [4]]


def test_online_augmentation_moves_what_it_says():
    image = torch.zeros(1, 1, 48, 48)
    image[0, 0, 10, 5] = 1.0
    draw = torch.Generator().manual_seed(0)
    torch.testing.assert_close(online.apply(image, STILL, draw), image, atol=1e-6, rtol=0)
    many = image.expand(400, -1, -1, -1)
    flipped = online.apply(many, STILL.model_copy(update={"flip": True}), draw)
    left, right = flipped[:, 0, 10, 5] > 0.9, flipped[:, 0, 10, 42] > 0.9
    assert (left ^ right).all() and 150 < right.sum() < 250
    shifted = online.apply(many, STILL.model_copy(update={"shift": 0.1}), draw)
    columns = shifted.amax((1, 2)).argmax(1) - 5
    assert columns.abs().max() <= 5 and columns.min() < -3 and columns.max() > 3  # a tenth of 48 pixels
    bright = online.apply(many + 0.5, STILL.model_copy(update={"brightness": (0.5, 1.5)}), draw)
    corner = bright[:, 0, 40, 40]
    assert 0.25 <= corner.min() < 0.3 and 0.7 < corner.max() <= 0.75 and bright.max() <= 1
    turned = online.apply(many, STILL.model_copy(update={"rotation": 10.0}), draw)
    centre = torch.tensor([23.5, 23.5])
    place = torch.stack([(t[0] / t.sum()).sum(1) @ torch.arange(48.0) for t in turned])
    # Turning (row 10, column 5) by up to 10 degrees moves its row by at most sin(10°) × 18.5 and a little.
    assert (place - 10).abs().max() < 3.7 and (place - 10).abs().max() > 2.5
    assert centre[0] > place.max()


def test_erasing_greys_a_third_of_the_sides_of_the_chosen_share():
    white = torch.ones(600, 1, 48, 48)
    erased = online.apply(white, STILL.model_copy(update={"erase": 0.25}), torch.Generator().manual_seed(1))
    holes = erased[:, 0] == 0.5
    assert set(holes.sum((1, 2)).tolist()) == {0, 16 * 16}
    chosen = holes[holes.any((1, 2))]
    assert 0.18 < len(chosen) / 600 < 0.32
    # One block, and every place from the first to the last is drawn.
    tops, lefts = chosen.any(2).int().argmax(1), chosen.any(1).int().argmax(1)
    assert (chosen.any(2).sum(1) == 16).all() and (chosen.any(1).sum(1) == 16).all()
    assert all(place.min() <= 1 and place.max() >= 31 for place in (tops, lefts))


def test_mixup_mixes_labels_as_it_mixes_images():
    labels = torch.arange(7).repeat(30)
    images = labels.float().view(-1, 1, 1, 1).expand(-1, 1, 4, 4) / 7
    mixed, targets = online.mix(images, labels, 7, 0.4, seed=5)
    assert mixed.shape == images.shape and targets.shape == (210, 7)
    torch.testing.assert_close(targets.sum(1), torch.ones(210))
    torch.testing.assert_close(mixed[:, 0, 2, 3], targets @ torch.arange(7.0) / 7)
    own = targets[torch.arange(210), labels]
    assert (own >= 0.5).all() and own.min() < 0.6 and (own < 1).sum() > 100
    again, _ = online.mix(images, labels, 7, 0.4, seed=5)
    assert torch.equal(mixed, again)
