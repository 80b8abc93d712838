"""Pictures of the way in, from files: what the workflow calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferflow.augment import offline
from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.explain import frames as chosen
from ferflow.explain import preprocessing_plots
from ferflow.explain.frames import Paths, by_subject
from ferflow.faces import store
from ferflow.report import style
from ferflow.report.names import marks
from ferflow.report.run import clips_of, scores_of
from ferflow.seeds import derive_seed
from ferflow.settings import Online, Pictures


@dataclass(frozen=True)
class Example:
    """One clip and the files that it is in: its subject's faces and AU table, and the tables of all clips."""

    clip_id: str
    faces: str | Path
    aus: str | Path
    trim_csv: str | Path
    manifest_csv: str | Path

    @classmethod
    def of(
        cls, clip_id: str, faces: Paths, aus: Paths, trim_csv: str | Path, manifest_csv: str | Path
    ) -> Example:
        """`clip_id`, or another where it is not in the manifest; `faces` and `aus` are of all subjects."""
        clip = manifest.example(manifest_csv, clip_id)
        own = [by_subject(paths)[clip["subject_id"]] for paths in (faces, aus)]
        return cls(clip["clip_id"], *own, trim_csv, manifest_csv)

    def row(self) -> dict:
        """Its line of schema `trim`, with `synthetic` and so on (`report.run.clips_of`).

        Raises InputError where there is none.
        """
        clips = clips_of(self.trim_csv, self.manifest_csv)
        rows = clips[clips["clip_id"] == self.clip_id].to_dict("records")
        if not rows:
            raise InputError(self.trim_csv, f"has no row of clip {self.clip_id}", "run the trim step again")
        return rows[0]

    def peak(self) -> tuple[dict, int, np.ndarray]:
        """Its line, the number of its frame with the greatest AU score of those kept, and that face."""
        row = self.row()
        shown = chosen.tracked(self.faces, self.clip_id, row["begin"], row["end"])
        number = chosen.apex(scores_of([self.aus], [self.clip_id])[self.clip_id], shown)
        return row, number, chosen.crops(self.faces, self.clip_id, [number])[0]


