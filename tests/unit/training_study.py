"""A tiny study with generated features that can be learned, as files in the workflow's formats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.training import module, splits

WIDTH = 8
SUBJECTS = [f"{sex}{n:03d}" for sex in "FM" for n in range(1, 7)]
SMALL = {
    "temporal": {
        "heads": {"lstm": {"units": 16, "dropout": 0.1, "augmentations": 1}},
        "learning_rate": 0.02,
        "batch": 16,
        "epochs": 6,
    },
    "finalize": {"max_epochs": 8, "patience": 3},
}
"""Settings for such a study, over the repository's."""


@dataclass
class TinyStudy:
    folder: Path

    @property
    def inputs(self) -> dict:
        """The arguments of `run_fold` and others that name files."""
        names = {"splits": "splits.json", "manifest": "manifest.csv", "trim": "trim.csv"}
        return {key: self.folder / name for key, name in names.items()} | {"features": self.features()}

    def features(self, *augmentations: str) -> list[Path]:
        names = augmentations or ("none", "flip")
        return [self.folder / name / f"{subject}.h5" for name in names for subject in SUBJECTS]


def write(
    folder: Path,
    width: int = WIDTH,
    lengths: tuple[int, int] = (12, 24),
    model_sha256: str = "0" * 64,
    layer: str = "dense",
) -> TinyStudy:
    """Twelve subjects, six clips each; feature k rises in clips of class k, only within the kept frames."""
    rng = np.random.default_rng(0)
    source = {
        "model_sha256": model_sha256,
        "network": "compact",
        "layer": layer,
        "listing": False,
        "precision": "float32",
    }
    clips, kept = [], []
    for subject in SUBJECTS:
        for emotion in EMOTIONS:
            n = int(rng.integers(*lengths))
            clip_id = f"{subject}_{emotion}"
            sex = "female" if subject[0] == "F" else "male"
            hashed = f"{len(clips):064x}"
            clips.append((clip_id, subject, sex, emotion, "", "x.avi", n, 25.0, 480, 640, hashed, True))
            kept.append((clip_id, n, n // 3, n - 2, 2.0, False, "", False))
    manifest = pd.DataFrame(clips, columns=tables.schema("manifest").required)
    tables.write(manifest, folder / "manifest.csv", "manifest")
    trim = pd.DataFrame(kept, columns=tables.schema("trim").names)
    tables.write(trim, folder / "trim.csv", "trim")
    for name in ("none", "flip"):
        (folder / name).mkdir(parents=True)
        for subject in SUBJECTS:
            with h5py.File(folder / name / f"{subject}.h5", "w") as file:
                file.attrs.update(source | {"n_features": width})
                for number in manifest.index[manifest.subject_id == subject]:
                    n, (begin, end) = manifest.n_frames[number], trim.loc[number, ["begin", "end"]]
                    rows = rng.normal(0, 0.5, (n, width))
                    rows[begin:end, EMOTIONS.index(manifest.emotion[number])] += 1.5
                    file[manifest.clip_id[number]] = rows.astype(np.float16)
    sexes = dict(zip(manifest.subject_id, manifest.sex, strict=True))
    splits.write(splits.make("stratified", sexes, 5, 0.17, 1, "honest"), folder / "splits.json")
    return TinyStudy(folder)


class Stop(Exception):
    """A kill, within the process."""


@contextmanager
def counted(stop: int | None = None) -> Iterator[list[int]]:
    """Note the epoch (from 0) of every epoch that begins; raise Stop in the middle of the `stop`th."""
    epochs: list[int] = []
    begin, step = module.Learner.on_train_epoch_start, module.Learner.training_step

    def beginning(self):
        epochs.append(self.current_epoch)
        begin(self)

    def stepping(self, batch, number):
        if len(epochs) - 1 == stop and number == 1:
            raise Stop
        return step(self, batch, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Learner, "on_train_epoch_start", beginning)
        patch.setattr(module.Learner, "training_step", stepping)
        yield epochs


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder but the trials, whose database keeps times."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".db")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
