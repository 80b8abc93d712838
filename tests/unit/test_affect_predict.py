"""`ferflow predict` with a network for expression, valence and arousal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from ferflow import tables
from ferflow.apps import affect_curve, models, predict, predict_files, predict_screen
from ferflow.apps.predict import Options, Source, curve_paths
from ferflow.apps.recognise import MEAN, Recognised
from ferflow.apps.sink import frame_sink
from ferflow.aus.trim import Trimmed
from ferflow.classes import EMOTIONS_CONTEMPT, EMOTIONS_NEUTRAL
from ferflow.datasets.affectnet import CLASSES
from ferflow.errors import FerflowError

SIZE = 32


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """An untrained network: its answers are noise, but always the same noise."""
    import torch

    from ferflow.models.affect import AffectNetwork, save
    from ferflow.settings.affect import AffectHeads

    torch.manual_seed(4)
    heads = AffectHeads(expression=[8], valence=[8], arousal=[8])
    network = AffectNetwork("compact", SIZE, heads)
    path = tmp_path_factory.mktemp("affect") / "model.pt"
    save(path, network, CLASSES, {"model": "compact-ccc", "synthetic": True})
    return path


def recognised(n_frames=6, fps=25.0, source="clips/film.mp4", classes=EMOTIONS_CONTEMPT, affect=True):
    """A clip whose third frame shows no face, and whose valence rises while its arousal falls."""
    tracked = np.ones(n_frames, bool)
    tracked[2 : 2 + (n_frames > 2)] = False
    shares = np.full((n_frames, len(classes)), 0.05)
    shares[:, 3] += 1 - shares[0].sum()
    pair = np.stack([np.linspace(-0.5, 0.75, n_frames), np.linspace(0.5, -0.25, n_frames)], axis=1)
    shares[~tracked], pair[~tracked] = np.nan, np.nan
    clip_shares = None if n_frames == 1 else shares[tracked].mean(axis=0)
    boxes, none = np.full((n_frames, 4), 3.0), np.full(n_frames, np.nan)
    kept = Trimmed(0, n_frames, float("nan"), False, MEAN)
    names = tuple(classes)
    affect = pair if affect else None
    return Recognised(
        source, fps, names, names, tracked, boxes, none, shares, none, kept, clip_shares, False, (), affect
    )


def rendered_face(weights_folder):
    """A portrait of the package's own generator, RGB uint8 [480,640,3]."""
    from ferflow.datasets.synth4d import facemodel, identity
    from ferflow.datasets.synth4d.render import Renderer

    model = facemodel.load(weights_folder)
    person = identity.draw(model, "female", np.random.default_rng(5))
    still = np.zeros(len(model.names))
    frame = Renderer(model, person, 640, 480).frame(still, np.zeros(3), np.zeros(2), still)
    return np.ascontiguousarray(frame[:, :, ::-1])


def asked(model_file):
    return models.load_model(model_file)


def screen(clip) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    predict_screen.show_clip(console, clip)
    return console.export_text()


def test_the_model_says_what_its_network_says(model_file):
    import torch

    from ferflow.models.affect import load

    model = asked(model_file)
    assert (model.name, model.synthetic) == ("compact-ccc", True)
    assert (model.has_head, model.has_affect) == (False, True)
    assert set(model.frame_classes) == set(EMOTIONS_CONTEMPT) and model.faces.size == SIZE
    crops = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    shares, affect = model.affect(crops)
    network, content = load(model_file)
    with torch.inference_mode():
        logits, pair = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    assert model.frame_classes == tuple(content["classes"])
    np.testing.assert_allclose(shares, logits.softmax(1).numpy(), atol=1e-5)
    np.testing.assert_allclose(affect, pair.numpy(), atol=1e-5)
    assert affect.shape == (3, 2) and np.abs(affect).max() <= 1
    np.testing.assert_allclose(model.frames(crops)[1], shares)


def test_the_table_has_valence_and_arousal_of_frames_and_clip(model_file, tmp_path):
    clip, model = recognised(), asked(model_file)
    predict_files.write(tmp_path / "out.csv", [clip, recognised(1, source="still.png")], model)
    table = tables.read(tmp_path / "out.csv", "recognised")
    film = table[table.source == "clips/film.mp4"]
    whole, frames = film.iloc[0], film.iloc[1:]
    assert whole.level == "clip" and len(frames) == 6
    np.testing.assert_allclose(frames.valence, clip.affect[:, 0], atol=1e-6)
    assert np.isnan(frames.arousal.iloc[2])
    assert whole.valence == pytest.approx(frames.valence.mean(), abs=1e-5)
    assert whole.arousal == pytest.approx(frames.arousal.mean(), abs=1e-5)
    assert whole.p_contempt == pytest.approx(0.05) and whole.predicted == "happy"
    still = table[table.source == "still.png"]
    assert still.level.tolist() == ["frame"] and still.valence.iloc[0] == pytest.approx(-0.5)


