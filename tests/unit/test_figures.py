"""Figures: the same bytes for the same tables, named axes, marks of synthetic data."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import AU_COLUMNS, EMOTIONS
from ferflow.errors import InputError
from ferflow.evaluation import run as evaluation
from ferflow.report import curves, run, style
from ferflow.report.names import model_label, model_order
from ferflow.settings import Evaluation, Trim

TRIM = Trim(
    algorithm="thesis", threshold=0.5, min_frames_end=10, max_share=0.5, anomaly_frames=20, overrides=None
)
SUBJECTS = ("F001", "F002", "M001", "M002")


def history(n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "epoch": range(1, n + 1),
            "train_loss": np.linspace(1.8, 0.2, n),
            "train_accuracy": np.linspace(0.2, 0.9, n),
            "validation_loss": np.linspace(1.8, 1.0, n) + 0.05 * rng.random(n),
            "validation_accuracy": np.linspace(0.2, 0.6, n) + 0.1 * rng.random(n),
            "learning_rate": 1e-3,
        }
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with every table that a figure reads; clip F001_sad is an anomaly."""
    folder = tmp_path_factory.mktemp("study")
    clips, trims, agreement, rows = [], [], [], []
    for subject in SUBJECTS:
        parts = []
        for k, emotion in enumerate(EMOTIONS):
            clip, n = f"{subject}_{emotion}", 60 + 5 * k
            clips.append({"clip_id": clip, "subject_id": subject, "emotion": emotion, "n_frames": n})
            score = np.exp(-(((np.arange(n) - n / 2.5) / 12) ** 2))
            anomaly = clip == "F001_sad"
            if anomaly:
                score[-5] = 2
            parts.append(
                pd.DataFrame({"clip_id": clip, "frame": range(n), "confidence": 1.0, "success": 1}).assign(
                    **{column: score for column in AU_COLUMNS}
                )
            )
            kept = (0, n) if anomaly else (15, n - 20)
            trims.append((clip, n, *kept, float(score.max()), anomaly, "test", False))
            agreement.append((clip, emotion, 0.9 + 0.01 * k, 1.0, k - 2, 1 - k, anomaly))
            for model in ("compact+lstm", "compact+cnn1d", "control-neutral-frames"):
                said = emotion if model == "compact+lstm" or k % 2 else "sad"
                scores = {f"p_{e}": float(e == said) for e in EMOTIONS}
                name = {"clip_id": clip, "subject_id": subject, "emotion": emotion, "predicted": said}
                mark = {"model": model, "protocol": "test", "fold": None, "seed": 1}
                rows.append(name | scores | mark)
        tables.write(pd.concat(parts), folder / f"aus/{subject}.csv", "aus")
        starts = [(f"{subject}_{e}", 5, 20, 30, 50, 15, 40, 1.0, False) for e in EMOTIONS]
        columns = tables.schema("truth").names
        tables.write(pd.DataFrame(starts, columns=columns), folder / f"truth/{subject}.csv", "truth")
    manifest = pd.DataFrame(clips).assign(split="", source="a.avi", fps=25.0, width=9, height=9)
    manifest["sex"] = np.where(manifest["subject_id"].str[0] == "F", "female", "male")
    tables.write(manifest.assign(sha256="0" * 64, synthetic=True), folder / "manifest.csv", "manifest")
    tables.write(manifest.assign(sha256="0" * 64, synthetic=False), folder / "real.csv", "manifest")
    for name, values in (("trim", trims), ("au_agreement", agreement)):
        columns = tables.schema(name).names
        tables.write(pd.DataFrame(values, columns=columns), folder / f"{name}.csv", name)
    compared = [("landmark", "truth", unit, 3, 0.9, 1.0, 2.0) for unit in ("score", "AU12")]
    columns = tables.schema("au_backends").names
    tables.write(pd.DataFrame(compared, columns=columns), folder / "au_backends.csv", "au_backends")
    for fold in range(3):
        tables.write(history(8, fold), folder / f"history-{fold}.csv", "history")
    pd.DataFrame(rows).to_csv(folder / "predictions.csv", index=False)
    settings = Evaluation(bootstrap=50, confidence=0.95, by=[], controls=True)
    inputs = ([folder / "predictions.csv"], folder / "manifest.csv")
    outs = [folder / f"{name}.csv" for name in ("results", "confusion", "errors", "class_report")]
    evaluation.evaluate(*inputs, settings, EMOTIONS, "honest", 1, folder / "metrics.json", *outs)
    splits = {"scheme": "stratified", "seed": 1, "test": ["F001"], "folds": [["F002", "M001"], ["M002"]]}
    (folder / "splits.json").write_text(json.dumps(splits))
    return folder


def aus(study):
    return [study / f"aus/{subject}.csv" for subject in SUBJECTS]


