"""Action units out of landmarks: what was put in by the model comes out of the fit."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from ferflow import tables
from ferflow.aus import agreement, mesh
from ferflow.aus.clip import intensities
from ferflow.aus.landmark import LandmarkAus, nonnegative_least_squares
from ferflow.aus.mesh import align
from ferflow.aus.trim import au_score
from ferflow.classes import AU_COLUMNS, AU_SCORE_COLUMNS


@pytest.fixture(scope="module")
def aus(small_settings):
    return small_settings().aus


@pytest.fixture(scope="module")
def model(weights_folder):
    return mesh.load(weights_folder)


def turn(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """A rotation [3,3] by degrees."""
    x, y, z = np.radians([pitch, yaw, roll])
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def film(model, units: dict[str, np.ndarray], poses: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """Landmarks [T,468,3] in pixels, y down, of a person with a face of their own, moving `units` (0-1)."""
    random = np.random.default_rng(3)
    person = model.mean * [1.06, 0.95, 1.0] + 0.4 * random.normal(size=model.mean.shape)
    frames = []
    for t, pose in enumerate(poses):
        face = person + sum(curve[t] * model.columns[model.names.index(au)] for au, curve in units.items())
        frames.append(1.7 * (face @ turn(*pose).T) + [240.0, -300.0, 0.0])
    points = np.array(frames) * [1.0, -1.0, -1.0]
    return points + noise * random.normal(size=points.shape)


def envelope(n_frames: int = 60) -> np.ndarray:
    rise = np.clip((np.arange(n_frames) - 10) / 10, 0, 1)
    return np.minimum(rise, rise[::-1])


def test_alignment_undoes_scale_shift_and_turn(model):
    moved = film(model, {}, np.array([[0, 0, 0], [12, -15, 9]]))
    first, second = align(moved, model.mean)
    assert np.abs(first - second).max() < 0.5  # of 175 units a face
    assert np.allclose(align(model.mean[None] * [1, -1, -1] * 3 + 50, model.mean)[0], model.mean, atol=1e-6)


def test_the_solver_agrees_with_scipys(model):
    random = np.random.default_rng(0)
    design = random.normal(size=(60, 20))
    targets = random.normal(size=(25, 60))
    gram = design.T @ design + 0.1 * np.eye(20)
    solved = nonnegative_least_squares(gram, targets @ design)
    stacked = np.vstack([design, np.sqrt(0.1) * np.eye(20)])
    expected = [nnls(stacked, np.concatenate([target, np.zeros(20)]))[0] for target in targets]
    assert np.allclose(solved, expected, atol=1e-4)
    assert (solved >= 0).all()


@pytest.mark.parametrize(
    ("unit", "column"), [("AU12", "AU12_r"), ("AU04", "AU04_r"), ("AU26", "AU26_r"), ("AU43", "AU45_r")]
)
def test_the_unit_that_moves_is_the_one_that_is_found(model, weights_folder, aus, unit, column):
    curve = envelope()
    points = film(model, {unit: curve}, np.zeros((60, 3)))
    fit = LandmarkAus(weights_folder, aus.model_copy(update={"ridge": 1e-6}))
    fit.set_neutral(points[:3])
    found = fit.linear(align(points, fit.neutral) - fit.neutral)
    at = AU_COLUMNS.index(column)
    assert np.allclose(found[:, at], 5 * curve, atol=0.25)
    assert found[:5, at].max() < 0.05
    assert np.delete(found, at, axis=1).max() < 0.2


def test_the_units_that_openface_has_not_are_left_out(model):
    columns = [column for _, column in model.output()]
    assert sorted(columns) == sorted(AU_COLUMNS)
    left_out = {name for i, name in enumerate(model.names) if i not in dict(model.output())}
    assert left_out == {"AU11", "AU24", "AU28"}


def test_a_moving_head_is_no_expression(model, weights_folder, aus):
    t = np.linspace(0, 2 * np.pi, 60)
    poses = np.column_stack([3 * np.sin(t), 4 * np.sin(2 * t), 2 * np.cos(t)])
    still = au_score(intensities(film(model, {}, poses), np.ones(60, bool), LandmarkAus(weights_folder, aus)))
    assert still.max() < 0.1
    curve = envelope()
    moving = {"AU06": curve, "AU12": curve, "AU25": 0.6 * curve}
    score = au_score(
        intensities(film(model, moving, poses, 0.3), np.ones(60, bool), LandmarkAus(weights_folder, aus))
    )
    assert np.corrcoef(score, curve)[0, 1] > 0.98
    true = 5 * (2 + 0.6) / len(AU_SCORE_COLUMNS) * curve
    assert 0.8 < agreement.slope(score, true) < 1.25
    assert score.max() > 3 * still.max()


def test_lost_frames_have_no_intensities_and_confidence_is_the_scores(model, weights_folder, aus):
    points = film(model, {"AU12": envelope()}, np.zeros((60, 3)))
    tracked = np.ones(60, bool)
    tracked[[0, 30]] = False
    points[~tracked] = np.nan
    table = intensities(points, tracked, LandmarkAus(weights_folder, aus), np.where(tracked, 2.0, np.nan))
    assert table["success"].tolist() == tracked.astype(int).tolist()
    assert table.loc[[0, 30], list(AU_COLUMNS)].isna().all(axis=None)
    assert table["confidence"].iloc[1] == pytest.approx(0.8808)  # of a logit of 2
    assert table["confidence"].iloc[0] == 0.0
    assert table["AU12_r"].iloc[29] == pytest.approx(table["AU12_r"].iloc[31], abs=0.01)
    nothing = intensities(points, np.zeros(60, bool), LandmarkAus(weights_folder, aus))
    assert len(nothing) == 60 and nothing["success"].sum() == 0


def test_frame_by_frame_is_the_same_as_all_at_once(model, weights_folder, aus):
    points = film(model, {"AU04": envelope()}, np.zeros((60, 3)), 0.3)
    fit = LandmarkAus(weights_folder, aus)
    fit.set_neutral(points[: aus.neutral_frames])
    single = np.concatenate([fit.fit(points[t : t + 1]) for t in range(0, 60, 10)])
    table = intensities(points, np.ones(60, bool), LandmarkAus(weights_folder, aus))
    assert np.allclose(single, table[list(AU_COLUMNS)].to_numpy()[::10], atol=1e-3)


def test_agreement_with_the_truth(tmp_path):
    curve = envelope(100)

    def table(clip_id, score):
        columns = {column: score for column in AU_COLUMNS}
        frame = np.arange(len(score))
        return pd.DataFrame({"clip_id": clip_id, "frame": frame, "confidence": 1.0, "success": 1, **columns})

    found = pd.concat([table("A_sad", 2 * curve + 0.5), table("A_fear", curve[::-1] * np.arange(100) / 50)])
    true = pd.concat([table("A_sad", curve), table("A_fear", curve)])
    trims = pd.DataFrame(
        {
            "clip_id": ["A_sad", "A_fear"],
            "begin": [12, 0],
            "end": [88, 100],
            "anomaly": [False, True],
            "overridden": [False, False],
        }
    )
    truth = pd.DataFrame({"clip_id": ["A_sad", "A_fear"], "half_begin": [15, 15], "half_end": [86, 86]})
    emotions = pd.Series({"A_sad": "sad", "A_fear": "fear"})
    compared = agreement.compare(found, true, trims, truth, emotions)
    assert compared["correlation"].iloc[0] == pytest.approx(1.0)
    assert compared["correlation"].iloc[1] < 0.95
    assert compared["slope"].iloc[0] == pytest.approx(2.0)
    assert compared.loc[0, ["begin_error", "end_error"]].tolist() == [-3, 2]
    assert compared.loc[1, ["begin_error", "end_error"]].isna().all()
    tables.write(compared, tmp_path / "agreement.csv", "au_agreement")
    summary = agreement.summarise(tables.read(tmp_path / "agreement.csv", "au_agreement")).set_index(
        "emotion"
    )
    assert summary.index.tolist() == ["fear", "sad", "all"]
    assert summary.loc["all", ["clips", "anomalies", "begin_error", "end_error"]].tolist() == [2, 1, 3.0, 2.0]
    tables.write(summary.reset_index(), tmp_path / "summary.csv", "au_agreement_summary")