def test_json_has_them_too(model_file):
    content = predict_files.as_json([recognised()], asked(model_file))
    clip = content["clips"][0]
    assert clip["valence"] == pytest.approx(np.nanmean(recognised().affect[:, 0]), abs=1e-6)
    assert clip["frames"][0]["arousal"] == 0.5 and clip["frames"][2]["valence"] is None
    json.dumps(content, allow_nan=False)


def test_a_model_without_them_has_no_such_columns(model_file, tmp_path):
    clip = recognised(classes=EMOTIONS_NEUTRAL, affect=False)
    table = predict_files.as_table([clip], asked(model_file))
    assert not {"valence", "arousal", "p_contempt"} & set(table.columns)
    assert "valence" not in screen(clip)


def test_the_screen_shows_means_and_peaks_with_their_times():
    lines = predict_screen.affect_lines(recognised())
    wanted = "valence mean +0.15, lowest -0.50 (0.0 s), highest +0.75 (0.2 s)"
    assert " ".join(lines[0].split()) == wanted
    assert "highest +0.50 (0.0 s)" in lines[1] and "lowest -0.25 (0.2 s)" in lines[1]
    assert "(frame 5)" in predict_screen.affect_lines(recognised(fps=0.0))[0]
    text = screen(recognised())
    assert "contempt" in text and "arousal" in text and "no face" in text


def test_of_a_photo_the_screen_shows_its_values():
    lines = predict_screen.affect_lines(recognised(1))
    assert [line.split() for line in lines] == [["valence", "-0.50"], ["arousal", "+0.50"]]
    assert "valence" in screen(recognised(1))


@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_the_curve_is_drawn_whole(tmp_path, ending):
    path = tmp_path / f"curve{ending}"
    affect_curve.write(recognised(), path, synthetic=True)
    head = path.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if ending == ".png" else b"<?xml" in head
    assert list(tmp_path.iterdir()) == [path]
    if ending == ".svg":
        assert "trained on synthetic data" in path.read_text()


def test_the_curve_has_the_values_and_a_gap_without_a_face():
    clip = recognised()
    axes = affect_curve.curve(clip, synthetic=False).axes[0]
    valence, arousal = (line.get_ydata() for line in axes.lines[:2])
    np.testing.assert_allclose(valence, clip.affect[:, 0])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), np.arange(6) / 25)
    assert np.isnan(arousal[2])


def test_a_single_frame_and_a_model_without_valence_have_no_curve(tmp_path):
    with pytest.raises(FerflowError, match="single frame"):
        affect_curve.write(recognised(1), tmp_path / "a.svg", False)
    with pytest.raises(FerflowError, match="no valence and arousal"):
        affect_curve.write(recognised(affect=False), tmp_path / "a.svg", False)
    assert not list(tmp_path.iterdir())


def test_where_curves_go():
    film, other = Source(Path("x/film.mp4")), Source(Path("y/film.avi"))
    assert curve_paths(None, [film]) == [None]
    assert curve_paths(Path("a.png"), [film]) == [Path("a.png")]
    assert [path.name for path in curve_paths(Path("out"), [film, other])] == [
        "film-curve.svg",
        "film-2-curve.svg",
    ]
    with pytest.raises(FerflowError, match="one file for 2 clips"):
        curve_paths(Path("a.svg"), [film, other])
    with pytest.raises(ValueError, match=r"--curve a\.pdf: the ending must be \.svg or \.png"):
        Options(["a.mp4"], curve=Path("a.pdf"))


def test_a_curve_of_a_network_without_valence_is_refused_in_one_line(tmp_path):
    import torch

    from ferflow.models import spatial

    torch.manual_seed(0)
    path = tmp_path / "single.pt"
    spatial.save(path, spatial.build("compact", 7), EMOTIONS_NEUTRAL, {"synthetic": False})
    with pytest.raises(FerflowError, match="no valence and arousal for --curve") as error:
        predict.run(Options([str(path)], path, curve=tmp_path / "a.svg"))
    assert "\n" not in str(error.value)


@pytest.mark.wheel
def test_a_rendered_face_from_file_to_csv_and_curve(model_file, weights_folder, tmp_path, capsys):
    """From the video to table, copy and curve, by Haar's cascade, on a face of our own generator."""
    face = rendered_face(weights_folder)
    video, out = tmp_path / "face.avi", tmp_path / "out.csv"
    with frame_sink(video, 10) as sink:
        for _ in range(4):
            sink.add(face)
    curve = tmp_path / "curve.svg"
    options = Options(
        [str(video)], model_file, out, tmp_path / "copy.mp4", weights_folder=tmp_path, curve=curve
    )
    assert predict.run(options) == 0
    said = capsys.readouterr().out
    assert "valence" in said and "curve:" in said and curve.is_file()
    table = tables.read(out, "recognised")
    assert table.level.tolist() == ["clip"] + ["frame"] * 4
    assert table.valence.between(-1, 1).all() and table.arousal.notna().all()
    shares = table[[f"p_{name}" for name in EMOTIONS_CONTEMPT]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-4)
