"""`ferflow evaluate --clips` with a model whose answers are written down here."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, recall_score
from test_cli import run

from ferflow import tables
from ferflow.apps import evaluate_clips
from ferflow.apps.recognise import MEAN, Recognised
from ferflow.aus.trim import Trimmed
from ferflow.errors import NoFaceError
from ferflow.evaluation.clip_answer import weighted_mean

KNOWN = ("angry", "happy", "sad", "neutral")
AT_REST = [0.05, 0.15, 0.1, 0.7]
PEAKS = {
    "angry": [0.8, 0.1, 0.05, 0.05],
    "happy": [0.05, 0.8, 0.05, 0.1],
    "sad": [0.1, 0.2, 0.6, 0.1],
    "neutral": AT_REST,
}
CLIPS = [  # name, subject, class as the table writes it, what the last frames show
    ("a1", "A", "Anger", "angry"),
    ("a2", "A", "happiness", "happy"),
    ("b1", "B", "Anger", "sad"),
    ("b2", "B", "neutral", "neutral"),
    ("c1", "C", "happiness", "happy"),
    ("c2", "C", "neutral", None),  # no face
    ("d1", "D", "bored", "happy"),
]


def said(source, shown, by_head):
    """Six frames at rest and four at the peak of `shown`."""
    shares = np.array([AT_REST] * 6 + [PEAKS[shown]] * 4)
    answer, weights = weighted_mean(shares, KNOWN.index("neutral"))
    tracked, none = np.ones(10, bool), np.full(10, np.nan)
    kept = Trimmed(0, 10, float("nan"), False, MEAN)
    seen = (KNOWN, KNOWN, tracked, np.zeros((10, 4)), none, shares, none, kept)
    if by_head:
        return Recognised(source, 25.0, *seen, np.array(PEAKS[shown]), True, ())
    return Recognised(source, 25.0, *seen, answer, False, (), None, weights)


@pytest.fixture
def evaluate(monkeypatch, capsys, tmp_path):
    """`ferflow evaluate --clips` of CLIPS, 80 columns wide, with few resamples."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = {name: peak for name, _, _, peak in CLIPS}
    lines = ["clip_id,subject_id,emotion,source"]
    for name, subject, emotion, _ in CLIPS:
        (tmp_path / f"{name}.mp4").touch()
        lines.append(f"{name},{subject},{emotion},{name}.mp4")
    table, weights = tmp_path / "clips.csv", tmp_path / "model.pt"
    table.write_text("\n".join(lines) + "\n")
    weights.write_text("stands for a model")

    def recognise(clip, model, *_):
        peak = shown[Path(clip).stem]
        if peak is None:
            raise NoFaceError(clip, "has no face in its 10 frames", "give another clip")
        return said(str(clip), peak, model.has_head)

    def asked(*arguments, by_head=False, known=KNOWN):
        model = SimpleNamespace(path=weights, name="stub", synthetic=False, has_head=by_head)
        model.data_root = str(tmp_path)
        model.clip_classes, model.faces = known, SimpleNamespace(missing_frames=5)
        monkeypatch.setattr(evaluate_clips, "load_model", lambda path: model)
        monkeypatch.setattr(evaluate_clips, "watchers", lambda model, options: (None, None, ""))
        monkeypatch.setattr(evaluate_clips, "recognise", recognise)
        monkeypatch.setattr(evaluate_clips, "open_clip", lambda source, missing: source)
        few = ("--bootstrap", 50, "--model", weights)
        return run(monkeypatch, capsys, "evaluate", "--clips", table, *few, *arguments)

    return asked


def test_both_answers_are_judged_on_the_classes_in_common(evaluate, tmp_path):
    code, out, err = evaluate("--out", tmp_path / "m.json", "--predictions", tmp_path / "p.csv")
    assert (code, err) == (0, "")
    report = json.loads((tmp_path / "m.json").read_text())
    assert report["classes"] == ["angry", "happy", "neutral"]
    assert report["classes_only_in_model"] == ["sad"] and report["classes_only_in_table"] == {"bored": 1}
    assert (report["n_listed"], report["n_judged"], report["n_subjects"]) == (7, 5, 3)
    assert [clip["clip_id"] for clip in report["refused"]] == ["c2"]
    assert report["baselines"] == {
        "chance": pytest.approx(1 / 3),
        "majority": "angry",
        "majority_accuracy": pytest.approx(0.4),
    }
    truth = ["angry", "happy", "angry", "neutral", "happy"]
    # Without sad the clip b1 is happy at its peak; the plain mean calls every clip neutral.
    wanted = {
        "weighted mean": ["angry", "happy", "happy", "neutral", "happy"],
        "plain mean": ["neutral"] * 5,
    }
    rows = tables.read(tmp_path / "p.csv", "predictions")
    for name, predicted in wanted.items():
        mine = rows[rows["model"] == f"stub, {name}"]
        assert mine["predicted"].tolist() == predicted and mine["emotion"].tolist() == truth
        np.testing.assert_allclose(mine[["p_angry", "p_happy", "p_neutral"]].sum(axis=1), 1, atol=1e-5)
        found = report["answers"][name]
        assert found["metrics"]["accuracy"]["value"] == pytest.approx(accuracy_score(truth, predicted))
        recall = recall_score(truth, predicted, average="macro")
        assert found["metrics"]["recall"]["value"] == pytest.approx(recall)
        right = sum(a == b for a, b in zip(truth, predicted, strict=True))
        assert found["accuracy_of_all_listed"] == pytest.approx(right / 6)  # c2 counts as wrong
        low, high = (found["metrics"]["accuracy"][end] for end in ("low", "high"))
        assert low <= right / 5 <= high
    assert report["answers"]["weighted mean"]["confusion"] == [[1, 1, 0], [0, 2, 0], [0, 0, 1]]
    assert "bored (1 clips)" in out and "since no clip shows it: sad" in out
    assert "refused: c2 (neutral): " in out and "intervals rest on fewer than 20 subjects" in out
    assert max(map(len, out.splitlines()[2:-4])) <= 80  # paths may be longer


def test_a_head_has_one_answer(evaluate, tmp_path):
    code, out, _ = evaluate("--out", tmp_path / "m.json", by_head=True)
    assert code == 0 and "plain mean" not in out
    assert "it may know these by heart" in out  # its study's clips lie in the same folder
    assert list(json.loads((tmp_path / "m.json").read_text())["answers"]) == ["head"]


def test_what_cannot_be_judged_is_one_line(evaluate, tmp_path):
    for arguments, known, line in [
        ((), ("calm", "neutral"), "has neutral in common with"),
        ((), ("calm", "drowsy"), "has no class in common with"),
        (("--root", tmp_path / "nowhere"), KNOWN, "nowhere: is no folder; name the folder (root)"),
    ]:
        code, out, err = evaluate(*arguments, known=known)
        assert (code, out) == (1, "") and line in err and len(err.splitlines()) == 1, err


def test_options_of_images_are_wrong_usage_with_clips(evaluate):
    for arguments in (("--peak", 3), ("--mirror",), ("--dataset", "fer2013"), ("--model", "other.pt")):
        code, _, err = evaluate(*arguments)
        assert code == 2 and "Traceback" not in err
