"""`ferflow evaluate` on a small FER2013 of noise, with untrained networks; numbers against another way."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from test_cli import run

from ferflow import tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import results, summarise
from ferflow.models import spatial
from ferflow.settings import Evaluation

PARTS = {"Training": 14, "PublicTest": 14, "PrivateTest": 21}
COPIES = 5
"""Images of PrivateTest that stand in Training too, under other labels."""


def make_network(path, seed, classes=EMOTIONS_NEUTRAL, synthetic=False, **meta):
    torch.manual_seed(seed)
    network = spatial.build("compact", len(classes))
    spatial.save(path, network, classes, {"synthetic": synthetic, "protocol": "published", **meta})
    return path


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """A second thread only waits for the first on images so small and few."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    """A CSV of noise in FER2013's format: classes in turn, blocks of 8×8 pixels so that networks differ."""
    rng = np.random.default_rng(3)
    rows, first = [], None
    for part, n in PARTS.items():
        pixels = rng.integers(0, 256, (n, 6, 6)).repeat(8, 1).repeat(8, 2)
        first = pixels if first is None else first
        if part == "PrivateTest":
            pixels[:COPIES] = first[1 : COPIES + 1]
        rows += [(i % 7, " ".join(map(str, image.ravel())), part) for i, image in enumerate(pixels)]
    path = tmp_path_factory.mktemp("fer2013") / "fer2013.csv"
    pd.DataFrame(rows, columns=["emotion", "pixels", "Usage"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    return [make_network(folder / f"{seed}.pt", seed) for seed in range(3)]


@pytest.fixture
def evaluate(monkeypatch, capsys, fer2013):
    """`ferflow evaluate` on part PrivateTest of the CSV with few resamples."""
    monkeypatch.setenv("COLUMNS", "80")

    def asked(*arguments, split="PrivateTest", root=fer2013):
        split = () if split is None else ("--split", split)
        few = ("--bootstrap", 50)
        return run(
            monkeypatch,
            capsys,
            *("evaluate", "--dataset", "fer2013", "--root", root, *split, *few, *arguments),
        )

    return asked


def shares_of(path, csv, part):
    """Probabilities of a network for a part, without any of evaluate's own code."""
    frame = pd.read_csv(csv)
    frame = frame[frame["Usage"] == part]
    pixels = np.stack([np.array(text.split(), np.uint8).reshape(48, 48) for text in frame["pixels"]])
    network, _ = spatial.load(path)
    with torch.inference_mode():
        return frame["emotion"].to_numpy(), network(spatial.prepare(pixels, network)).softmax(1).numpy()


def test_metrics_json_has_the_numbers_of_scikit_learn(evaluate, networks, fer2013, tmp_path):
    out, csv = tmp_path / "metrics.json", tmp_path / "p.csv"
    code, said, err = evaluate("--weights", networks[0], "--out", out, "--predictions", csv)
    assert (code, err) == (0, "")
    truth, shares = shares_of(networks[0], fer2013, "PrivateTest")
    best = shares.argmax(1)
    found = json.loads(out.read_text())
    numbers = {name: value["value"] for name, value in found["all"]["metrics"].items()}
    assert numbers["accuracy"] == pytest.approx(accuracy_score(truth, best))
    assert numbers["weighted_f1"] == pytest.approx(f1_score(truth, best, average="weighted"))
    assert numbers["f1"] == pytest.approx(f1_score(truth, best, average="macro", labels=range(7)))
    expected = roc_auc_score(truth, shares.astype(float) / shares.sum(1, keepdims=True), multi_class="ovr")
    assert numbers["auc"] == pytest.approx(expected, abs=1e-3)  # written probabilities have six decimals
    assert found["all"]["n_images"] == PARTS["PrivateTest"]
    assert sum(map(sum, found["all"]["confusion"])) == PARTS["PrivateTest"]
    # Without the five copies: the rows behind them.
    assert (found["copies"], found["without_copies"]["n_images"]) == (COPIES, 16)
    honest = accuracy_score(truth[COPIES:], best[COPIES:])
    assert found["without_copies"]["metrics"]["accuracy"]["value"] == pytest.approx(honest)
    assert found["models"][0]["parameters"] == 784_263
    rows = tables.read(csv, "predictions")
    np.testing.assert_allclose(rows[[f"p_{e}" for e in EMOTIONS_NEUTRAL]], shares, atol=2e-5)
    assert "copies: 5 of the images" in said and f"{100 * honest:.2f} [" in said
    assert max(map(len, said.splitlines()[3:-2])) <= 80  # paths may be longer


def test_several_networks_are_averaged(evaluate, networks, fer2013, tmp_path):
    out, csv = tmp_path / "m.json", tmp_path / "p.csv"
    arguments = [argument for path in networks for argument in ("--weights", path)]
    code, said, _ = evaluate(*arguments, "--out", out, "--predictions", csv)
    assert code == 0 and "mean of 3 networks, 2,352,789 parameters in all" in said
    mean = np.mean([shares_of(path, fer2013, "PrivateTest")[1] for path in networks], axis=0)
    rows = tables.read(csv, "predictions")
    np.testing.assert_allclose(rows[[f"p_{e}" for e in EMOTIONS_NEUTRAL]], mean, atol=2e-5)


def test_views_differ_and_are_named(evaluate, networks, tmp_path):
    found = {}
    for name, arguments in {
        "one": (),
        "mirror": ("--mirror",),
        "ten": ("--ten-crop",),
        "ten-42": ("--ten-crop", "--side", 42),
    }.items():
        path = tmp_path / f"{name}.csv"
        code, said, _ = evaluate("--weights", networks[0], "--predictions", path, *arguments)
        assert code == 0
        found[name] = tables.read(path, "predictions")["p_happy"].to_numpy()
    assert "ten crops of 42 pixels" in said
    names = list(found)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert not np.allclose(found[one], found[other], atol=1e-5), (one, other)


def test_the_best_set_is_chosen_on_another_part(evaluate, networks, fer2013, tmp_path):
    out = tmp_path / "m.json"
    arguments = [argument for path in networks for argument in ("--weights", path)]
    limits = ("--most", 2, "--budget", 1_600_000)
    code, said, _ = evaluate(*arguments, "--choose-on", "PublicTest", *limits, "--out", out)
    assert code == 0
    found = json.loads(out.read_text())
    asked = [shares_of(path, fer2013, "PublicTest") for path in networks]
    truth = asked[0][0]
    accuracies = {
        chosen: float((sum(asked[i][1] for i in chosen).argmax(1) == truth).mean())
        for chosen in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    }
    best = max(accuracies.values())
    assert found["chosen"]["accuracy"] == pytest.approx(best)
    taken = tuple(i for i, path in enumerate(networks) if str(path) in {m["path"] for m in found["models"]})
    assert accuracies[taken] == pytest.approx(best)
    assert len(taken) == min(len(chosen) for chosen, value in accuracies.items() if value == best)
    assert "chosen on PublicTest among 6 sets of 3 networks" in said


def test_synthetic_weights_and_images_are_called_so(evaluate, fer2013, tmp_path):
    weights = make_network(tmp_path / "s.pt", 0, synthetic=True)
    _, said, _ = evaluate("--weights", weights)
    assert "trained on synthetic data" in said and "images are synthetic" not in said
    marked = tmp_path / "set" / "fer2013.csv"
    marked.parent.mkdir()
    marked.write_bytes(fer2013.read_bytes())
    (marked.parent / "SYNTHETIC.txt").touch()
    _, said, _ = evaluate("--weights", weights, root=marked)
    assert "These images are synthetic" in said


def test_the_training_part_says_that_it_is_one(evaluate, networks):
    code, said, _ = evaluate("--weights", networks[0], split="Training")
    assert code == 0 and "These images are for training" in said and "copies" not in said


def test_a_network_that_was_trained_without_the_copies_says_so(evaluate, fer2013, tmp_path):
    honest = {"protocol": "honest", "images": {"Training": PARTS["Training"] - COPIES}}
    weights = make_network(tmp_path / "h.pt", 0, **honest)
    _, said, _ = evaluate("--weights", weights, "--out", tmp_path / "m.json")
    assert "left out of the training" in said
    assert json.loads((tmp_path / "m.json").read_text())["models"][0]["copies_learnt"] == 0
    other = make_network(tmp_path / "o.pt", 0, images={"Training": 28709})  # trained on something else
    _, said, _ = evaluate("--weights", other)
    assert "left out of the training" not in said


def test_bad_inputs_are_one_line_and_nothing_is_written(evaluate, networks, fer2013, tmp_path):
    (tmp_path / "text.pt").write_text("no weights")
    state = torch.load(networks[0], weights_only=True)
    torch.save({**state, "network": "vgg16"}, tmp_path / "vgg.pt")
    torch.save({**state, "network": "colossal"}, tmp_path / "colossal.pt")
    torch.save({**state, "kind": "cascade"}, tmp_path / "cascade.pt")
    torch.save(state["state_dict"], tmp_path / "bare.pt")
    no_private = tmp_path / "fer2013.csv"
    frame = pd.read_csv(fer2013)
    frame[frame["Usage"] != "PrivateTest"].to_csv(no_private, index=False)
    out = tmp_path / "m.json"
    one = ("--weights", networks[0])
    for arguments, line in [
        ((("--weights", tmp_path / "gone.pt"), {}), r"gone.pt: does not exist"),
        ((("--weights", tmp_path / "text.pt"), {}), "text.pt: is damaged or no weights file"),
        ((("--weights", tmp_path / "vgg.pt"), {}), "vgg.pt: does not fit the network vgg16"),
        ((("--weights", tmp_path / "colossal.pt"), {}), "colossal.pt: holds the unknown network colossal"),
        ((("--weights", tmp_path / "cascade.pt"), {}), "cascade.pt: is a cascade model; give a spatial"),
        ((("--weights", tmp_path / "bare.pt"), {}), "bare.pt: is not a model file of ferflow"),
        ((one + one, {}), "0.pt: is given twice"),
        ((one, {"split": "Test"}), "has no part Test; fer2013 has here: Training, PublicTest, PrivateTest"),
        ((one, {"split": None}), "--split: is missing; fer2013 has Training, PublicTest, PrivateTest"),
        ((one, {"root": no_private}), "has no part PrivateTest; fer2013 has here: Training, PublicTest"),
        ((one, {"root": tmp_path / "nowhere"}), "nowhere: does not exist"),
        (((*one, "--ten-crop", "--side", 49), {}), "--side: 49 is larger than the images; they are 48x48"),
        (((*one, "--choose-on", "PrivateTest"), {}), "--choose-on: PrivateTest is what they are judged on"),
        (((*one, "--choose-on", "PublicTest", "--budget", 9), {}), "--budget: no network has fewer than 9"),
        (((*one, "--choose-on", "PrivateTest"), {"split": "PublicTest"}), "PrivateTest: is for judging"),
    ]:
        code, said, err = evaluate(*arguments[0], "--out", out, **arguments[1])
        assert (code, said) == (1, ""), line
        assert line in err and len(err.splitlines()) == 1, err
        assert not out.exists()


def test_other_classes_are_refused_or_left_out(evaluate, networks, tmp_path):
    six = make_network(tmp_path / "six.pt", 1, classes=EMOTIONS_NEUTRAL[:6])
    code, _, err = evaluate("--weights", networks[0], "--weights", six)
    assert code == 1 and "average networks of the same classes" in err
    code, said, _ = evaluate("--weights", six)
    assert code == 0 and "left out: 3 images of other classes" in said


def test_wrong_usage(evaluate, networks):
    for arguments in (("--ten-crop", "--mirror"), ("--side", 44), ("--nonsense",)):
        code, _, err = evaluate("--weights", networks[0], *arguments)
        assert code == 2 and "Traceback" not in err


def test_without_weights_the_network_that_ships_is_asked(evaluate, networks, monkeypatch, tmp_path):
    monkeypatch.setattr("ferflow.weights.SHIPPED", "gone.pt")
    code, _, err = evaluate()
    assert code == 1 and "gone.pt: is not in this copy of ferflow; " in err
    monkeypatch.setattr("ferflow.weights.shipped", lambda: networks[1])
    assert evaluate("--out", tmp_path / "m.json")[0] == 0
    assert json.loads((tmp_path / "m.json").read_text())["models"][0]["path"] == str(networks[1])


def test_a_summary_has_the_intervals_of_the_table_of_results():
    rng = np.random.default_rng(0)
    clips = pd.DataFrame(
        {
            "clip_id": [f"i{i}" for i in range(60)],
            "subject_id": [f"S{i % 9}" for i in range(60)],
            "emotion": [EMOTIONS_NEUTRAL[i % 6] for i in range(60)],  # nobody is neutral
        }
    )
    frame = table(clips, rng.dirichlet(np.ones(7), 60), EMOTIONS_NEUTRAL, "m", "test", None, 1)
    settings = Evaluation(bootstrap=200, confidence=0.9, by=[], controls=False)
    found = summarise(frame, EMOTIONS_NEUTRAL, settings, 5)
    listed = results(frame.assign(synthetic=False), EMOTIONS_NEUTRAL, settings, 5).set_index("metric")
    assert set(found["metrics"]) == set(listed.index)
    for metric, number in found["metrics"].items():
        assert number == pytest.approx(listed.loc[metric, ["value", "low", "high"]].to_dict()), metric
    assert found["classes"]["neutral"]["auc"] == {"value": None, "low": None, "high": None}
    assert found["classes"]["neutral"]["support"] == 0
    happy = f1_score(frame["emotion"] == "happy", frame["predicted"] == "happy")
    assert found["classes"]["happy"]["f1"]["value"] == pytest.approx(happy)


@pytest.fixture
def sequences(tmp_path):
    """CK+ as its authors publish it, of noise: four pictures of three people each, one without an emotion."""
    rng = np.random.default_rng(5)
    for subject, code in (("S005", 5), ("S010", 7), ("S011", None)):
        folder = tmp_path / "ck" / "cohn-kanade-images" / subject / "001"
        folder.mkdir(parents=True)
        for number in range(1, 5):
            picture = rng.integers(0, 256, (60, 80), np.uint8)
            assert cv2.imwrite(str(folder / f"{subject}_001_{number:08d}.png"), picture)
        if code is not None:
            label = tmp_path / "ck" / "Emotion" / subject / "001" / f"{subject}_001_00000004_emotion.txt"
            label.parent.mkdir(parents=True)
            label.write_text(f"   {code}.0000000e+00\n")
    return tmp_path / "ck"


def test_sequences_are_judged_by_their_peak(monkeypatch, capsys, sequences, networks, tmp_path):
    def evaluate(*arguments):
        one = ("--model", networks[0], "--bootstrap", 50)
        return run(
            monkeypatch, capsys, "evaluate", "--dataset", "ckplus", "--root", sequences, *one, *arguments
        )

    assert "holds sequences; say with --peak N which last images count" in evaluate()[2]
    assert "--crop: hog is unknown; choose from auto, " in evaluate("--peak", 2, "--crop", "hog")[2]
    written = ("--out", tmp_path / "m.json", "--predictions", tmp_path / "p.csv")
    code, said, err = evaluate("--peak", 2, "--neutral", "--crop", "none", *written)
    assert (code, err) == (0, "")
    rows = tables.read(tmp_path / "p.csv", "predictions")
    assert rows["clip_id"].str[-1].tolist() == ["1", "3", "4"] * 2
    assert rows["emotion"].tolist() == ["neutral", "happy", "happy", "neutral", "surprise", "surprise"]
    picture = cv2.imread(str(sequences / "cohn-kanade-images/S005/001/S005_001_00000004.png"))
    whole = cv2.resize(picture, (160, 160), interpolation=cv2.INTER_LINEAR)
    network, _ = spatial.load(networks[0])
    with torch.inference_mode():
        wanted = network(spatial.prepare(whole[None], network)).softmax(1)[0].numpy()
    np.testing.assert_allclose(rows[[f"p_{e}" for e in EMOTIONS_NEUTRAL]].iloc[2], wanted, atol=2e-5)
    found = json.loads((tmp_path / "m.json").read_text())
    assert found["left_out_because"] == {"its sequence has no emotion file": ["S011_001"]}
    assert "left out: 1 since its sequence has no emotion file (S011_001)" in said


def test_options_of_sequences_are_refused_where_there_are_none(evaluate, networks):
    for arguments, line in [
        (("--peak", 2), "holds no sequences; leave --peak and --neutral out"),
        (("--crop", "none"), "holds faces already; leave it out"),
    ]:
        code, _, err = evaluate("--weights", networks[0], *arguments)
        assert code == 1 and line in err and len(err.splitlines()) == 1


def test_without_the_training_part_it_says_that_copies_are_unknown(evaluate, networks, fer2013, tmp_path):
    frame = pd.read_csv(fer2013)
    frame[frame["Usage"] != "Training"].to_csv(tmp_path / "fer2013.csv", index=False)
    code, said, err = evaluate("--weights", networks[0], root=tmp_path / "fer2013.csv")
    assert (code, err) == (0, "")
    assert "copies: unknown, as part Training is not there" in said
    assert "copies: unknown" not in evaluate("--weights", networks[0])[1]
