"""Human answers: what is refused, what is counted, and numbers against statsmodels and CREMA-D."""

from __future__ import annotations

import re
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import InputError, SettingError
from ferflow.evaluation import predictions
from ferflow.evaluation import run as evaluation
from ferflow.humans import annotations, annotators, measures, results, run, votes
from ferflow.humans.annotations import annotation_clips
from ferflow.humans.annotators import order
from ferflow.humans.results import mistaken_for, per_annotator, per_clip, summarise
from ferflow.report import humans as figures
from ferflow.report import rendering
from ferflow.report.names import model_label
from ferflow.settings import Evaluation, SimulatedAnnotators

EVALUATION = Evaluation(bootstrap=400, confidence=0.95, by=[], controls=False)
NOISE = SimulatedAnnotators(
    annotators=6, skill=1.5, skill_spread=0.4, faintness=3.0, clip_spread=1.0, confusion=0.7
)
SUBJECTS = ("F001", "F002", "M001", "M002")
CREMAD = Path(__file__).parents[3] / "shared/data/cremad_face_votes.csv.gz"


def manifest(subjects=SUBJECTS, synthetic=True):
    rows = [(f"{subject}_{emotion}", subject, emotion) for subject in subjects for emotion in EMOTIONS]
    frame = pd.DataFrame(rows, columns=["clip_id", "subject_id", "emotion"])
    sex = np.where(frame["subject_id"].str[0] == "F", "female", "male")
    about = {"split": "", "source": "a.avi", "n_frames": 9, "fps": 25.0, "width": 9, "height": 9}
    return frame.assign(sex=sex, **about, sha256="0" * 64, synthetic=synthetic)


