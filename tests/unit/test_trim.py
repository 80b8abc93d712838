"""Algorithm 1 (thesis, section 3.2.1), frame for frame."""

import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.aus.trim import algorithm1, au_score, write_trim
from ferflow.classes import AU_COLUMNS
from ferflow.errors import InputError


@pytest.fixture
def trim(small_settings):
    def make(**changes):
        return small_settings({"trim": changes}).trim

    return make


def peak(n_frames: int, at: int) -> np.ndarray:
    """A score that is low everywhere but in one frame."""
    score = np.full(n_frames, 0.1)
    score[at] = 2.0
    return score


def aus_table(clips: dict[str, np.ndarray]) -> pd.DataFrame:
    """AU tables whose score is the given curve."""
    parts = []
    for clip_id, score in clips.items():
        columns = {column: np.asarray(score, float) for column in AU_COLUMNS}
        frame = np.arange(len(score))
        parts.append(
            pd.DataFrame({"clip_id": clip_id, "frame": frame, "confidence": 1.0, "success": 1, **columns})
        )
    return pd.concat(parts, ignore_index=True)


def clips(folder, *names):
    """A list of clips, of which trimming goes by the names alone."""
    about = dict.fromkeys(("split", "sex"), "") | {"subject_id": "S1", "emotion": "sad", "source": "x"}
    about |= {"n_frames": 9, "fps": 25.0, "width": 9, "height": 9, "sha256": "", "synthetic": True}
    tables.write(pd.DataFrame({"clip_id": names, **about}), folder / "clips.csv", "manifest")
    return folder / "clips.csv"


def test_onset_and_offset_below_half_are_cut(trim):
    score = np.concatenate([np.linspace(0, 2, 21), np.full(50, 2.0), np.linspace(2, 0, 21)])
    trimmed = algorithm1(score, trim())
    # 0, 0.1 ... 0.9 are strictly below 1.0; frame 10, at 1.0, is kept. The same at the end.
    assert (trimmed.begin, trimmed.end, trimmed.anomaly) == (10, 92 - 10, False)
    assert trimmed.max_score == 2.0


def test_the_last_ten_frames_always_go(trim):
    score = np.full(100, 1.0)
    trimmed = algorithm1(score, trim())
    assert (trimmed.begin, trimmed.end) == (0, 90)


def test_at_the_end_cutting_goes_on_after_ten_while_the_score_is_low(trim):
    score = np.full(100, 1.0)
    score[85:] = 0.2
    assert algorithm1(score, trim()).end == 85
    score[92] = 0.9  # inside the ten that always go
    assert algorithm1(score, trim()).end == 85


def test_a_side_that_stopped_stays_stopped(trim):
    score = np.full(100, 1.0)
    score[2:20] = 0.0  # low again after the first frames
    trimmed = algorithm1(score, trim())
    assert (trimmed.begin, trimmed.end) == (0, 90)


def test_exactly_half_of_the_maximum_is_kept(trim):
    score = np.full(60, 1.0)
    score[0], score[1], score[30] = 0.9999, 1.0, 2.0
    assert algorithm1(score, trim()).begin == 1


def test_as_printed_it_can_cut_one_frame_more_than_half_and_fewer_than_ten_at_the_end(trim):
    settings = trim(anomaly_frames=0)
    trimmed = algorithm1(peak(30, 15), settings)
    assert (trimmed.begin, trimmed.end) == (8, 22)  # 16 of 30, 8 of them at the end
    assert trimmed.reason == "stopped at 0.5 of the clip"
    odd = algorithm1(peak(31, 15), settings)  # half is 15.5: eight rounds
    assert (odd.begin, odd.end) == (8, 23)


def test_strict_tests_before_each_cut(trim):
    trimmed = algorithm1(peak(30, 15), trim(anomaly_frames=0, algorithm="strict"))
    assert (trimmed.begin, trimmed.end) == (8, 23)  # 15 of 30
    settings = trim(anomaly_frames=0, algorithm="strict")
    for n_frames in range(4, 80):
        for at in range(n_frames):
            cut = algorithm1(peak(n_frames, at), settings)
            assert n_frames - (cut.end - cut.begin) <= n_frames / 2


def test_the_two_variants_agree_where_half_is_not_reached(trim):
    random = np.random.default_rng(5)
    variants = trim(), trim(algorithm="strict")
    for _ in range(50):
        score = np.concatenate(
            [random.uniform(0, 0.9, 8), random.uniform(1, 2, 80), random.uniform(0, 0.9, 9)]
        )
        score[40] = 2.0
        printed, strict = (algorithm1(score, settings) for settings in variants)
        assert (printed.begin, printed.end) == (strict.begin, strict.end)


