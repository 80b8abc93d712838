"""FER2013's CSV: what is read, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets import fer2013
from ferflow.errors import InputError

IMAGES = np.random.default_rng(2).integers(0, 256, (7, 48, 48), np.uint8)
USAGES = ["Training", "Training", "PublicTest", "PrivateTest", "Training", "Training", "Training"]


def write(path, rows, header="emotion,pixels,Usage"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(number: int, pixels: str | None = None, emotion=None, usage=None) -> str:
    pixels = " ".join(map(str, IMAGES[number].ravel())) if pixels is None else pixels
    emotion = number if emotion is None else emotion
    return f"{emotion},{pixels},{usage or USAGES[number]}"


def test_images_labels_and_usage_come_back(tmp_path):
    images, labels, usage = fer2013.read_csv(write(tmp_path / "f.csv", [row(i) for i in range(7)]))
    np.testing.assert_array_equal(images, IMAGES)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    names = [EMOTIONS_NEUTRAL[label] for label in labels]
    assert names == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert usage.tolist() == USAGES


def test_quoted_pixels_other_orders_and_further_columns_are_read(tmp_path):
    pixels = " ".join(map(str, IMAGES[3].ravel()))
    path = write(tmp_path / "f.csv", [f'Training,x,3,"{pixels}"'], "Usage,subject,emotion,pixels")
    images, labels, _ = fer2013.read_csv(path)
    np.testing.assert_array_equal(images[0], IMAGES[3])
    assert labels.tolist() == [3]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (row(1, pixels="1 2 3"), "line 3: 3 pixels, not 2304"),
        (row(1, pixels=" ".join(["256"] * 2304)), "line 3: a pixel is not within 0–255"),
        (row(1, pixels=" ".join(["-1"] * 2304)), "line 3: a pixel is not within 0–255"),
        (row(1, pixels="1 2 x" + " 3" * 2301), "line 3: a pixel is not a whole number"),
        (row(1, pixels="1 2 0.5" + " 3" * 2301), "line 3: a pixel is not a whole number"),
        (row(1, pixels=""), "line 3: 0 pixels"),
        (row(1, emotion=9), "line 3: class '9' is not 0–6"),
        (row(1, emotion=-1), "line 3: class '-1' is not 0–6"),
        (row(1, usage="Test"), "line 3: usage 'Test'"),
        ("1,2", "line 3: 2 columns, not 3"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path, line, problem):
    with pytest.raises(InputError, match=problem) as error:
        fer2013.read_csv(write(tmp_path / "f.csv", [row(0), line]))
    assert "\n" not in str(error.value)


def test_wrong_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        fer2013.read_csv(tmp_path / "none.csv")
    with pytest.raises(InputError, match="lacks the column Usage"):
        fer2013.read_csv(write(tmp_path / "f.csv", [], "emotion,pixels"))
    with pytest.raises(InputError, match="holds no image"):
        fer2013.read_csv(write(tmp_path / "f.csv", []))
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(InputError, match="lacks the column emotion"):
        fer2013.read_csv(tmp_path / "empty.csv")
    (tmp_path / "video.csv").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(InputError, match="not a readable CSV"):
        fer2013.read_csv(tmp_path / "video.csv")
