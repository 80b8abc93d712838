"""Networks on frames and fusions as models that `ferflow predict` runs."""

from __future__ import annotations

from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from cascade import write_cascade
from ferflow import tables
from ferflow.apps import models, predict
from ferflow.apps.predict_files import as_json, as_table
from ferflow.apps.recognise import KeptFrames, Recognised, _Course
from ferflow.aus.trim import Trimmed
from ferflow.classes import EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.errors import InputError, WeightsError
from ferflow.fusion.rules import fuse
from ferflow.models import endtoend, spatial, temporal
from ferflow.settings import C3dSettings, ConvLstmSettings

SIZES = {"frames": 8, "size": 24}
NETWORKS = {
    "c3d": C3dSettings(filters=[2], dense=[4], sampling="even", **SIZES),
    "convlstm": ConvLstmSettings(filters=[2], dense=[4], sampling="first", **SIZES),
}


def save(folder, name, settings, **changed):
    """The file of an untrained network on frames, as a study leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    network = endtoend.build(name, len(EMOTIONS), NETWORKS[name]).eval()
    made = {part: getattr(settings, part).model_dump(mode="json") for part in ("faces", "aus", "trim")}
    made = {part: values | changed.get(part, {}) for part, values in made.items()}
    endtoend.save(folder / "model.pt", network, EMOTIONS, {"synthetic": True, "settings": made})
    return folder / "model.pt"


@pytest.fixture
def study(tmp_path, small_settings):
    """A study's folder with two networks on frames, a cascade, and a table of fusions."""
    settings, folder = small_settings(), tmp_path / "results" / "one"
    for name in NETWORKS:
        save(folder / "models" / "end_to_end" / name / "final", name, settings)
    torch.manual_seed(0)
    network = spatial.build("compact", len(EMOTIONS_NEUTRAL))
    head = temporal.build("lstm", network.layers["dense"], len(EMOTIONS), settings.temporal.heads["lstm"])
    final = folder / "models" / "heads" / "compact+lstm" / "final"
    final.mkdir(parents=True)
    write_cascade(final / "model.pt", network, head, settings, True)
    rows = [
        ("c3d", "alone", "c3d", ""),
        ("fusion-all-weighted", "weighted", "compact+lstm, c3d, convlstm", "0.5000, 0.2500, 0.7500"),
        ("fusion-pair-maximum", "maximum", "c3d, convlstm", ""),
        ("fusion-stacking", "logistic regression", "c3d, convlstm", ""),
    ]
    table = pd.DataFrame(rows, columns=["model", "rule", "models", "weights"])
    table = table.assign(name="x", n_models=2, cv=0.5, cv_clips=9, synthetic=True, note="")
    (folder / "tables").mkdir()
    tables.write(tables.from_rows(table, "fusion"), folder / "tables" / "fusion.csv", "fusion")
    return folder


def crops(n=11):
    return np.random.default_rng(3).integers(0, 256, (n, 160, 160, 3), dtype=np.uint8)


