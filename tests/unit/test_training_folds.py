"""Folds, early stopping, the final model and the controls, on a tiny study with generated features."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import training_study
from torch import nn
from torch.utils.data import DataLoader

from ferflow import files, tables
from ferflow.classes import AU_COLUMNS, EMOTIONS, EMOTIONS_NEUTRAL
from ferflow.errors import InputError, SplitError, WeightsError
from ferflow.evaluation.predictions import table
from ferflow.models import spatial
from ferflow.seeds import derive_seed
from ferflow.training import baselines, controls, optimise, splits
from ferflow.training.crossval import best_epoch, run_fold, training_subjects
from ferflow.training.data import Batches, ClipFeatures, Study, loader
from ferflow.training.final import final_epochs, folds_table, load_final, train_final
from ferflow.training.fit import fit
from ferflow.training.module import Recipe
from ferflow.training.task import Expression


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("spatial") / "model.pt"
    network = spatial.build("compact", len(EMOTIONS_NEUTRAL))
    spatial.save(path, network, EMOTIONS_NEUTRAL, {"synthetic": True})
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory, model_file) -> training_study.TinyStudy:
    folder = tmp_path_factory.mktemp("study")
    return training_study.write(folder, width=32, model_sha256=files.sha256(model_file))


@pytest.fixture(scope="module")
def settings(small_settings):
    return small_settings(training_study.SMALL)


def fold(study, settings, out: Path, number: int = 0, **changes) -> Path:
    arguments = {
        **study.inputs,
        "temporal": settings.temporal,
        "finalize": settings.finalize,
        "max_frames": settings.features.max_frames,
        "classes": settings.emotions,
        "model": "compact+lstm",
        "seed": settings.seed,
    }
    run_fold("lstm", number, out_folder=out, **(arguments | changes))
    return out


@pytest.fixture(scope="module")
def trained(study, settings, tmp_path_factory) -> Path:
    return fold(study, settings, tmp_path_factory.mktemp("fold") / "fold-0")


def test_a_fold_learns_and_is_judged_on_its_own_original_clips(study, settings, trained):
    predictions = tables.read(trained / "predictions.csv", "predictions")
    held_out = splits.read(study.folder / "splits.json")["folds"][0]
    assert sorted(set(predictions.subject_id)) == sorted(held_out)
    assert predictions.clip_id.is_unique and len(predictions) == 6 * len(held_out)
    assert (predictions.emotion == predictions.predicted).mean() > 0.7  # chance is 1/6
    shares = predictions[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 1, atol=4e-6)
    assert [EMOTIONS[k] for k in shares.argmax(1)] == predictions.predicted.tolist()
    assert set(predictions.protocol) == {"cv"} and set(predictions.fold) == {0}
    history = tables.read(trained / "history.csv", "history")
    assert history.epoch.tolist() == list(range(1, settings.temporal.epochs + 1))
    # The predictions are those of the last epoch, and the curve's last accuracy is theirs.
    accuracy = (predictions.emotion == predictions.predicted).mean()
    assert history.validation_accuracy.iloc[-1] == pytest.approx(accuracy, abs=1e-6)
    assert set(history.learning_rate) == {settings.temporal.learning_rate}
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]


def test_the_early_stopped_run_names_its_best_epoch(settings, trained):
    early = tables.read(trained / "early_history.csv", "history")
    said = json.loads((trained / "best_epoch.json").read_text())
    assert said["fold"] == 0
    assert said["max_accuracy"] == early.validation_accuracy.max()
    assert said["epoch"] == early.epoch[early.validation_accuracy == said["max_accuracy"]].min()
    assert len(early) == min(said["epoch"] + settings.finalize.patience, settings.finalize.max_epochs)


def test_two_runs_give_the_same_bytes(study, settings, trained, tmp_path):
    again = fold(study, settings, tmp_path / "again")
    for name in ("predictions.csv", "history.csv", "early_history.csv", "best_epoch.json"):
        assert (again / name).read_bytes() == (trained / name).read_bytes()
    other = fold(study, settings, tmp_path / "other", seed=settings.seed + 1)
    assert (other / "predictions.csv").read_bytes() != (trained / "predictions.csv").read_bytes()


def test_augmented_clips_are_trained_on_and_never_judged_on(study, settings, monkeypatch, tmp_path):
    seen = []
    real = ClipFeatures.__init__

    def spy(self, *arguments):
        real(self, *arguments)
        seen.append({(path.parent.name, path.stem) for path, *_ in self.items})

    monkeypatch.setattr(ClipFeatures, "__init__", spy)
    fold(study, settings, tmp_path, 2)
    split = splits.read(study.folder / "splits.json")
    training, validation = seen
    assert training == {(a, s) for a in ("none", "flip") for s in training_subjects(split, without=2)}
    assert validation == {("none", subject) for subject in split["folds"][2]}


@pytest.mark.parametrize("how", ["subject", "file"])
def test_a_leak_is_refused(study, settings, tmp_path, how):
    split = json.loads((study.folder / "splits.json").read_text())
    inputs = study.inputs | {"splits": tmp_path / "splits.json", "manifest": tmp_path / "manifest.csv"}
    manifest = tables.read(study.folder / "manifest.csv", "manifest")
    if how == "subject":
        split["folds"][1].append(split["folds"][0][0])
    else:  # the same file under another person's name
        first, second = (manifest.index[manifest.subject_id == split["folds"][k][0]][0] for k in (0, 1))
        manifest.loc[second, "sha256"] = manifest.sha256[first]
    tables.write(manifest, inputs["manifest"], "manifest")
    inputs["splits"].write_text(json.dumps(split))
    with pytest.raises(SplitError, match="stands in" if how == "subject" else "trained on and judged on"):
        fold(study, settings, tmp_path / "out", **inputs)
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_named(study, settings, tmp_path):
    with pytest.raises(SplitError, match="no fold 9"):
        fold(study, settings, tmp_path, 9)
    with pytest.raises(InputError, match=r"none/M006\.h5"):
        without = [path for path in study.features() if path.parts[-2:] != ("none", "M006.h5")]
        for number in range(5):  # M006 is on one side or the other of every fold, unless it is a test subject
            fold(study, settings, tmp_path, number, features=without)
        train_final_of(study, settings, [], tmp_path, tmp_path, features=without)


def test_nothing_is_left_of_an_interrupted_run(study, settings, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import training_study\n"
        "from ferflow.settings import ClipSettings\n"
        "from ferflow.training.crossval import run_fold\n"
        "study = training_study.TinyStudy(Path(sys.argv[2]))\n"
        "s = ClipSettings.model_validate_json(sys.argv[4])\n"
        "run_fold('lstm', 0, **study.inputs, out_folder=sys.argv[3], temporal=s.temporal,\n"
        "    finalize=s.finalize, max_frames=100, classes=s.emotions, model='m', seed=1)\n"
    )
    temporal = settings.temporal.model_copy(update={"epochs": 10_000})
    arguments = [
        str(Path(__file__).parent),
        str(study.folder),
        str(tmp_path / "out"),
        settings.model_copy(update={"temporal": temporal}).model_dump_json(),
    ]
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("epoch 3/" in line for line in process.stderr)
        os.kill(process.pid, signal.SIGTERM)
        began = time.monotonic()
        process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM and time.monotonic() - began < 30
    assert not (tmp_path / "out").exists()


class Scripted(nn.Module):
    """Gives right answers for a scripted share of ten validation items, one share per epoch."""

    def __init__(self, right: list[int]) -> None:
        super().__init__()
        self.right, self.epoch = right, -1
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(x), 2)
        logits[:, 0] = 1
        if not self.training:
            self.epoch += 1
            logits[self.right[self.epoch] :, 1] = 2
        return logits * self.weight


def scripted(right: list[int], epochs: int, patience: int, rate_patience: int) -> pd.DataFrame:
    items = [(torch.zeros(1), torch.tensor(0))] * 10
    schedule = optimise.plateau(0.5, rate_patience)
    recipe = Recipe(optimise.adam(0.1), epochs, schedule=schedule, patience=patience)
    return fit(
        Scripted(right),
        Expression(),
        recipe,
        DataLoader(items, batch_size=10),
        DataLoader(items, batch_size=10),
        "x",
    )


def test_early_stopping_on_a_scripted_series():
    right = [3, 5, 8, 8, 7, 8, 6, 6, 9, 9]
    history = scripted(right, epochs=10, patience=4, rate_patience=2)
    # 8 first comes in epoch 3 and is not beaten in the four epochs after it.
    assert (history.validation_accuracy * 10).round().tolist() == right[:7]
    assert best_epoch(history) == {"epoch": 3, "max_accuracy": 0.8}
    # Epochs 4 and 5 bring nothing: halved from epoch 6 on; nor do 6 and 7.
    assert history.learning_rate.tolist() == [0.1] * 5 + [0.05] * 2
    assert len(scripted(right, epochs=10, patience=6, rate_patience=2)) == 10


def test_epochs_of_the_final_run(tmp_path):
    assert final_epochs([9, 22, 4, 4, 16]) == 11  # thesis, section 3.2.4
    assert final_epochs([1, 2]) == 2 and final_epochs([2, 3]) == 3
    for number, epoch in ((1, 22), (0, 9)):
        row = {"fold": number, "epoch": epoch, "max_accuracy": 0.75}
        (tmp_path / f"{number}.json").write_text(json.dumps(row))
    folds = folds_table([tmp_path / "1.json", tmp_path / "0.json"])
    assert folds.epoch.tolist() == [9, 22] and folds.fold.tolist() == [0, 1]
    with pytest.raises(InputError, match="run the fold again"):
        folds_table([tmp_path / "2.json"])


def early_files(folder: Path, epochs: list[int]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for number, epoch in enumerate(epochs):
        row = {"fold": number, "epoch": epoch, "max_accuracy": 0.5}
        (folder / f"{number}.json").write_text(json.dumps(row))
    return [folder / f"{number}.json" for number in range(len(epochs))]


def train_final_of(study, settings, early, model_file, out, **changes):
    arguments = {**study.inputs, "early": early, "spatial": model_file, "out_folder": out}
    train_final("lstm", settings=settings, **(arguments | changes))


def test_the_final_model_comes_back_whole(study, settings, model_file, tmp_path):
    train_final_of(study, settings, early_files(tmp_path / "early", [3, 5]), model_file, tmp_path / "final")
    history = tables.read(tmp_path / "final" / "history.csv", "history")
    assert len(history) == 4 and history.validation_accuracy.isna().all()
    predictions = tables.read(tmp_path / "final" / "predictions.csv", "predictions")
    split = splits.read(study.folder / "splits.json")
    assert set(predictions.subject_id) == set(split["test"]) and set(predictions.protocol) == {"test"}
    assert predictions.fold.isna().all()
    assert (predictions.emotion == predictions.predicted).mean() > 0.5

    final = load_final(tmp_path / "final" / "model.pt")
    assert final.name == "compact+lstm" and final.synthetic and final.layer == "dense"
    assert final.classes == EMOTIONS and final.frame_classes == EMOTIONS_NEUTRAL
    assert final.trim == settings.trim and final.faces == settings.faces
    assert final.meta["epochs"] == 4 and final.meta["spatial_sha256"] == files.sha256(model_file)
    clip = predictions.iloc[-1]
    kept = tables.read(study.folder / "trim.csv", "trim").set_index("clip_id").loc[clip.clip_id]
    with h5py.File(study.folder / "none" / f"{clip.subject_id}.h5") as file:
        shares = final.predict(file[clip.clip_id][kept.begin : kept.end])
    written = clip[[f"p_{emotion}" for emotion in EMOTIONS]].to_numpy(float)
    np.testing.assert_allclose(shares, written, atol=2e-6)
    # Its frames go through the very weights of the spatial model.
    crops = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    network, _ = spatial.load(model_file)
    with torch.inference_mode():
        expected = network.features(spatial.prepare(crops, network), "dense").numpy()
    np.testing.assert_allclose(final.features(crops), expected, atol=1e-5)
    assert final.predict_frames(crops).shape == (3, 7)
    np.testing.assert_allclose(final.predict_frames(crops).sum(1), 1, atol=1e-5)
    with pytest.raises(InputError, match="no frame"):
        final.predict(np.zeros((0, 32), np.float16))
    with pytest.raises(WeightsError, match="spatial model"):
        load_final(model_file)


def test_without_test_subjects_a_final_model_says_nothing_and_takes_a_clips_own_mean_off(
    study, settings, model_file, tmp_path
):
    split = splits.read(study.folder / "splits.json")
    first, *rest = split["folds"]
    everybody = split | {"test": [], "folds": [[*first, *split["test"]], *rest]}
    splits.write(everybody, tmp_path / "splits.json")
    features = settings.features.model_copy(update={"normalise": "subject"})
    train_final_of(
        study,
        settings.model_copy(update={"features": features}),
        early_files(tmp_path / "early", [2]),
        model_file,
        tmp_path,
        splits=tmp_path / "splits.json",
    )
    assert tables.read(tmp_path / "predictions.csv", "predictions").empty
    final = load_final(tmp_path / "model.pt")
    assert final.extraction.normalise == "subject"
    rows = np.random.default_rng(0).normal(size=(9, 32)).astype(np.float32)
    np.testing.assert_allclose(final.predict(rows + 3), final.predict(rows), atol=1e-5)


def test_baselines_are_judged_in_the_same_folds_and_learn_from_the_others_alone(
    study, settings, model_file, tmp_path
):
    manifest = tables.read(study.folder / "manifest.csv", "manifest")
    for subject, own in manifest.groupby("subject_id"):
        frames = np.concatenate([np.arange(n) for n in own.n_frames])
        rows = pd.DataFrame({"clip_id": np.repeat(own.clip_id, own.n_frames).to_numpy(), "frame": frames})
        rows[["confidence", "success"]] = [1.0, 1]
        rows[list(AU_COLUMNS)] = 0.5
        tables.write(rows, tmp_path / f"{subject}.csv", "aus")
    names = ["majority", "mean", "weighted_mean", "logistic", "logistic_subject"]
    own = settings.baselines.model_copy(update={"run": names, "strengths": [0.1, 1], "inner_folds": 3})
    inputs = study.inputs | {
        "features": study.features("none"),
        "spatial": model_file,
        "out_folder": tmp_path,
    }

    def said(**changes):
        baselines.write(
            **inputs | changes,
            aus=sorted(tmp_path.glob("?0*.csv")),
            settings=settings.model_copy(update={"baselines": own}),
        )
        return {name: tables.read(tmp_path / f"{name}.csv", "predictions") for name in names}

    found = said()
    split = splits.read(study.folder / "splits.json")
    for rows in found.values():
        assert len(rows) == len(manifest) and not rows.clip_id.duplicated().any()
        for number, subjects in enumerate(split["folds"]):
            assert set(rows.subject_id[rows.fold == number]) == set(subjects)
        assert set(rows.subject_id[rows.protocol == "test"]) == set(split["test"])
    right = {name: (rows.emotion == rows.predicted).mean() for name, rows in found.items()}
    assert right["majority"] == pytest.approx(1 / 6)  # all classes are as frequent, and the first wins
    assert right["logistic"] > 0.8 and right["logistic_subject"] > 0.8 > right["mean"]

    # A person whose features are all shifted is the same once their own mean is off; labels of a fold do not
    # change what is said of it.
    relabelled = manifest.copy()
    judged = relabelled.subject_id.isin(split["folds"][0])
    relabelled.loc[judged, "emotion"] = relabelled.loc[judged, "emotion"].to_numpy()[::-1]
    tables.write(relabelled, tmp_path / "manifest.csv", "manifest")
    again = said(manifest=tmp_path / "manifest.csv")
    scores = [f"p_{emotion}" for emotion in EMOTIONS]
    for name in ("logistic", "logistic_subject"):
        before, after = (one[name].set_index("clip_id").sort_index() for one in (found, again))
        own_fold = before.fold == 0
        assert (before.loc[own_fold, scores] == after.loc[own_fold, scores]).all(axis=None)
        assert not (before.loc[~own_fold, scores] == after.loc[~own_fold, scores]).all(axis=None)


def test_features_of_another_model_are_refused(study, settings, model_file, tmp_path):
    other = tmp_path / "model.pt"
    spatial.save(other, spatial.build("compact", 7), EMOTIONS_NEUTRAL, {"synthetic": True})
    with pytest.raises(InputError, match="is not the model that gave the features"):
        train_final_of(study, settings, early_files(tmp_path / "early", [1]), other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_neutral_frames_tell_nothing(study, settings, tmp_path):
    """The signal lies within the kept frames only, so before them the head must stay near chance."""
    out = tmp_path / "neutral.csv"
    early = early_files(tmp_path / "early", [6])
    controls.neutral_frames("lstm", **study.inputs, early=early, truth=[], out=out, settings=settings)
    predictions = tables.read(out, "predictions")
    assert set(predictions.model) == {"control-lstm-on-neutral-frames"}
    assert (predictions.emotion == predictions.predicted).mean() < 0.45  # 12 clips, chance is 2 of them


def test_true_action_units_tell_much(study, settings, tmp_path):
    rng = np.random.default_rng(0)
    manifest = tables.read(study.folder / "manifest.csv", "manifest")
    for clip in manifest.itertuples():
        curves = rng.uniform(0, 0.3, (clip.n_frames, len(AU_COLUMNS)))
        curves[:, EMOTIONS.index(clip.emotion)] += 2
        rows = pd.DataFrame(curves, columns=list(AU_COLUMNS))
        rows.insert(0, "clip_id", clip.clip_id)
        rows.insert(1, "frame", range(clip.n_frames))
        rows.insert(2, "confidence", 1.0)
        rows.insert(3, "success", 1)
        tables.write(rows, tmp_path / "truth" / f"{clip.clip_id}.csv", "aus")
    names = {key: study.inputs[key] for key in ("splits", "manifest")}
    controls.true_aus(**names, truth_folder=tmp_path / "truth", out=tmp_path / "aus.csv", settings=settings)
    predictions = tables.read(tmp_path / "aus.csv", "predictions")
    assert (predictions.emotion == predictions.predicted).all()
    assert set(predictions.model) == {controls.TRUE_AUS} and set(predictions.protocol) == {"test"}


def test_of_equal_classes_the_first_wins():
    clips = pd.DataFrame({"clip_id": ["a"], "subject_id": ["s"], "emotion": ["sad"]})
    shares = np.array([[0.1, 0.2, 0.3, 0.3000000001, 0.05, 0.05]])
    assert table(clips, shares, EMOTIONS, "m", "test", None, 1).predicted.tolist() == ["fear"]


def test_batches_are_padded_to_their_longest_and_kept_within_memory(study, settings):
    inputs = {key: study.inputs[key] for key in ("manifest", "trim", "features")}
    whole = Study.read(**inputs, classes=EMOTIONS, max_frames=100)
    clips = whole.of(training_study.SUBJECTS[:2])
    items = whole.features(clips, ["flip"], memory=1)
    assert len(items) == 24
    features, mask, labels = items[[0, 13, 5]]
    lengths = [len(items.sequence(k)) for k in (0, 13, 5)]
    assert features.shape == (3, max(lengths), 32) and mask.sum(1).tolist() == lengths
    assert labels.tolist() == [0, 1, 5] and (features[~mask] == 0).all()
    begin, end = whole.windows[clips.clip_id[5]]
    with h5py.File(study.folder / "none" / f"{clips.subject_id[5]}.h5") as file:
        np.testing.assert_array_equal(items.sequence(5), file[clips.clip_id[5]][begin:end])
    short = Study.read(**inputs, classes=EMOTIONS, max_frames=4).features(clips, [], memory=0)
    assert len(short.sequence(5)) == 4
    np.testing.assert_array_equal(short.sequence(5), items.sequence(5)[:4])
    assert short.kept == {} and len(items.kept) == 3


def test_shuffles_repeat_with_the_seed_and_sizes_stay_equal():
    first, second = (list(Batches(65, 32, seed)) for seed in (1, 1))
    assert first == second and sorted(map(len, first)) == [21, 22, 22]
    assert sorted(np.concatenate(first)) == list(range(65))
    batches = Batches(65, 32, 1)
    first = list(batches)
    assert list(batches) == first
    batches.set_epoch(1)  # another shuffle each epoch
    assert list(batches) != first
    assert len(loader([0] * 65, 32)) == 3
    assert (
        derive_seed(20, "fold", "lstm", 0)
        == derive_seed(20, "fold", "lstm", 0)
        != derive_seed(20, "fold", "lstm", 1)
    )
