"""The other two sources of action units: OpenFace's files and py-feat's detector."""

import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.aus import pyfeat, run
from ferflow.aus.openface import read_openface
from ferflow.aus.trim import algorithm1, au_score
from ferflow.classes import AU_COLUMNS, AU_SCORE_COLUMNS
from ferflow.errors import FerflowError, InputError, SettingError
from ferflow.faces import store
from ferflow.faces.video import read_image

FEAT_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)


def write_openface(path, n_frames=3, **columns):
    """A small file as OpenFace writes it: spaces before the names, frames from 1."""
    table = {
        "frame": np.arange(1, n_frames + 1),
        "face_id": 0,
        "timestamp": 0.04 * np.arange(n_frames),
        "confidence": 0.98,
        "success": 1,
        **{column: np.round(0.1 * np.arange(n_frames), 2) for column in AU_COLUMNS},
        "AU28_c": 1.0,
        **columns,
    }
    frame = pd.DataFrame(table)
    frame.columns = [frame.columns[0]] + [f" {name}" for name in frame.columns[1:]]
    frame.to_csv(path, index=False)
    return path


def test_the_real_file_is_read_scored_and_trimmed(real_faces, small_settings, tmp_path):
    path = real_faces / "OpenFace_Test.csv"
    table = read_openface(path)
    raw = pd.read_csv(path, skipinitialspace=True)
    assert len(table) == len(raw) == 100
    assert table["frame"].tolist() == list(range(100)) and raw["frame"].iloc[0] == 1
    assert np.allclose(table[list(AU_COLUMNS)], raw[list(AU_COLUMNS)])
    tables.write(table.assign(clip_id="x"), tmp_path / "aus.csv", "aus")
    score = au_score(table)
    assert np.allclose(score, raw[list(AU_SCORE_COLUMNS)].mean(axis=1))
    trimmed = algorithm1(score, small_settings().trim)
    half = score.max() / 2
    assert trimmed.max_score == score.max()
    assert trimmed.anomaly == (score.argmax() >= 80)
    assert 0 <= trimmed.begin < trimmed.end <= 90
    assert (score[: trimmed.begin] < half).all() and score[trimmed.begin] >= half


def test_failed_frames_and_frames_left_out_have_no_intensities(tmp_path):
    path = write_openface(tmp_path / "a.csv", 4, success=[1, 0, 1, 1])
    table = read_openface(path)
    assert table["success"].tolist() == [1, 0, 1, 1]
    assert table["AU12_r"].isna().tolist() == [False, True, False, False]
    path = write_openface(tmp_path / "b.csv", 3, frame=[1, 2, 5])
    assert read_openface(path)["success"].tolist() == [1, 1, 0, 0, 1]


def test_of_several_faces_the_one_seen_most_is_taken(tmp_path):
    path = write_openface(
        tmp_path / "a.csv",
        5,
        frame=[1, 1, 2, 2, 3],
        face_id=[0, 1, 0, 1, 1],
        AU12_r=[9.0, 1.0, 9.0, 2.0, 3.0],
    )
    assert read_openface(path)["AU12_r"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "does not exist"),
        ("", "is not a readable CSV table"),
        ("frame, success\n1, 1\n", "lacks OpenFace's column confidence, AU01_r"),
    ],
)
def test_files_that_are_not_openfaces(tmp_path, text, says):
    path = tmp_path / "x.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_openface(path)
    with pytest.raises(InputError, match="a frame twice"):
        read_openface(write_openface(tmp_path / "twice.csv", 2, frame=[1, 1]))
    with pytest.raises(InputError, match="empty or wrong values"):
        read_openface(write_openface(tmp_path / "text.csv", 2, success=["1", "yes"]))