def answered(clips, people=("anna", "ben", "cem"), seed=0, right=0.7):
    """Random answers of `people` about all of `clips`."""
    rng = np.random.default_rng(seed)
    rows = [
        (name, clip, label if rng.random() < right else str(rng.choice(EMOTIONS)))
        for name in people
        for clip, label in zip(clips["clip_id"], clips["emotion"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["annotator", "clip_id", "emotion"])


def random_votes(n=40, k=6, most=12, seed=1):
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=n)
    counts = np.stack([rng.multinomial(rng.integers(2, most), 0.5 * np.eye(k)[i] + 0.5 / k) for i in labels])
    clips = pd.DataFrame({"clip_id": [f"c{i:02d}" for i in range(n)]}).assign(
        subject_id=[f"s{i % 9}" for i in range(n)],
        emotion=np.asarray(EMOTIONS)[labels],
        synthetic=False,
    )
    return votes.Votes(clips, counts, EMOTIONS[:k])


@pytest.fixture
def folder(tmp_path):
    tables.write(manifest(), tmp_path / "manifest.csv", "manifest")
    (tmp_path / "splits.json").write_text('{"test": ["F002", "M002"], "folds": [["F001"], ["M001"]]}')
    return tmp_path


# --- what is read, and what is refused -------------------------------------------------------------


def test_asked_are_the_test_subjects_clips(folder):
    clips = annotation_clips(folder / "manifest.csv", folder / "splits.json", EMOTIONS)
    assert set(clips["subject_id"]) == {"F002", "M002"} and len(clips) == 12
    assert len(annotation_clips(folder / "manifest.csv", None, EMOTIONS)) == 24
    assert len(annotation_clips(folder / "manifest.csv", None, EMOTIONS[:2])) == 8
    with pytest.raises(InputError, match="does not exist; run the workflow"):
        annotation_clips(folder / "manifest.csv", folder / "gone.json", EMOTIONS)
    (folder / "splits.json").write_text('{"test": ["X"]}')
    with pytest.raises(InputError, match="leaves no clip to be annotated"):
        annotation_clips(folder / "manifest.csv", folder / "splits.json", EMOTIONS)


def test_annotations_of_foreign_spelling_are_read(folder):
    (folder / "a.csv").write_text(
        "annotator,clip_id,emotion\nAnna,F001_angry,Anger\n anna ,F001_sad,sadness\nben,F001_sad,happy\n"
    )
    read = annotations.read(folder / "a.csv", manifest(), EMOTIONS)
    assert read[["annotator", "predicted"]].to_numpy().tolist() == [
        ["Anna", "angry"],
        ["Anna", "sad"],
        ["ben", "happy"],
    ]
    assert read["emotion"].tolist() == ["angry", "sad", "sad"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("annotator,clip_id,emotion\nanna,X_sad,sad\n", "line 2, clip X_sad: it is not in the manifest"),
        (
            "annotator,clip_id,emotion\nanna,F001_sad,sad\nben,F001_sad,sad\nAnna,F001_sad,fear\n",
            "line 4, clip F001_sad: annotator Anna has answered it before; keep one row",
        ),
        (
            "annotator,clip_id,emotion\nanna,F001_sad,bored\n",
            "line 2, clip F001_sad: emotion 'bored' is not among the classes; use angry",
        ),
        ("annotator,clip,emotion\nanna,F001_sad,sad\n", "lacks the column clip_id"),
        ("annotator,clip_id,emotion\n", "holds no annotations"),
        ("annotator,clip_id,emotion\n,F001_sad,sad\n", "does not match"),
        (f"annotator,clip_id,emotion\n{'x' * 41},F001_sad,sad\n", "line 2: a pseudonym has at most 40"),
    ],
)
def test_bad_annotations_are_one_line(folder, text, said):
    (folder / "a.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        annotations.read(folder / "a.csv", manifest(), EMOTIONS)
    assert said in str(caught.value) and str(caught.value).startswith(f"{folder}/a.csv: ")
    assert "\n" not in str(caught.value)


def evaluated(source, answers, manifest_csv, splits_json, out):
    """All files in the folder `out`; the lines that are announced."""
    lines = []
    outs = (out / "majority.csv", out / "human_clips.csv")
    paths = (answers, manifest_csv, splits_json)
    run.write(source, *paths, *outs, 0.5, EVALUATION, EMOTIONS, 3, announce=lines.append)
    return lines


def test_an_annotator_with_half_the_clips_is_named(folder):
    frame = answered(manifest())
    half = frame[(frame["annotator"] != "ben") | frame["clip_id"].str.startswith("F")]
    tables.write(half, folder / "a.csv", "annotations")
    lines = evaluated("annotations", folder / "a.csv", folder / "manifest.csv", None, folder)
    assert lines == [
        f"warning: {folder}/a.csv: annotator ben has answered 12 of 24 clips; shares are of the answered ones"
    ]
    table = tables.read(folder / "human_accuracy.csv", "human_accuracy")
    notes = table[table["emotion"] == "all"].set_index("annotator")["note"]
    assert (
        notes["ben"] == "12 of 24 clips; fewer than 20 subjects" and notes["anna"] == "fewer than 20 subjects"
    )
    assert tables.read(folder / "human_clips.csv", "human_clips")[
        "n_annotators"
    ].value_counts().to_dict() == {
        3: 12,
        2: 12,
    }


def test_names_of_simulated_annotators_are_theirs_alone(folder):
    mixed = pd.concat([answered(manifest(), ("simulated-01",)), answered(manifest(), ("anna",))])
    tables.write(mixed, folder / "a.csv", "annotations")
    with pytest.raises(InputError, match="mixes simulated annotators with people"):
        evaluated("annotations", folder / "a.csv", folder / "manifest.csv", None, folder)
    assert model_label("simulated-human-majority") == "simulated human majority"


def test_votes_are_read_by_the_names_of_their_columns(folder):
    (folder / "v.csv").write_text("clip_id,votes_happy,Anger\nF001_happy,7,2\nF001_angry,0,1\n")
    read = votes.read(folder / "v.csv", manifest(), EMOTIONS)
    assert read.clips["clip_id"].tolist() == ["F001_angry", "F001_happy"]
    assert read.counts.tolist() == [[1, 0, 0, 0, 0, 0], [2, 0, 0, 7, 0, 0]]
    assert read.right.tolist() == [1, 7] and read.n.tolist() == [1, 9]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clip_id,happy,bored\nF001_sad,1,2\n", "the column bored is not among the classes"),
        ("clip_id,happy,votes_happy\nF001_sad,1,2\n", "has two columns of happy"),
        ("clip_id,happy\nX_sad,1\n", "line 2, clip X_sad: it is not in the manifest"),
        ("clip_id,happy\nF001_sad,1\nF001_sad,1\n", "line 3, clip F001_sad: it stands twice"),
        ("clip_id,happy\nF001_sad,0\n", "line 2, clip F001_sad: it has no votes"),
        ("clip_id,happy\nF001_sad,1.5\n", "is not a whole number"),
        ("clip_id,happy\nF001_sad,-1\n", "is below 0"),
        ("clip,happy\nF001_sad,1\n", "lacks the column clip_id"),
    ],
)
def test_bad_votes_are_one_line(folder, text, said):
    (folder / "v.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        votes.read(folder / "v.csv", manifest(), EMOTIONS)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1001_IEO_NEU_XX,0,0,0,0,9,0,8,N", "the votes do not add up to numResponses"),
        ("1001_IEO_BOR_XX,0,0,0,0,9,0,9,N", "its third part is not an emotion"),
        ("1001,0,0,0,0,9,0,9,N", "does not match"),
    ],
)
def test_bad_cremad_tables_are_one_line(tmp_path, row, said):
    (tmp_path / "v.csv").write_text(f"fileName,A,D,F,H,N,S,numResponses,emoVote\n{row}\n")
    with pytest.raises(InputError, match=said):
        votes.read_cremad(tmp_path / "v.csv")


