"""Pictures of what the networks see, from a study's files: models, faces, features, predictions."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from cascade import write_cascade
from ferflow import tables
from ferflow.classes import AU_COLUMNS, EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.explain import network_run
from ferflow.explain.preprocessing_figures import Example
from ferflow.models import spatial, temporal
from ferflow.training.final import load_final

N, WINDOW = 14, (3, 11)
GONE = 5
"""A frame without a face inside the window."""


@pytest.fixture
def study(small_settings, tmp_path):
    """One subject with a clip of each of three emotions, and a compact+bilstm with its predictions."""
    torch.manual_seed(5)
    settings = small_settings({"temporal": {"heads": {"bilstm": {"units": 4}}}})
    network = spatial.build("compact", len(EMOTIONS_NEUTRAL)).eval()
    spatial.save(tmp_path / "spatial.pt", network, EMOTIONS_NEUTRAL, {"synthetic": True})
    head = temporal.build("bilstm", 32, 6, settings.temporal.heads["bilstm"])
    write_cascade(tmp_path / "model.pt", network, head, settings)
    final = load_final(tmp_path / "model.pt")
    rng = np.random.default_rng(2)
    clips, trims, said, scores = [], [], [], []
    with h5py.File(tmp_path / "F001.h5", "w") as faces:
        (tmp_path / "features").mkdir()
        with h5py.File(tmp_path / "features/F001.h5", "w") as features:
            for emotion, answer in (("angry", "angry"), ("fear", "sad"), ("sad", "sad")):
                clip = f"F001_{emotion}"
                group = faces.create_group(clip)
                group["frames"] = rng.integers(0, 256, (N, 60, 60, 3), np.uint8)
                group["tracked"] = np.arange(N) != GONE
                group["boxes"], group["scores"] = np.zeros((N, 4), np.float32), np.ones(N, np.float32)
                group["landmarks"] = np.zeros((N, 468, 3), np.float32)
                rows = final.features(group["frames"][:]).astype(np.float16)
                rows[GONE] = np.nan
                features[clip] = rows
                name = {"clip_id": clip, "subject_id": "F001", "emotion": emotion}
                clips.append(name | {"n_frames": N})
                trims.append((clip, N, *WINDOW, 2.0, False, "test", False))
                shares = dict.fromkeys((f"p_{e}" for e in EMOTIONS), 0.1) | {f"p_{answer}": 0.5}
                said.append(name | {"predicted": answer} | shares)
                score = pd.DataFrame({"clip_id": clip, "frame": range(N), "confidence": 1.0, "success": 1})
                scores.append(score.assign(**{column: np.arange(N) / N for column in AU_COLUMNS}))
    manifest = pd.DataFrame(clips).assign(split="", source="a.avi", fps=25.0, width=9, height=9, sex="female")
    tables.write(manifest.assign(sha256="0" * 64, synthetic=True), tmp_path / "manifest.csv", "manifest")
    columns = tables.schema("trim").names
    tables.write(pd.DataFrame(trims, columns=columns), tmp_path / "trim.csv", "trim")
    marks = {"model": "compact+bilstm", "protocol": "test", "fold": None, "seed": 1}
    tables.write(pd.DataFrame(said).assign(**marks), tmp_path / "said.csv", "predictions")
    tables.write(pd.concat(scores), tmp_path / "aus.csv", "aus")
    return tmp_path


def draw(study, settings, name):
    network_run.deciding_frames(
        study / "model.pt",
        study / "said.csv",
        [study / "F001.h5"],
        [study / "features/F001.h5"],
        study / "trim.csv",
        study / "manifest.csv",
        study / name,
        ("angry", "fear", "sad"),
        1,
        7,
        settings.pictures,
    )
    return (study / name).read_text(encoding="utf-8")


def test_deciding_frames_of_a_right_and_a_wrong_clip_of_each_emotion(study, small_settings):
    settings = small_settings({"pictures": {"steps": 8}})
    drawn = draw(study, settings, "one.svg")
    assert drawn == draw(study, settings, "two.svg")
    assert "<!-- synthetic data -->" in drawn
    assert "fear → sad, 0.50" in drawn and "angry, 0.50" in drawn
    assert "no clip of fear" in drawn and "was mistaken" in drawn
    assert drawn.count("<image") == 3 * 2
    shown = {int(part.split(" ")[0]) for part in drawn.split("<!-- frame ")[1:] if part[0].isdigit()}
    assert shown and shown <= set(range(*WINDOW)) - {GONE}


def test_features_of_the_decisive_frame_are_those_of_the_store(study, small_settings, monkeypatch):
    """The logit that the map explains is the one of the clip as the head was shown it."""
    asked = []
    real = network_run.attribution.class_map

    def spy(network, image, layer, ask):
        asked.append(float(ask(network.features(image, layer)).detach()))
        return real(network, image, layer, ask)

    monkeypatch.setattr(network_run.attribution, "class_map", spy)
    draw(study, small_settings({"pictures": {"steps": 8}}), "spied.svg")
    final = load_final(study / "model.pt")
    expected = []
    with h5py.File(study / "features/F001.h5") as features, torch.no_grad():
        for emotion, answer in (("angry", "angry"), ("fear", "sad"), ("sad", "sad")):
            rows = np.delete(features[f"F001_{emotion}"][:], GONE, 0)[WINDOW[0] : WINDOW[1] - 1]
            clip = torch.from_numpy(rows.astype(np.float32))[None]
            logits = final.head(clip, torch.ones(1, len(rows), dtype=torch.bool))
            expected.append(float(logits[0, final.classes.index(answer)]))
    assert asked == pytest.approx(expected, abs=2e-3)


def test_feature_maps_of_every_block(study, small_settings):
    example = Example(
        "F001_fear", study / "F001.h5", study / "aus.csv", study / "trim.csv", study / "manifest.csv"
    )
    settings = small_settings().pictures
    network_run.feature_maps(study / "spatial.pt", example, study / "maps.svg", 1, 7, settings)
    drawn = (study / "maps.svg").read_text(encoding="utf-8")
    assert drawn.count("<image") == 1 + 6
    assert "64 of 128 maps" in drawn and "F001_fear, frame 10" in drawn