def test_a_maximum_within_the_last_twenty_frames_is_an_anomaly_and_left_whole(trim):
    inside, outside = algorithm1(peak(100, 80), trim()), algorithm1(peak(100, 79), trim())
    assert (inside.begin, inside.end, inside.anomaly) == (0, 100, True)
    assert inside.reason == "maximum within the last 20 frames"
    assert not outside.anomaly and outside.begin > 0


def test_none_keeps_all_and_an_image_stays_one_frame(trim):
    kept = algorithm1(peak(100, 50), trim(algorithm="none"))
    assert (kept.begin, kept.end, kept.anomaly, kept.max_score) == (0, 100, False, 2.0)
    image = algorithm1(np.array([0.7]), trim())
    assert (image.begin, image.end) == (0, 1)
    assert algorithm1(np.array([0.7]), trim(anomaly_frames=0)).reason == "too short to be cut"


def test_the_score_is_the_mean_without_the_blink_and_bridges_lost_frames():
    frames = aus_table({"a": [1.0, 2.0, 3.0, 4.0]})
    frames["AU45_r"] = 5.0
    assert au_score(frames).tolist() == [1.0, 2.0, 3.0, 4.0]
    frames.loc[[0, 2], "success"] = 0
    frames.loc[[0, 2], list(AU_COLUMNS)] = np.nan
    assert au_score(frames).tolist() == [2.0, 2.0, 3.0, 4.0]
    frames["success"] = 0
    assert np.isnan(au_score(frames)).all()


def test_the_table_of_a_data_set_with_a_persons_choices(trim, tmp_path):
    late = peak(100, 95)
    tables.write(aus_table({"b": peak(100, 50), "a": late}), tmp_path / "one.csv", "aus")
    tables.write(aus_table({"c": np.full(100, 1.0)}), tmp_path / "two.csv", "aus")
    (tmp_path / "by_hand.csv").write_text("clip_id,begin,end\na,12,80\n")
    settings = trim(overrides=str(tmp_path / "by_hand.csv"))
    aus = [tmp_path / "one.csv", tmp_path / "two.csv"]
    write_trim(aus, clips(tmp_path, "a", "b", "c"), tmp_path / "trim.csv", settings)
    table = tables.read(tmp_path / "trim.csv", "trim").set_index("clip_id")
    assert table.index.tolist() == ["a", "b", "c"]
    assert table.loc["a", ["begin", "end", "anomaly", "overridden", "reason"]].tolist() == [
        12,
        80,
        True,
        True,
        "chosen by a person",
    ]
    assert table.loc["c", ["begin", "end", "overridden"]].tolist() == [0, 90, False]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x,1,5", "names the clip x, which is not in the data"),
        ("a,5,5", "clip a: 5:5 is no range of its 100 frames"),
        ("a,5,101", "clip a: 5:101 is no range of its 100 frames"),
        ("a,-1,5", "column begin, line 2"),
    ],
)
def test_choices_that_cannot_be_followed(trim, tmp_path, line, says):
    tables.write(aus_table({"a": peak(100, 50)}), tmp_path / "aus.csv", "aus")
    (tmp_path / "by_hand.csv").write_text(f"clip_id,begin,end\n{line}\n")
    settings = trim(overrides=str(tmp_path / "by_hand.csv"))
    with pytest.raises(InputError, match=says):
        write_trim([tmp_path / "aus.csv"], clips(tmp_path, "a"), tmp_path / "trim.csv", settings)
    assert not (tmp_path / "trim.csv").exists()


def test_a_clip_in_two_tables_is_refused(trim, tmp_path):
    tables.write(aus_table({"a": peak(100, 50)}), tmp_path / "one.csv", "aus")
    with pytest.raises(InputError, match="clip a is in two AU tables"):
        write_trim([tmp_path / "one.csv"] * 2, clips(tmp_path, "a"), tmp_path / "trim.csv", trim())


def test_clips_that_cannot_be_used_are_not_trimmed_and_a_late_face_is_not_cut_off(trim, tmp_path):
    late = aus_table({"late": np.zeros(30), "black": np.zeros(30)})
    lost = late["clip_id"].eq("black") | (late["frame"] < 25)
    late.loc[lost, ["success", *AU_COLUMNS]] = [0, *[np.nan] * len(AU_COLUMNS)]
    tables.write(late, tmp_path / "aus.csv", "aus")
    (tmp_path / "by_hand.csv").write_text("clip_id,begin,end\nblack,1,5\n")
    settings = trim(overrides=str(tmp_path / "by_hand.csv"))
    write_trim([tmp_path / "aus.csv"], clips(tmp_path, "late"), tmp_path / "trim.csv", settings)
    table = tables.read(tmp_path / "trim.csv", "trim")
    assert table[["clip_id", "begin", "end"]].values.tolist() == [["late", 0, 30]]
    with pytest.raises(InputError, match="clip other has no action units"):
        write_trim([tmp_path / "aus.csv"], clips(tmp_path, "other"), tmp_path / "trim.csv", trim())