# --- what is computed ------------------------------------------------------------------------------


def test_order_is_an_annotators_own_and_stays_when_a_clip_is_added():
    clips = manifest()["clip_id"].tolist()
    anna = order(clips, "Anna")
    assert sorted(anna) == sorted(clips) and anna != sorted(clips)
    assert order(reversed(clips), " anna") == anna
    assert order(clips, "ben") != anna
    assert [clip for clip in order([*clips, "new"], "anna") if clip != "new"] == anna


def test_counts_are_those_of_the_answers():
    frame = answered(manifest())
    answers = annotations.check(frame, manifest(), EMOTIONS, "a.csv")
    counted = annotations.to_votes(answers, EMOTIONS)
    assert counted.counts.sum() == len(frame) == 72
    for clip, row in zip(counted.clips["clip_id"], counted.counts, strict=True):
        own = frame.loc[frame["clip_id"] == clip, "emotion"]
        assert row.tolist() == [(own == emotion).sum() for emotion in EMOTIONS]
    share = (answers["predicted"] == answers["emotion"]).mean()
    assert counted.right.sum() / counted.n.sum() == pytest.approx(share)


def test_kappa_is_statsmodels_and_its_extension_agrees():
    from statsmodels.stats.inter_rater import fleiss_kappa

    rng = np.random.default_rng(2)
    counts = np.stack([rng.multinomial(9, 0.4 * np.eye(6)[i % 6] + 0.1) for i in range(50)])
    assert measures.fleiss(counts) == pytest.approx(fleiss_kappa(counts))
    # The formula for varying numbers, on equal ones, is the same.
    assert measures._kappas(measures._terms(counts).sum(0, keepdims=True))[0] == pytest.approx(
        fleiss_kappa(counts)
    )
    # By hand: two clips, agreement 1 and 1/3; shares 4/5 and 1/5.
    assert measures.fleiss(np.array([[2, 0], [2, 1]])) == pytest.approx((2 / 3 - 0.68) / (1 - 0.68))
    # A clip with one vote says nothing about agreement.
    assert measures.fleiss(np.array([[2, 0], [2, 1], [0, 1]])) == measures.fleiss(np.array([[2, 0], [2, 1]]))
    assert np.isnan(measures.fleiss(np.array([[3, 0], [2, 0]])))


def test_interval_of_kappa_is_that_of_drawn_subjects():
    found = random_votes()
    estimate = measures.fleiss_with_interval(found.counts, found.clips["subject_id"], EVALUATION, 5)
    assert estimate.value == measures.fleiss(found.counts) and estimate.low < estimate.value < estimate.high
    # The same draws, one by one.
    from ferflow.evaluation.bootstrap import Spread, chunked_draws, interval

    names, unit = np.unique(found.clips["subject_id"], return_inverse=True)
    slow = [
        measures.fleiss(
            np.concatenate([np.repeat(found.counts[unit == u], t, 0) for u, t in enumerate(times)])
        )
        for drawn in chunked_draws(len(names), 400, np.random.default_rng(5))
        for times in drawn
    ]
    spread = Spread(np.array(slow), len(names) - 1, len(unit))
    assert (estimate.low, estimate.high) == pytest.approx(
        interval(estimate.value, spread, 0.95, "coefficient")
    )