FIGURES = {
    "au_curve": (
        lambda s, out: run.au_curve(
            "M001_happy",
            s / "aus/M001.csv",
            s / "trim.csv",
            s / "manifest.csv",
            out,
            TRIM,
            s / "truth/M001.csv",
            s / "aus/M001.csv",
        ),
        ["frame", "(mean intensity, 0–5)", "time (s)", "50% of the maximum", "kept frames", "true AU score"],
    ),
    "anomalies": (
        lambda s, out: run.anomalies(aus(s), s / "trim.csv", s / "manifest.csv", out, TRIM),
        ["AU score of the only anomaly", "AU score (0–5)", "F001_sad"],
    ),
    "lengths": (
        lambda s, out: run.lengths(s / "trim.csv", s / "manifest.csv", out, 70),
        ["length (frames)", "clips, sorted by length", "70 frames", "23 of 24 trimmed clips"],
    ),
    "agreement": (
        lambda s, out: run.agreement(s / "au_agreement.csv", out),
        ["emotion", "measured − true (frames)", "true AU score"],
    ),
    "au_backends": (
        lambda s, out: run.backends(s / "au_backends.csv", out, True),
        ["landmark and truth", "onset apart", "action unit", "correlation (r)"],
    ),
    "learning_curves": (
        lambda s, out: run.learning_curves(
            [s / f"history-{i}.csv" for i in range(3)], out, "compact+lstm", 6, True
        ),
        ["epoch", "loss (cross-entropy)", "accuracy", "compact CNN + LSTM: mean and range over 3 folds"],
    ),
    "spatial_curve": (
        lambda s, out: run.learning_curves([s / "history-0.csv"], out, "compact", 7, True),
        ["epoch", "loss (cross-entropy)", "Learning curves of compact CNN", "chance"],
    ),
    "confusion": (
        lambda s, out: run.confusion(s / "confusion.csv", out, "compact+cnn1d"),
        ["predicted emotion", "true emotion", "(a) number of clips", "share of the true class (%)", "n = 24"],
    ),
    "confusions": (
        lambda s, out: run.confusions(s / "confusion.csv", out),
        ["predicted emotion", "true emotion", "compact CNN + 1D-CNN", "neutral frames"],
    ),
    "accuracy": (
        lambda s, out: run.accuracy(s / "results.csv", s / "metrics.json", out),
        ["accuracy", "chance, 16.7 %", "95 % intervals", "control: neutral frames", "100.0 ["],
    ),
    "splits": (
        lambda s, out: run.splits(s / "splits.json", s / "manifest.csv", out),
        ["subjects", "fold 1", "test", "female", "stratified"],
    ),
}


def words(path) -> str:
    """All that is written in an SVG: its outlines of text carry the text as comments."""
    text = path.read_text(encoding="utf-8")
    ElementTree.fromstring(text)  # it is well-formed
    return text


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_deterministic_labelled_and_marked(study, tmp_path, name):
    draw, expected = FIGURES[name]
    draw(study, tmp_path / "one.svg")
    draw(study, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = words(tmp_path / "one.svg")
    for word in [*expected, "synthetic data"]:
        assert word in text, word
    assert "[100.0, 100.0]" not in text and "<dc:date>" not in text


def test_real_data_carry_no_mark(study, tmp_path):
    run.lengths(study / "trim.csv", study / "real.csv", tmp_path / "real.svg", 70)
    assert "synthetic" not in words(tmp_path / "real.svg")


def test_no_anomalies_is_a_figure_too(study, tmp_path):
    trim = tables.read(study / "trim.csv", "trim").assign(anomaly=False)
    tables.write(trim, tmp_path / "trim.csv", "trim")
    run.anomalies(aus(study), tmp_path / "trim.csv", study / "manifest.csv", tmp_path / "none.svg", TRIM)
    assert "no clip was marked as an anomaly" in words(tmp_path / "none.svg")


def test_a_clip_that_is_not_there_is_one_line(study, tmp_path):
    with pytest.raises(InputError, match="no row of clip X"):
        run.au_curve(
            "X", study / "aus/M001.csv", study / "trim.csv", study / "manifest.csv", tmp_path / "x.svg", TRIM
        )
    with pytest.raises(InputError, match="no rows of vgg16"):
        run.confusion(study / "confusion.csv", tmp_path / "x.svg", "vgg16")
    with pytest.raises(InputError, match="no clip M001_happy"):
        run.au_curve(
            "M001_happy",
            study / "aus/F001.csv",
            study / "trim.csv",
            study / "manifest.csv",
            tmp_path / "x.svg",
            TRIM,
        )
    assert not (tmp_path / "x.svg").exists()


def test_curves_of_unequal_length_are_averaged_where_they_exist():
    short, long = history(2, 0), history(4, 0)
    short["train_loss"], long["train_loss"] = 1.0, 3.0
    curve = curves.spread([short, long], "train_loss")
    assert curve["mean"].tolist() == [2.0, 2.0, 3.0, 3.0]
    assert curve["min"].tolist() == [1.0, 1.0, 3.0, 3.0]
    averaged = curves.averaged({"m": [short, long]})
    assert averaged["n_folds"].tolist() == [2, 2, 1, 1]
    assert averaged["train_loss_mean"].tolist() == [2.0, 2.0, 3.0, 3.0]


def test_colours_differ_in_lightness():
    """Relative luminance of lines on white, and of bands behind lines: readable without colour."""

    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, middle, light, band = map(lightness, (style.DARK, style.MIDDLE, style.LIGHT, style.BAND))
    assert dark + 0.2 < middle < light < band < 0.95


def test_models_are_named_and_ordered_as_in_the_thesis():
    table = pd.DataFrame({"model": ["control-true-aus", "compact+cnn1d", "vgg16+bilstm", "compact+lstm"]})
    table["role"] = ["control", "model", "model", "model"]
    assert model_order(table) == ["compact+lstm", "vgg16+bilstm", "compact+cnn1d", "control-true-aus"]
    assert model_label("vgg16+cnn1d") == "VGG16 + 1D-CNN"
    assert model_label("compact", "ten") == "compact CNN, ten crops"
    assert model_label("fusion-lstm-and-c3d-weighted") == "fusion of lstm-and-c3d, weighted average"
    assert model_label("fusion-best") == "best fusion"
    assert model_label("control-true-aus") == "control: true AUs"
    assert model_label("control-cnn1d-on-neutral-frames") == "control: 1D-CNN on neutral frames"