def samples(
    faces: Paths,
    aus: Paths,
    trim_csv: str | Path,
    manifest_csv: str | Path,
    output: str | Path,
    emotions: Sequence[str],
    settings: Pictures,
) -> None:
    """A face of each emotion of `settings.subjects` of the subjects of `faces`, evenly spaced by name.

    It is the frame with the greatest AU score of those kept; of several clips of one emotion, the first by
    name. `aus` are the same subjects' tables.
    """
    clips, files = clips_of(trim_csv, manifest_csv), by_subject(faces)
    clips = clips[clips["subject_id"].isin(files) & clips["emotion"].isin(emotions)].sort_values("clip_id")
    there = sorted(set(clips["subject_id"]))
    n = min(settings.subjects, len(there))
    subjects = [there[i * len(there) // n] for i in range(n)]
    clips = clips[clips["subject_id"].isin(subjects)].drop_duplicates(["subject_id", "emotion"])
    tables_of = by_subject(aus)
    scores = scores_of([tables_of[subject] for subject in subjects], clips["clip_id"])
    images = {}
    for clip in clips.itertuples():
        path = files[clip.subject_id]
        shown = chosen.tracked(path, clip.clip_id, clip.begin, clip.end)
        number = chosen.apex(scores[clip.clip_id], shown)
        images[clip.subject_id, clip.emotion] = chosen.shrunk(
            chosen.crops(path, clip.clip_id, [number])[0], settings.face_size
        )
    with style.style():
        drawn = preprocessing_plots.samples(images, subjects, emotions, marks(clips["synthetic"].any()))
        style.save(drawn, output, "Faces of the data set")


def face(
    example: Example,
    output: str | Path,
    extend: float,
    settings: Pictures,
) -> None:
    """The face of a clip where it is found first and at its peak; `extend` as in `faces`."""
    clip, number, crop = example.peak()
    first = int(chosen.tracked(example.faces, example.clip_id)[0])
    found, _ = store.read_place(example.faces, example.clip_id, first)
    box, landmarks = store.read_place(example.faces, example.clip_id, number)
    source = manifest.example(example.manifest_csv, example.clip_id)["source"]
    whole = chosen.whole(source, [first, number])
    with style.style():
        drawn = preprocessing_plots.face(
            whole[0],
            found,
            extend,
            whole[1],
            box,
            landmarks,
            crop,
            (example.clip_id, first, number),
            settings.frame_size,
            marks(clip["synthetic"]),
        )
        style.save(drawn, output, f"The face of clip {example.clip_id}")


def kept(
    example: Example,
    output: str | Path,
    settings: Pictures,
) -> None:
    """Faces of one clip before and after trimming."""
    clip = example.row()
    window = int(clip["begin"]), int(clip["end"])

    def some(begin: int, end: int | None) -> list[tuple[int, np.ndarray]]:
        numbers = chosen.evenly(
            chosen.tracked(example.faces, example.clip_id, begin, end), settings.kept_frames
        )
        images = chosen.crops(example.faces, example.clip_id, numbers)
        return [
            (n, chosen.shrunk(image, settings.face_size)) for n, image in zip(numbers, images, strict=True)
        ]

    with style.style():
        drawn = preprocessing_plots.kept(
            some(0, None),
            some(*window),
            window,
            int(clip["n_frames"]),
            example.clip_id,
            marks(clip["synthetic"]),
        )
        style.save(drawn, output, f"Frames of clip {example.clip_id} before and after trimming")


def offline_augmentation(
    example: Example,
    output: str | Path,
    transformations: Sequence[str],
    listing: bool,
    online: Online,
    seed: int,
    settings: Pictures,
) -> None:
    """One face in every offline version, and in `settings.draws` mixtures of `online`.

    `transformations`, `listing`, `seed`: as for the features, whose very pixels these are.
    """
    clip, number, crop = example.peak()
    own = offline.clip_seed(seed, example.clip_id)
    images = {"original": crop} | {
        name: offline.apply(name, crop[None], own, listing, number)[0] for name in transformations
    }
    images = {name: chosen.shrunk(image, settings.face_size) for name, image in images.items()}
    mixed = [chosen.shrunk(one, settings.face_size) for one in _drawn(crop, online, settings.draws, seed)]
    with style.style():
        drawn = preprocessing_plots.offline(images, mixed, example.clip_id, listing, marks(clip["synthetic"]))
        style.save(drawn, output, "Augmentation, offline and online")


def online_augmentation(
    example: Example,
    output: str | Path,
    online: Online,
    seed: int,
    settings: Pictures,
) -> None:
    """The transformations of `online` one at a time, half of `settings.draws` of each, and together."""
    clip, _, crop = example.peak()
    n, size = max(1, settings.draws // 2), 2 * settings.face_size // 3  # many faces, drawn small
    rows = {"original": [crop]} | {
        name: _drawn(crop, own, n, seed) for name, own in (alone(online) | {"all together": online}).items()
    }
    rows = {name: [chosen.shrunk(image, size) for image in own] for name, own in rows.items()}
    with style.style():
        drawn = preprocessing_plots.online(rows, example.clip_id, marks(clip["synthetic"]))
        style.save(drawn, output, "Online augmentation")


def alone(online: Online) -> dict[str, Online]:
    """Each transformation that `online` makes, by itself: what it is called, and the settings."""
    nothing = {
        "flip": False,
        "rotation": 0,
        "shear": 0,
        "shift": 0,
        "zoom": 0,
        "brightness": (1.0, 1.0),
        "erase": 0,
        "mixup": 0,
    }
    named: Mapping[str, str] = {
        "flip": "mirror",
        "rotation": f"rotate\n±{online.rotation:g}°",
        "shear": f"shear\n±{online.shear:g}°",
        "shift": f"shift\n±{online.shift:.0%}",
        "zoom": f"zoom\n{1 - online.zoom:g}–{1 + online.zoom:g}",
        "brightness": f"brightness\n{online.brightness[0]:g}–{online.brightness[1]:g}",
        "erase": f"erase\n{online.erase:.0%}",
    }
    return {
        label: online.model_copy(update=nothing | {name: getattr(online, name)})
        for name, label in named.items()
        if _as_list(getattr(online, name)) != _as_list(nothing[name])
    }


def _as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _drawn(image: np.ndarray, online: Online, n: int, seed: int) -> list[np.ndarray]:
    """`n` random versions of `image` uint8 [S,S,3]. Mixing with another image is left out: there is one."""
    import torch

    from ferflow.augment import online as drawing

    generator = torch.Generator().manual_seed(derive_seed(seed, "pictures", "online"))
    batch = torch.from_numpy(image).permute(2, 0, 1).float().div(255).repeat(n, 1, 1, 1)
    changed = drawing.apply(batch, online.model_copy(update={"mixup": 0.0}), generator)
    return list(changed.mul(255).round().byte().permute(0, 2, 3, 1).numpy())