def test_share_and_its_interval():
    right, n, units = np.array([1, 0, 2, 3]), np.array([2, 2, 2, 3]), list("aabc")
    found = measures.share(right, n, units, EVALUATION, 1)
    assert found.value == pytest.approx(6 / 9) and found.low < found.value < found.high
    perfect = measures.share(n, n, units, EVALUATION, 1)
    # Wilson's for 4 of 4 clips, not for 9 of 9 answers, with Student's quantile for 3 subjects.
    assert (perfect.low, perfect.high) == pytest.approx((4 / (4 + 4.302653**2), 1.0), rel=1e-6)
    assert measures.share(n, n, list("aaaa"), EVALUATION, 1).low is None
    assert np.isnan(measures.share(n * 0, n * 0, units, EVALUATION, 1).value)


def test_medians_are_numpys_of_repeated_values():
    rng = np.random.default_rng(4)
    values, weights = rng.random(7).round(1), rng.integers(0, 4, (50, 7))
    weights[0] = 0
    found = measures.weighted_medians(values, weights)
    assert np.isnan(found[0])
    for median, times in zip(found[1:], weights[1:], strict=True):
        assert median == np.median(np.repeat(values, times))
    groups = np.array([0, 0, 0, 1, 1, 1, 1])
    each, mean = measures.medians(values, groups, 2, list("abcabca"), EVALUATION, 1)
    assert [e.value for e in each] == [np.median(values[:3]), np.median(values[3:])]
    assert mean.value == pytest.approx(np.mean([e.value for e in each])) and mean.low < mean.high


def test_majority_breaks_ties_by_the_order_of_the_classes():
    clips = pd.DataFrame({"clip_id": ["a", "b", "c"]}).assign(
        subject_id=["1", "2", "3"], emotion=["fear", "happy", "sad"], synthetic=False
    )
    counts = np.array([[2, 0, 2, 0, 0, 0], [0, 0, 0, 3, 1, 0], [0, 1, 1, 0, 0, 2]])
    found = votes.Votes(clips, counts, EMOTIONS)
    won = results.majority(found)
    assert won.winner.tolist() == [0, 3, 5]
    assert won.tied.tolist() == [True, False, False] and won.among.tolist() == [True, True, False]
    table = summarise(found, None, 0.5, EVALUATION, 1).query("emotion == 'all'").set_index("measure")["value"]
    assert table["majority_accuracy"] == pytest.approx(1 / 3)
    assert table["majority_ties_wrong"] == pytest.approx(1 / 3)
    assert table["majority_ties_right"] == pytest.approx(2 / 3)
    assert table["tied"] == pytest.approx(1 / 3)


def test_summary_on_a_random_table_equals_other_libraries():
    from sklearn.metrics import accuracy_score

    found = random_votes()
    table = summarise(found, None, 0.5, EVALUATION, 1)
    value = table.set_index(["measure", "emotion"])["value"]
    truth = np.repeat(found.clips["emotion"], found.n)
    said = np.concatenate([np.repeat(EMOTIONS, row) for row in found.counts])
    assert value["accuracy", "all"] == pytest.approx(accuracy_score(truth, said))
    for emotion in EMOTIONS:
        own = truth == emotion
        assert value["accuracy", emotion] == pytest.approx(accuracy_score(truth[own], said[own.to_numpy()]))
    medians = [value["median_accuracy", emotion] for emotion in EMOTIONS]
    shares = (found.right / found.n)[found.labels == 3]
    assert value["median_accuracy", "happy"] == np.median(shares)
    assert value["mean_of_medians", "all"] == pytest.approx(np.mean(medians))
    assert value["fleiss_kappa", "all"] == measures.fleiss(found.counts)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_per_clip_and_mistaken_on_a_small_table():
    clips = pd.DataFrame({"clip_id": ["a", "b", "c", "d"]}).assign(
        subject_id=["1", "2", "3", "3"], emotion=["angry", "angry", "angry", "happy"], synthetic=False
    )
    counts = np.array([[1, 3, 0, 0, 1, 0], [2, 2, 0, 0, 0, 0], [1, 0, 2, 0, 2, 0], [0, 0, 0, 5, 0, 0]])
    found = votes.Votes(clips, counts, EMOTIONS)
    table = per_clip(found, 0.5, EVALUATION).set_index("clip_id")
    assert table["agreement"].tolist() == [0.2, 0.5, 0.2, 1.0]
    # Half is not more than half.
    assert table["mistaken"].tolist() == [True, False, True, False]
    assert table["mistaken_for"].tolist() == ["disgust", "", "fear", ""]
    assert table["tied"].tolist() == [False, True, True, False]
    assert table.loc["d", "low"] == pytest.approx(5 / (5 + 1.959964**2))
    taken = mistaken_for(found, 0.5, EVALUATION, 1).set_index(["emotion", "mistaken_for"])
    angry = taken.loc["angry"]
    assert angry["n_answers"].to_dict() == {"disgust": 3, "fear": 2, "happy": 0, "sad": 3, "surprise": 0}
    assert angry.loc["sad", "share"] == pytest.approx(3 / 8) and (angry["n_clips"] == 2).all()
    assert angry["n_most"].to_dict() == {"disgust": 1, "fear": 1, "happy": 0, "sad": 0, "surprise": 0}
    assert taken.loc["happy", "share"].isna().all()


