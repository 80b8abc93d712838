"""The nine offline transformations, against OpenCV's own calls as the thesis prints them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ferflow.augment import offline

RNG = np.random.default_rng(7)
FRAMES = RNG.integers(0, 256, (4, 160, 160, 3), np.uint8)
LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, 3)


def test_the_names_are_the_nine_of_the_listing():
    assert len(offline.NAMES) == 9
    for name in offline.NAMES:
        before = FRAMES.copy()
        out = offline.apply(name, FRAMES, 1, False)
        assert out.shape == FRAMES.shape and out.dtype == np.uint8
        assert (out != FRAMES).any(), name
        np.testing.assert_array_equal(FRAMES, before)  # the input stays as it was
    with pytest.raises(ValueError, match="no transformation zoom"):
        offline.apply("zoom", FRAMES, 1, False)


@pytest.mark.parametrize("listing", [False, True])
def test_flip_blur_and_rotation_are_the_listings_calls(listing):
    turn = {a: cv2.getRotationMatrix2D((80, 80), a, 1.0) for a in (8, -8)}
    for number, frame in enumerate(FRAMES):
        expected = {
            "flip": cv2.flip(frame, 1),
            "blur": cv2.GaussianBlur(frame, (3, 3), 0),
            "rotate_left": cv2.warpAffine(frame, turn[8], (160, 160)),
            "rotate_right": cv2.warpAffine(frame, turn[-8], (160, 160)),
        }
        for name, image in expected.items():
            np.testing.assert_array_equal(offline.apply(name, FRAMES, 1, listing)[number], image)


def test_left_is_counter_clockwise():
    frame = np.zeros((1, 161, 161, 3), np.uint8)
    frame[0, 80, 150] = 255  # right of the centre: turned left, it rises
    for name, sign in (("rotate_left", -1), ("rotate_right", 1)):
        row, column = np.argwhere(offline.apply(name, frame, 0, False)[0, :, :, 0] > 30).mean(0)
        assert row - 80 == pytest.approx(sign * 70 * np.sin(np.radians(8)), abs=1)
        assert column - 80 == pytest.approx(70 * np.cos(np.radians(8)), abs=1)


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [("brighter", 1, 50), ("darker", 1, 20), ("contrast_higher", 2, 0), ("contrast_lower", 1.7, 50)],
)
def test_the_listings_levels_are_convert_scale_abs(name, alpha, beta):
    np.testing.assert_array_equal(
        offline.apply(name, LEVELS, 0, True)[0], cv2.convertScaleAbs(LEVELS[0], alpha=alpha, beta=beta)
    )


def test_corrected_levels_do_what_their_names_say():
    def level(name: str, value: int) -> int:
        return int(offline.apply(name, np.full((1, 2, 2, 3), value, np.uint8), 0, False)[0, 0, 0, 0])

    assert [level("darker", v) for v in (0, 49, 50, 51, 255)] == [0, 0, 0, 1, 205]  # clipped, not mirrored
    assert [level("brighter", v) for v in (0, 200, 255)] == [50, 250, 255]
    assert [level("contrast_lower", v) for v in (0, 100, 255)] == [0, 60, 153]
    assert [level("contrast_higher", v) for v in (0, 100, 200)] == [0, 200, 255]


def test_salt_and_pepper_is_half_a_percent_of_each_in_every_channel():
    grey = np.full((20, 160, 160, 3), 128, np.uint8)
    out = offline.apply("salt_pepper", grey, 5, False)
    for channel in range(3):
        # 128 draws with replacement; pepper falls on salt now and then
        for value in (255, 0):
            share = (out[..., channel] == value).mean()
            assert 0.0048 < share <= 0.005
    assert (out[..., 0] != out[..., 1]).any()
    assert set(np.unique(out)) == {0, 128, 255}
    assert (out == 0).all(2).sum() == 0  # no whole rows
    assert (out[:, -1] != 128).any() and (out[:, :, -1] != 128).any()
    spared = offline.apply("salt_pepper", grey, 5, True)
    assert (spared[:, -1] == 128).all() and (spared[:, :, -1] == 128).all()


def test_noise_is_anew_per_frame_and_the_same_however_a_clip_is_cut():
    grey = np.full((6, 160, 160, 3), 128, np.uint8)
    whole = offline.apply("salt_pepper", grey, 5, False)
    assert all((whole[i] != whole[j]).any() for i in range(6) for j in range(i))
    parts = [offline.apply("salt_pepper", grey[a:b], 5, False, a) for a, b in ((0, 1), (1, 4), (4, 6))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (offline.apply("salt_pepper", grey, 6, False) != whole).any()


def test_a_clips_seed_depends_on_the_study_and_the_clip_alone():
    assert offline.clip_seed(20, "F001_happy") == 1091025789315752871
    seeds = {offline.clip_seed(s, c) for s in (20, 21) for c in ("F001_happy", "F001_sad")}
    assert len(seeds) == 4
    assert offline.clip_seed(20, "F001_happy") == offline.clip_seed(20, "F001_happy")
