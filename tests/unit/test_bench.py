"""The benchmarks at tiny sizes: what they count and divide, never how long anything takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ferflow.bench import __main__ as command
from ferflow.bench import feeding, machine, precision_cost, report, spatial_pass, store_speed, turns
from ferflow.errors import FerflowError
from ferflow.features import store
from ferflow.models import spatial
from ferflow.training import data
from ferflow.training.data import ClipFeatures, ReadAhead, loader
from ferflow.weights import shipped


def test_rates_and_ratios_are_medians_of_rounds():
    slow, quick = turns.Taken([2.0, 4.0, 30.0], [1.0, 1.0, 1.0]), turns.Taken([1.0, 1.0, 10.0], [0.5, 2, 4])
    assert turns.rate(8, slow) == 2
    assert turns.rate(8, slow, own=True) == 8
    assert turns.times_as_fast(quick, slow) == 3  # of 2, 4 and 3
    assert turns.times_as_fast(quick, slow, (1, 2)) == 1.5
    assert turns.times_as_fast(quick, slow, own=True) == 0.5


def test_ways_are_taken_in_turns():
    calls = []
    ways = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    taken = turns.in_turns(ways, 2)
    assert calls == list("ababab")
    assert len(taken["a"].wall) == len(taken["b"].own) == 2
    calls.clear()
    turns.in_turns(ways, 1, warm_up=False)
    assert calls == list("ab")


def test_operations_of_vgg16_are_those_of_its_convolutions():
    network = spatial.build("vgg16", 7).eval()
    network.input_size = 32
    sides = [32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2]
    widths = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    expected = sum(
        2 * 9 * side**2 * before * width
        for side, before, width in zip(sides, [3, *widths[:-1]], widths, strict=True)
    )
    assert spatial_pass.operations(network, torch.rand(2, 3, 32, 32)) == 2 * expected


def test_the_spatial_pass_is_held_against_the_fastest_product():
    found = spatial_pass.run(32, 2, (8, 64), rounds=1, loop=1, precision_setting="float32")
    assert (found["precision"], found["batch"], found["threads"]) == ("float32", 2, 1)
    for clock in ("wall", "own"):
        speeds, one = found["tflops"][clock], found[clock]
        best = max(("8", "64"), key=speeds.get)
        assert one["best_matrix"] == int(best)
        # One round: the ratio is that of the speeds.
        assert one["share"] == pytest.approx(speeds["pass"] / speeds[best])
        assert one["times_simple"] == pytest.approx(speeds["pass"] / speeds["simple"])
    judged = report.spatial_pass(found, amx=True)
    assert [f.met for f in judged][1:] == [
        found["wall"]["share"] >= 0.6,
        found["wall"]["times_simple"] >= 3.5,
        found["own"]["share"] >= 0.6,
        found["own"]["times_simple"] >= 3.5,
    ]
    assert {f.met for f in report.spatial_pass(found, amx=False)} == {None}


def test_bfloat16_costs_something_and_float32_nothing(small_settings):
    settings = small_settings()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 48, 48)).astype(np.uint8)
    found = precision_cost.run(images, shipped(), settings.features)
    assert found["images"] == 12 and 0 <= found["changed"] <= 12
    assert found["changed_share"] == found["changed"] / 12
    assert 0 < found["probability_largest"] < 0.2
    for one in found["layers"].values():
        assert 0 < one["mean"] < one["largest"]
        assert one["relative"] == pytest.approx(one["mean"] / one["mean_feature"])
        assert one["relative"] < 0.05
    same = precision_cost._difference(np.ones((2, 3)), np.array([[1, 1, 1], [1, 1, 4.0]]))
    assert same == {"largest": 3, "mean": 0.5, "mean_feature": 1, "relative": 0.5}


def test_stills_for_it_are_rendered(small_settings, weights_folder):
    images = precision_cost.rendered(small_settings(), 10, weights_folder)
    assert images.shape == (70, 48, 48) and images.std() > 10


@pytest.fixture
def study(tmp_path):
    return store_speed.generate(tmp_path / "made", 14, 40, (5, 9), seed=3)


def test_generated_features_lie_in_the_store_as_they_would(study):
    assert len(study.clips) == 14 and study.clips.subject_id.nunique() == 3
    lengths = []
    for clip in study.clips.itertuples():
        path = study.files["none", clip.subject_id]
        rows = store.read(path, clip.clip_id, *study.windows[clip.clip_id])
        assert rows.dtype == np.float16 and rows.shape == (study.windows[clip.clip_id][1], 40)
        lengths.append(len(rows))
        with h5py.File(path) as file:
            assert file[clip.clip_id].shape == rows.shape  # nothing is padded
    assert min(lengths) >= 5 and max(lengths) <= 9 and len(set(lengths)) > 2
    assert abs((rows == 0).mean() - store_speed.ZEROS) < 0.15
    assert study.width == 40


def test_no_features_are_generated_where_they_do_not_fit(tmp_path):
    with pytest.raises(FerflowError, match="GiB free"):
        store_speed.generate(tmp_path, 1000, 25_088, (10**8, 10**8))


def test_reading_ahead_gives_the_same_batches(study):
    items = study.features(study.clips, (), 0)
    batches = loader(items, 4, seed=5)
    assert isinstance(batches, ReadAhead)
    for epoch in (0, 1):
        batches.sampler.set_epoch(epoch)
        ahead = list(batches)
        plain = [items[numbers] for numbers in batches.sampler]
        assert len(ahead) == len(plain) == 4
        for one, other in zip(ahead, plain, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    features, mask, _ = plain[0]
    assert features.dtype == torch.float16  # as stored; a head makes them float32 where it computes
    assert torch.equal(features[~mask], torch.zeros_like(features[~mask]))
    number = next(iter(batches.sampler))[0]
    assert np.array_equal(features[0][mask[0]].numpy(), items.sequence(number))


def test_an_error_while_reading_ahead_reaches_the_training(study):
    items = study.features(study.clips, (), 0)
    next(iter(study.files.values())).unlink()
    with pytest.raises(FerflowError, match="does not exist"):
        list(loader(items, 4))


def test_training_from_the_store_is_measured(study, small_settings, tmp_path):
    settings = small_settings({"temporal": {"heads": {"lstm": {"units": 4}}, "batch": 4}})
    found = store_speed.run(tmp_path / "made", settings, study, rounds=1)
    real = 2 * 40 * sum(end for _, end in study.windows.values())
    on_disk = sum(path.stat().st_size for path in study.files.values())
    assert found["real_gb"] == pytest.approx(real / 1e9)
    assert found["disk_of_real"] == pytest.approx(on_disk / real)
    assert found["padded_gb"] == pytest.approx(14 * 9 * 40 * 2 / 1e9)
    epoch, ratio = found["epoch"], found["ratio"]
    assert ratio["wall"] == pytest.approx(epoch["wall"]["memory"] / epoch["wall"]["store"])
    assert 0.05 < found["peak_gb"] < 3 and found["kept_mib"] == store_speed.KEPT
    figures = {f.what.split(",")[0]: f for f in report.store_speed(found)}
    assert figures["greatest size of the training process"].met is True
    assert figures["on the disk"].met is (on_disk <= real)


def test_waiting_for_features_is_measured_in_every_way_of_reading(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "LARGE", 0)
    shares = feeding.measure(study, tmp_path, 0.01, [0, 1], batch=4)
    names = {"by a thread", "from the store by 1 processes, begun", "staged by 1 process"}
    assert shares.keys() == {(name, state) for name in names for state in ("cold", "warm")}
    assert all(0 < share < 1 for share in shares.values())
    assert capsys.readouterr().out.count("(4 batches, 0.00 GB") == 8
    assert not list(tmp_path.glob("*/ferflow-features-*"))
    waited = feeding.epoch(study.features(study.clips, (), 0), 0.05, 4)
    assert waited.share(0.05) == pytest.approx(waited.seconds / (waited.seconds + 4 * 0.05))


def test_nothing_is_kept_where_the_store_is_measured(study):
    items = study.features(study.clips, (), 0)
    items[[0, 1]]
    assert isinstance(items, ClipFeatures) and not items.kept


def test_the_table_says_what_is_met():
    described = {
        "date": "2026-01-01T00:00:00+00:00", "processor": "P", "cores": 2, "memory_gib": 23.0,
        "matrix_units": True, "system": "Linux", "python": "3.11", "load": 4.0, "versions": {"torch": "2"},
    }  # fmt: skip
    figures = [
        report.Figure("part", "good", 0.9, "90 %", "at least 80 %", True),
        report.Figure("part", "bad", 0.1, "10 %", "at least 80 %", False),
    ]
    text = report.markdown(described, figures, ["a note"])
    assert "| part | good | 90 % | at least 80 % | yes |" in text
    assert "| part | bad | 10 % | at least 80 % | **no** |" in text
    assert "P (with AMX), 2 cores" in text and "- a note" in text
    assert "Other work was running" in text
    assert "Other work" not in report.markdown(described | {"load": 0.3}, figures, [])


def test_the_command_writes_both_files(tmp_path, monkeypatch, capsys):
    params = str(Path(__file__).parents[2] / "params.yaml")
    sizes = ["--size", "32", "--batch", "2", "--matrices", "16", "--rounds", "1"]
    given = ["bench", params, "--parts", "spatial", "workflow", "--out", str(tmp_path / "out"), *sizes]
    monkeypatch.setattr(sys, "argv", [*given, "--folder", str(tmp_path)])
    command.main()
    content = json.loads((tmp_path / "out/bench.json").read_text())
    assert content["details"]["spatial"]["size"] == 32
    assert content["machine"]["versions"]["torch"] == torch.__version__
    assert content["machine"]["cores"] >= 1
    assert "not measured" in content["notes"][0]  # nothing has run in that folder
    table = (tmp_path / "out/bench.md").read_text()
    assert capsys.readouterr().out == table
    assert table.count("| spatial pass |") == len(content["figures"]) == 5


def test_the_command_refuses_sizes_that_measure_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--clips", "0"])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert stopped.value.code == 2 and "--clips must be at least 1" in capsys.readouterr().err


def test_the_machine_is_described():
    described = machine.describe()
    assert described["precision"] in ("float32", "bfloat16") and described["memory_gib"] > 0.5
    assert described["processor"] in machine.line(described)
