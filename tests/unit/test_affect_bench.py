"""The benchmark of AffectNet's loader: a manifest as long as asked, and figures of what was really loaded."""

from __future__ import annotations

import numpy as np
import pytest
from affect_study import small_set

from ferflow.bench import affect_loader as bench
from ferflow.settings.affect import Loading
from ferflow.training.image_files import ImageList

LOADING = Loading(batch=4, size=16, workers=2, augment=None)


@pytest.fixture(scope="module")
def manifest_csv(tmp_path_factory):
    return bench.listed(small_set(tmp_path_factory.mktemp("bench") / "set"), 50_000, 1)


def test_the_manifest_lists_the_same_images_again_and_again(manifest_csv):
    listed = ImageList.read(manifest_csv)
    assert len(listed) == len(listed.rows("train")) == 50_000
    assert listed.counts("train").min() > 4000 and len({listed.source(k) for k in range(500)}) == 21
    held = sum(value.nbytes for value in vars(listed).values() if isinstance(value, np.ndarray))
    assert held / len(listed) < 60


def test_what_the_loader_gives_is_counted_and_nothing_is_made_that_nobody_takes(manifest_csv, monkeypatch):
    found = bench.alone(manifest_csv, LOADING, 1, 5)
    assert found["images"] == 20 and found["seconds"] > 0 and 0.05 < found["peak_gb"] < 20
    made = []
    source = bench.loader(manifest_csv, LOADING, 1)
    monkeypatch.setattr(
        source, "_make", lambda rows, epoch, number: made.append(number) or np.zeros(len(rows))
    )
    assert len(list(bench.last(source, 3))) == 3
    assert sorted(made) == [12497, 12498, 12499]


def test_the_lines_say_whether_it_keeps_up_and_fits():
    found = {
        "network": "vgg16", "frozen": False, "device": "cpu", "batch": 64, "size": 224, "workers": 2,
        "threads": 2, "listed": 300_000,
        "images_per_second": {"network": 4.0, "loader": 400.0, "together": 3.9},
        "ratio": {"wall": 100.0, "own": 90.0},
        "loader_alone": {"manifest_seconds": 2.0, "images": 64, "seconds": 1.0, "peak_gb": 0.5},
        "peak_gb_of_both": 6.0,
    }  # fmt: skip
    assert "keeps up" in bench.summary(found) and "under 2 GB" in bench.summary(found)
    found |= {"ratio": {"wall": 0.9, "own": 0.8}, "loader_alone": found["loader_alone"] | {"peak_gb": 2.5}}
    assert "TOO SLOW" in bench.summary(found) and "OVER 2 GB" in bench.summary(found)