def test_accuracy_per_annotator_and_emotion():
    frame = answered(manifest(), right=0.5)
    answers = annotations.check(frame, manifest(), EMOTIONS, "a.csv")
    table = per_annotator(answers, EMOTIONS, 24, {}, EVALUATION, 1).set_index(["annotator", "emotion"])
    own = answers[(answers["annotator"] == "ben") & (answers["emotion"] == "sad")]
    assert table.loc[("ben", "sad"), "accuracy"] == (own["predicted"] == "sad").mean()
    assert table.loc[("ben", "all"), "n_clips"] == 24
    assert (table["low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["high"]).all()


def test_confusion_holds_every_answer():
    found = random_votes()
    table = results.confusion(found, True)
    assert table["count"].sum() == found.counts.sum() and (table["model"] == "simulated-human").all()
    row = table[(table["emotion"] == "fear") & (table["predicted"] == "sad")].iloc[0]
    assert row["count"] == found.counts[found.labels == 2, 4].sum()


# --- simulated annotators --------------------------------------------------------------------------


def test_simulated_annotators_follow_their_model():
    clips = manifest([f"F{i:03d}" for i in range(1, 41)])
    strong, weak = dict(zip(clips["clip_id"], repeat(1.0))), dict(zip(clips["clip_id"], repeat(0.4)))
    noise = NOISE.model_copy(update={"skill_spread": 0.0, "clip_spread": 0.0})
    labels = clips.set_index("clip_id")["emotion"]

    def right(strengths, noise):
        drawn = annotators.simulate(clips, strengths, noise, EMOTIONS, 7)
        return drawn, drawn["emotion"].to_numpy() == labels[drawn["clip_id"]].to_numpy()

    drawn, hits = right(strong, noise)
    assert hits.mean() == pytest.approx(1 / (1 + np.exp(-1.5)), abs=0.03)
    assert right(weak, noise)[1].mean() == pytest.approx(1 / (1 + np.exp(1.8 - 1.5)), abs=0.04)
    # The lure is one for all: most wrong answers about a clip are the same.
    wrong = (
        drawn[~hits].groupby("clip_id")["emotion"].agg(lambda said: said.value_counts().iloc[0] / len(said))
    )
    assert wrong.mean() > 0.75
    only_lures = right(strong, noise.model_copy(update={"confusion": 1.0}))
    named = only_lures[0][~only_lures[1]]
    from ferflow.datasets.synth4d.expression import CONFUSABLE

    assert all(said in CONFUSABLE[labels[clip]] for clip, said in named[["clip_id", "emotion"]].to_numpy())


def test_simulated_annotators_are_the_same_again_and_do_not_hang_on_each_other():
    clips = manifest()
    strengths = dict(zip(clips["clip_id"], repeat(0.8)))
    first = annotators.simulate(clips, strengths, NOISE, EMOTIONS, 7)
    assert first.equals(annotators.simulate(clips, strengths, NOISE, EMOTIONS, 7))
    assert not first.equals(annotators.simulate(clips, strengths, NOISE, EMOTIONS, 8))
    more = annotators.simulate(clips, strengths, NOISE.model_copy(update={"annotators": 9}), EMOTIONS, 7)
    kept = more[more["annotator"].isin(first["annotator"].unique())].reset_index(drop=True)
    assert kept.equals(first) and more["annotator"].nunique() == 9


def truth_of(clips):
    columns = tables.schema("truth").required
    return pd.DataFrame(
        [(clip, 5, 20, 30, 50, 15, 40, 0.8, False) for clip in clips["clip_id"]], columns=columns
    )


def test_a_clip_of_unknown_strength_cannot_be_simulated(folder):
    tables.write(truth_of(manifest()).iloc[:-1], folder / "truth.csv", "truth")
    with pytest.raises(InputError, match="clip M002_surprise has no known strength"):
        run.write_simulated(
            folder / "manifest.csv", None, [folder / "truth.csv"], folder / "s.csv", NOISE, EMOTIONS, 1
        )
    assert not (folder / "s.csv").exists()


def test_settings_say_where_the_answers_come_from(small_settings):
    assert small_settings().humans.source("synth4d") == "simulated"
    assert small_settings().humans.source("bu4dfe") is None
    assert small_settings({"humans": {"annotations": "a.csv"}}).humans.source("synth4d") == "annotations"
    assert small_settings({"humans": {"votes": "v.csv"}}).humans.source("bu4dfe") == "votes"
    with pytest.raises(SettingError, match="give annotations or votes, not both"):
        small_settings({"humans": {"votes": "v.csv", "annotations": "a.csv"}})


# --- the whole way ---------------------------------------------------------------------------------


@pytest.fixture
def study(folder):
    """Tables of simulated annotators about the two test subjects' clips."""
    tables.write(truth_of(manifest()), folder / "truth.csv", "truth")
    paths = [folder / "manifest.csv", folder / "splits.json"]
    run.write_simulated(*paths, [folder / "truth.csv"], folder / "s.csv", NOISE, EMOTIONS, 1)
    evaluated("annotations", folder / "s.csv", *paths, folder)
    return folder


def test_every_table_says_that_annotators_are_simulated(study):
    for name in (*run.TABLES, run.ANNOTATORS_TABLE):
        schema = "confusion" if name == "human_confusion" else name
        shown = rendering.rendered(tables.read(study / f"{name}.csv", schema), schema, "Title")
        few = re.sub("; fewer than 20 (subject|annotator)s", "", shown.marks)
        assert few == "synthetic data; simulated annotators", name
        assert not {"simulated annotators", "synthetic data"} & set(shown.headings)
    assert set(tables.read(study / "s.csv", "annotations")["annotator"]) == {
        f"simulated-{i:02d}" for i in range(1, 7)
    }


def test_answers_and_majority_are_predictions_that_evaluation_takes(study):
    paths = [study / "annotators.csv", study / "majority.csv"]
    frame = predictions.read(paths, EMOTIONS, study / "manifest.csv")
    assert set(frame["protocol"]) == {"human"} and len(frame) == 7 * 12
    assert set(frame["model"]) == {
        "simulated-human-majority",
        *(f"simulated-0{i}" for i in range(1, 7)),
    }
    assert set(frame["role"]) == {"simulated"}
    outs = [study / name for name in ("m.json", "results.csv", "confusion.csv")]
    evaluation.evaluate(paths, study / "manifest.csv", EVALUATION, EMOTIONS, "honest", 1, *outs)
    results = tables.read(study / "results.csv", "results")
    own = results[results["metric"] == "accuracy"].set_index("model")["value"]
    summary = tables.read(study / "human_summary.csv", "human_summary")
    voted = summary[(summary["measure"] == "majority_accuracy") & (summary["emotion"] == "all")][
        "value"
    ].item()
    assert own["simulated-human-majority"] == pytest.approx(voted)
    table = tables.read(study / "human_accuracy.csv", "human_accuracy")
    first = table[(table["annotator"] == "simulated-01") & (table["emotion"] == "all")].iloc[0]
    assert own["simulated-01"] == pytest.approx(first["accuracy"])


def test_predictions_of_annotators_are_read_as_annotations(study):
    read = annotations.read(study / "annotators.csv", manifest(), EMOTIONS)
    drawn = tables.read(study / "s.csv", "annotations")
    assert read[["annotator", "clip_id", "predicted"]].to_numpy().tolist() == drawn.to_numpy().tolist()
    with pytest.raises(InputError, match="protocol is not human"):
        annotations.read(_as_test(study), manifest(), EMOTIONS)


def _as_test(study):
    frame = tables.read(study / "majority.csv", "predictions").assign(protocol="test")
    frame[["fold", "seed"]] = frame[["fold", "seed"]].astype("Int64")
    tables.write(frame, study / "model.csv", "predictions")
    return study / "model.csv"


def test_votes_give_the_same_as_the_annotations_they_count(study):
    counted = tables.read(study / "human_clips.csv", "human_clips")
    columns = ["clip_id", *(f"votes_{emotion}" for emotion in EMOTIONS)]
    tables.write(counted[columns], study / "v.csv", "votes")
    out = study / "votes"
    paths = [study / "manifest.csv", study / "splits.json"]
    evaluated("votes", study / "v.csv", *paths, out)
    for name in ("human_clips", "human_mistaken"):
        one, other = tables.read(study / f"{name}.csv", name), tables.read(out / f"{name}.csv", name)
        assert one.drop(columns="simulated").equals(other.drop(columns="simulated")), name
    assert not (out / "human_accuracy.csv").exists()
    measures = set(tables.read(out / "human_summary.csv", "human_summary")["measure"])
    assert "fleiss_kappa" in measures and "annotator_mean_of_medians" not in measures
    assert tables.read(out / "majority.csv", "predictions")["model"].unique() == ["human-majority"]


def test_figures_are_the_same_bytes_and_name_what_they_show(study):
    def draw(folder):
        boxed = study / "human_clips.csv", study / "human_accuracy.csv", study / "human_summary.csv"
        figures.write_boxes(*boxed, folder / "boxes.svg", 0.95)
        figures.write_mistaken(study / "human_mistaken.csv", folder / "mistaken.svg", 0.5)
        tables_ = study / "human_accuracy.csv", study / "human_summary.csv"
        figures.write_annotators(*tables_, folder / "annotators.svg", 0.95)
        return {path.name: path.read_text() for path in folder.glob("*.svg")}

    first, again = draw(study / "one"), draw(study / "two")
    assert first == again and len(first) == 3
    for name, text in first.items():
        assert "simulated annotators" in text and "synthetic data" in text, name
    assert "(a) per clip (n = 12)" in first["boxes.svg"] and "(b) per annotator (n = 6)" in first["boxes.svg"]
    assert "simulated-01" in first["annotators.svg"] and "majority vote" in first["annotators.svg"]
    assert "more than 50 % of the annotators mistook" in first["mistaken.svg"]
    boxed = study / "human_clips.csv", None, study / "human_summary.csv"
    figures.write_boxes(*boxed, study / "votes.svg", 0.95)
    assert "per annotator" not in (study / "votes.svg").read_text()


@pytest.mark.skipif(not CREMAD.exists(), reason="the ratings of CREMA-D are not beside the repository")
def test_cremad_gives_its_known_figures():
    found = votes.read_cremad(CREMAD)
    assert found.counts.shape == (7442, 6) and found.counts.sum() == 71654
    assert found.clips["subject_id"].nunique() == 91
    small = EVALUATION.model_copy(update={"bootstrap": 20})
    value = summarise(found, None, 0.5, small, 1).set_index(["measure", "emotion"])["value"]
    known = {"angry": 0.568, "disgust": 0.544, "fear": 0.438, "happy": 0.877, "neutral": 0.715, "sad": 0.321}
    assert value["accuracy", "all"] == pytest.approx(0.5744, abs=5e-5)
    for emotion, share in known.items():
        assert value["accuracy", emotion] == pytest.approx(share, abs=5e-4), emotion
    assert value["fleiss_kappa", "all"] == pytest.approx(0.456, abs=5e-4)
    # The publisher's own column of the most frequent answers, with a colon between those that tie.
    published = tables.read(CREMAD, "cremad_votes").set_index("fileName")["emoVote"]
    letters = published[found.clips["clip_id"]].str.split(":")
    won = results.majority(found)
    assert (won.tied == (letters.str.len() > 1).to_numpy()).all()
    winners = [found.emotions[k] for k in won.winner]
    among = [w in {votes.CREMAD_LETTERS[x] for x in ls} for w, ls in zip(winners, letters, strict=True)]
    assert all(among)
