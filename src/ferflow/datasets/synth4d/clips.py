"""The synthetic clips of a subject, in the structure of BU-4DFE, with the truth that the generator knows.

Everything random comes from (seed, stream, sex, number): a subject is the same however many others there are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import tables
from ferflow.classes import AU_COLUMNS, AU_SCORE_COLUMNS, EMOTIONS
from ferflow.datasets.manifest import SYNTHETIC_MARK as MARKER
from ferflow.datasets.synth4d import expression, facemodel, identity, motion
from ferflow.datasets.synth4d.avi import MjpegWriter
from ferflow.datasets.synth4d.raster import Camera
from ferflow.datasets.synth4d.render import Renderer
from ferflow.errors import SettingError
from ferflow.files import atomic_write, write_text
from ferflow.settings import Synth4d

CLIP_STREAM, STILL_STREAM = 4, 48
"""First parts of the seeds of people in clips and in stills: no still shows a person of a clip."""
ASYMMETRY = 0.12
"""Standard deviation of the difference between the face's halves, as a share."""
NOTICE = """These files are synthetic. No person is shown: every picture was rendered with a linear
face model from random numbers. The labels and the truth tables are what the generator was asked to
show, not anybody's judgement.
"""


def subjects(settings: Synth4d) -> list[str]:
    """Names of the subjects: F001 … for the women, M001 … for the men."""
    women = [f"F{number:03d}" for number in range(1, settings.women + 1)]
    return women + [f"M{number:03d}" for number in range(1, settings.men + 1)]


def write_subject(
    subject: str,
    out_folder: str | Path,
    weights_folder: str | Path,
    settings: Synth4d,
    emotions: list[str],
    seed: int,
) -> None:
    """Render one clip per emotion of `subject` into `out_folder`, with its truth.

    Writes `<subject>_<emotion>_tex.avi` (MJPG), `truth/<subject>_<emotion>.csv` (schema `aus`),
    `truth/<subject>.csv` (schema `truth`, one row per clip; last, so it stands for the whole subject) and
    SYNTHETIC.txt. Raises SettingError for a name that is no subject, WeightsError without the face model.
    """
    if subject not in subjects(settings):
        raise SettingError("synth4d", f"has no subject {subject}", "raise synth4d.women or synth4d.men")
    folder = Path(out_folder)
    model = facemodel.load(weights_folder)
    key = [seed, CLIP_STREAM, int(subject[0] == "M"), int(subject[1:])]
    person = identity.draw(model, "male" if subject[0] == "M" else "female", np.random.default_rng([*key, 0]))
    habit = expression.draw_habit(model, np.random.default_rng([*key, 1]))
    renderer = Renderer(model, person, settings.width, settings.height)
    camera = Camera(settings.width, settings.height, settings.camera_noise, np.random.default_rng([*key, 2]))
    write_notice(folder)
    rows = []
    for emotion in emotions:
        # The emotion's place in the whole list, so that a clip does not depend on the choice of emotions.
        rng = np.random.default_rng([*key, 3, EMOTIONS.index(emotion)])
        camera.rng = np.random.default_rng([*key, 4, EMOTIONS.index(emotion)])
        clip_id = f"{subject}_{emotion}"
        shown = expression.draw(
            emotion, habit, model, settings.strength, settings.weak_share, settings.overlap, rng
        )
        moved = motion.draw(shown, model, settings.frames, settings.head_motion, rng)
        asymmetry = np.clip(rng.normal(0, ASYMMETRY, len(model.names)), -0.35, 0.35)
        with atomic_write(folder / f"{clip_id}_tex.avi") as path:
            write_clip(path, renderer, camera, moved, asymmetry, settings)
        aus = _au_table(clip_id, moved.aus, model.names)
        tables.write(aus, folder / "truth" / f"{clip_id}.csv", "aus")
        rows.append(_truth(clip_id, aus, moved, shown))
    tables.write(pd.DataFrame(rows), folder / "truth" / f"{subject}.csv", "truth")


def write_notice(folder: Path) -> None:
    """Say in the folder that its files are synthetic."""
    if not (folder / MARKER).exists():
        write_text(folder / MARKER, NOTICE)


def half_crossings(score: np.ndarray) -> tuple[int, int]:
    """First frame not below half of the curve's maximum, and one past the last such frame."""
    high = np.flatnonzero(score >= 0.5 * score.max())
    return int(high[0]), int(high[-1]) + 1


def write_clip(
    path: Path,
    renderer: Renderer,
    camera: Camera,
    moved: motion.Motion,
    asymmetry: np.ndarray,
    settings: Synth4d,
) -> None:
    """Render the frames of `moved` and write them to `path` as MJPG in AVI."""
    size = settings.width, settings.height
    with MjpegWriter(path, settings.fps, *size, settings.jpeg_quality) as writer:
        for aus, pose, gaze in zip(moved.aus, moved.pose, moved.gaze, strict=True):
            writer.write(camera.take(renderer.frame(aus, pose, gaze, asymmetry)))


def _au_table(clip_id: str, aus: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """The strengths [T, A] (0–1) as OpenFace's columns (0–5); the model's AU43 is the blink, AU45."""
    columns = {
        name.replace("AU43", "AU45") + "_r": np.round(5 * aus[:, k], 4) for k, name in enumerate(names)
    }
    frames = len(aus)
    head = {"clip_id": [clip_id] * frames, "frame": range(frames), "confidence": 1.0, "success": 1}
    return pd.DataFrame({**head, **{name: columns[name] for name in AU_COLUMNS}})


def _truth(clip_id: str, aus: pd.DataFrame, moved: motion.Motion, shown: expression.Expression) -> dict:
    begin, end = half_crossings(aus[list(AU_SCORE_COLUMNS)].mean(axis=1).to_numpy())
    return {
        "clip_id": clip_id,
        "onset": moved.onset,
        "apex_begin": moved.apex_begin,
        "apex_end": moved.apex_end,
        "offset": moved.offset,
        "half_begin": begin,
        "half_end": end,
        "strength": round(shown.strength, 4),
        "weak": shown.weak,
    }