@pytest.fixture(scope="module")
def stored(tmp_path_factory, real_faces, weights_folder, small_settings):
    """A clip of 34 frames (more than py-feat is given at once), one of them without a face."""
    folder = tmp_path_factory.mktemp("stored")
    face = cv2.resize(read_image(real_faces / "single_face.jpg"), (320, 314))
    (folder / "clip").mkdir()
    for index in range(34):
        frame = np.full_like(face, 90) if index == 20 else face
        cv2.imwrite(str(folder / "clip" / f"{index}.png"), frame[..., ::-1])
    rows = pd.DataFrame({"clip_id": ["S1_happy"], "source": ["clip"]})
    store.write_subject(rows, folder / "S1.h5", weights_folder, small_settings().faces, folder)
    return folder / "S1.h5"


class StandIn:
    """Answers as py-feat 2.1.5 does: a line per face, and one of nothing for an image without a face."""

    def __init__(self):
        self.calls = []

    def detect(self, images, data_type, batch_size, progress_bar):
        assert data_type == "tensor" and images.shape[1] == 3 and batch_size == len(images)
        offset = sum(self.calls)
        self.calls.append(len(images))
        lines = []
        for i in range(len(images)):
            units = {f"AU{n:02d}": 0.01 * n for n in FEAT_UNITS} | {"AU12": (offset + i) / 40}
            lines.append({"frame": i, "FaceScore": 0.9, **units})
        lines.append({**lines[0], "FaceScore": 0.2, "AU12": 1.0})  # a second, fainter face
        if len(images) > 5:
            lines[5] = {"frame": 5, "FaceScore": 0.0, **dict.fromkeys(units, np.nan)}
        return pd.DataFrame(lines)


def test_py_feats_columns_become_openfaces(stored):
    stand_in = StandIn()
    table = pyfeat.PyFeat(stand_in).intensities(stored, "S1_happy")
    assert stand_in.calls == [32, 2]
    assert len(table) == 34
    assert table["success"].tolist() == [0 if i in (5, 20) else 1 for i in range(34)]
    assert table["AU12_r"].iloc[10] == pytest.approx(5 * 10 / 40)
    assert table["AU12_r"].iloc[0] == 0.0  # of the face with the greater score
    assert table["AU12_r"].iloc[33] == pytest.approx(5 * 33 / 40, abs=1e-4)
    assert table["AU45_r"].iloc[10] == pytest.approx(5 * 0.43)  # from AU43
    assert table["AU06_r"].iloc[10] == pytest.approx(5 * 0.06)
    assert set(table.columns) == {"frame", "confidence", "success", *AU_COLUMNS}


def test_without_py_feat_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "feat", None)
    with pytest.raises(FerflowError, match=r"pip install ferflow\[pyfeat\]") as caught:
        pyfeat.PyFeat()
    assert "\n" not in str(caught.value)


def test_without_its_models_one_line_says_so(monkeypatch):
    class Feat:
        @staticmethod
        def Detectorv1(**_):
            raise OSError("hub not reachable")

    monkeypatch.setitem(sys.modules, "feat", Feat)
    with pytest.raises(FerflowError, match="neither fetched from its hub nor found in its cache"):
        pyfeat.PyFeat()


def test_all_sources_through_one_door(stored, weights_folder, small_settings, tmp_path):
    out = tmp_path / "S1.csv"
    run.write_subjects(stored, out, [["S1_happy"]], small_settings().aus, weights_folder)
    table = tables.read(out, "aus")
    assert len(table) == 34 and table["success"].sum() == 33
    # A face that does not move has no expression of its own.
    assert au_score(table).max() < 0.3
    aus = small_settings({"aus": {"backend": "openface", "openface_folder": str(tmp_path)}}).aus
    write_openface(tmp_path / "S1_happy.csv", 34)
    run.write_subjects(stored, out, [["S1_happy"]], aus, weights_folder)
    assert tables.read(out, "aus")["AU12_r"].iloc[33] == pytest.approx(3.3)
    write_openface(tmp_path / "S1_happy.csv", 30)
    with pytest.raises(InputError, match="has 30 frames, the clip has 34"):
        run.write_subjects(stored, out, [["S1_happy"]], aus, weights_folder)
    with pytest.raises(SettingError, match=r"aus\.openface_folder: is not set"):
        aus = aus.model_copy(update={"openface_folder": None})
        run.write_subjects(stored, out, [["S1_happy"]], aus, weights_folder)