def told(model, shown, numbers):
    """What `model` says of the frames `numbers` of a clip whose frames come one block after another."""
    stored = np.concatenate([model.frames(part)[0] for part in np.split(shown, [4, 7])])
    return model.clip(KeptFrames(stored, np.asarray(numbers)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_on_frames_sees_what_it_would_be_trained_on(study, name):
    """Of nine kept frames eight: evenly spread, or the first; at its size, zeros behind a short clip."""
    from ferflow.training.frames import resize

    path = study / "models" / "end_to_end" / name / "final" / "model.pt"
    model, network = models.load_model(path), endtoend.load(path)[0]
    shown = crops()
    small = np.empty((len(shown), 24, 24, 3), np.uint8)
    resize(shown, small)
    kept = [0, 1, 2, 4, 5, 6, 7, 9, 10]
    seen = {"c3d": [0, 1, 2, 4, 6, 7, 9, 10], "convlstm": kept[:8]}[name]
    for numbers, expected in ((kept, seen), ([3, 4], [3, 4])):
        clip, mask = np.zeros((1, 8, 24, 24, 3), np.uint8), torch.arange(8)[None] < len(expected)
        clip[0, : len(expected)] = small[expected]
        with torch.inference_mode():
            wanted = network(torch.from_numpy(clip), mask)[0].double().softmax(0).numpy()
        np.testing.assert_allclose(told(model, shown, numbers), wanted, rtol=1e-6)
    assert model.name == name and model.has_head and model.synthetic and model.frame_classes == ()


def test_a_fusion_is_its_members_by_its_rule(study):
    shown, numbers = crops(), [0, 2, 3, 5, 6, 8, 10]
    inside = study / "models"
    paths = [inside / "heads/compact+lstm", inside / "end_to_end/c3d", inside / "end_to_end/convlstm"]
    members = [models.load_model(path / "final" / "model.pt") for path in paths]
    each = np.stack([told(member, shown, numbers) for member in members])[:, None]
    fused = models.load_model(study / "tables" / "fusion.csv:fusion-all-weighted")
    wanted = fuse(each, "weighted", np.array([0.5, 0.25, 0.75]))[0]
    np.testing.assert_allclose(told(fused, shown, numbers), wanted, rtol=1e-6)
    np.testing.assert_array_equal(fused.frames(shown)[1], members[0].frames(shown)[1])
    # Both networks on frames see them at one size: they are kept once.
    assert fused.frames(shown)[0].shape[1] == members[0].frames(shown)[0].shape[1] + 24 * 24 * 3
    pair = models.load_model(study / "tables" / "fusion.csv:fusion-pair-maximum")
    wanted = fuse(each[1:], "maximum", np.empty(0))[0]
    np.testing.assert_allclose(told(pair, shown, numbers), wanted, rtol=1e-6)
    assert pair.frame_classes == () and pair.name == "fusion-pair-maximum"


def test_what_no_fusion_can_be_made_of_is_one_line(study, small_settings):
    table = study / "tables" / "fusion.csv"
    for name, line in (
        ("fusion-stacking", "is a stack, whose weights are in no file; choose from fusion-all-weighted"),
        ("c3d", "has no fusion c3d"),
    ):
        with pytest.raises(WeightsError, match=line):
            models.load_model(table.with_name(f"fusion.csv:{name}"))
    folder = study / "models" / "end_to_end" / "convlstm" / "final"
    save(folder, "convlstm", small_settings(), trim={"threshold": 0.9})
    with pytest.raises(WeightsError, match="was trained on other faces, action units or classes than"):
        models.load_model(table.with_name("fusion.csv:fusion-pair-maximum"))
    (folder / "model.pt").unlink()
    with pytest.raises(WeightsError, match=r"convlstm/final/model.pt: does not exist"):
        models.load_model(table.with_name("fusion.csv:fusion-pair-maximum"))


@pytest.mark.parametrize("backend", ["openface", "pyfeat"])
def test_a_model_of_action_units_that_no_video_gives_is_refused(tmp_path, small_settings, backend):
    model = models.load_model(save(tmp_path, "c3d", small_settings(), aus={"backend": backend}))
    options = predict.Options(["x.mp4"], weights_folder=tmp_path)
    with pytest.raises(WeightsError, match=f"trained with action units by {backend}, which cannot follow"):
        predict.watchers(model, options)


def test_a_single_image_is_refused_and_frames_without_classes_are_written(study, tmp_path):
    model = models.load_model(study / "models" / "end_to_end" / "c3d" / "final" / "model.pt")
    course = _Course(model, None, BytesIO(), None)
    course.tracked = [True]
    with pytest.raises(InputError, match=r"face\.png: is a single image, which c3d cannot tell"):
        course.finish(SimpleNamespace(source="face.png"))
    n, k = 3, len(EMOTIONS)
    clip = Recognised(
        "a.mp4", 25.0, (), EMOTIONS, np.ones(n, bool), np.ones((n, 4)), np.ones(n), np.empty((n, 0)),
        np.ones(n), Trimmed(0, n, 1.0, False, "all"), np.full(k, 1 / k), True, (),
    )  # fmt: skip
    table = as_table([clip], model)
    tables.write(table, tmp_path / "out.csv", "recognised")
    assert table["predicted"].isna().tolist() == [False, True, True, True]
    frame = as_json([clip], model)["clips"][0]["frames"][0]
    assert frame["predicted"] is None and frame["probabilities"] is None
