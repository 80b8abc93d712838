"""Figures of preprocessing: the data set, a face found, the frames kept, augmentation (thesis, chapter 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from ferflow.augment import offline
from ferflow.datasets import manifest
from ferflow.errors import InputError
from ferflow.explain import frames
from ferflow.explain.frames import Paths
from ferflow.faces import store
from ferflow.faces.boxes import chin
from ferflow.report import style
from ferflow.report.names import marks
from ferflow.report.run import clips_of, scores_of
from ferflow.seeds import derive_seed
from ferflow.settings import Online, Pictures
from ferflow.shards import BySubject


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
        paths_of_clip = [BySubject(paths)[clip["subject_id"]] for paths in (faces, aus)]
        return cls(clip["clip_id"], *paths_of_clip, trim_csv, manifest_csv)

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
        shown = frames.tracked(self.faces, self.clip_id, row["begin"], row["end"])
        number = frames.apex(scores_of([self.aus], [self.clip_id])[self.clip_id], shown)
        return row, number, frames.crops(self.faces, self.clip_id, [number])[0]


def samples(
    faces: Paths,
    aus: Paths,
    trim_csv: str | Path,
    manifest_csv: str | Path,
    output: str | Path,
    emotions: Sequence[str],
    settings: Pictures,
) -> None:
    """A face of each emotion (columns) of some subjects (rows).

    Of the subjects of `faces`, `settings.subjects` are taken, evenly spaced by name. A face is the frame with
    the greatest AU score of those kept; of several clips of one emotion, the first by name is taken. `aus`
    are the same subjects' tables. An empty place has no clip.
    """
    clips, files = clips_of(trim_csv, manifest_csv), BySubject(faces)
    clips = clips[clips["emotion"].isin(emotions)].sort_values("clip_id")
    there = sorted(filter(files.__contains__, set(clips["subject_id"])))
    n = min(settings.subjects, len(there))
    subjects = [there[i * len(there) // n] for i in range(n)]
    clips = clips[clips["subject_id"].isin(subjects)].drop_duplicates(["subject_id", "emotion"])
    scores = scores_of(BySubject(aus).of(subjects), clips["clip_id"])
    images = {}
    for clip in clips.itertuples():
        path = files[clip.subject_id]
        number = frames.apex(scores[clip.clip_id], frames.tracked(path, clip.clip_id, clip.begin, clip.end))
        crop = frames.crops(path, clip.clip_id, [number])[0]
        images[clip.subject_id, clip.emotion] = frames.shrunk(crop, settings.face_size)
    side = (style.PAGE - 0.6) / len(emotions)
    with style.style():
        drawn = style.figure(style.PAGE, 0.65 + side * len(subjects))
        grid = drawn.subplots(len(subjects), len(emotions), squeeze=False)
        for place, (row, subject) in enumerate(zip(grid, subjects, strict=True)):
            for axes, emotion in zip(row, emotions, strict=True):
                title = "" if place else emotion
                if (subject, emotion) in images:
                    style.picture(axes, images[subject, emotion], title)
                else:
                    axes.set(xticks=[], yticks=[])
                    axes.spines[:].set_visible(False)
                    axes.set_title(title, fontsize=style.SMALL, pad=3)
            row[0].set_ylabel(subject, fontsize=style.SMALL)
        mark = marks(clips["synthetic"].any())
        style.heading(drawn, "Faces of the data set at the peak of each emotion", mark)
        style.save(drawn, output, "Faces of the data set")


def face(example: Example, output: str | Path, margin: float, settings: Pictures) -> None:
    """The face of a clip found first, followed to its peak, and cut out (thesis, Figure 3.2).

    Where it was found, its box was extended by `margin` (`faces.extend`) at the chin. Whole frames are
    embedded with at most `settings.frame_size` pixels a side.
    """
    clip, number, crop = example.peak()
    first = int(frames.tracked(example.faces, example.clip_id)[0])
    first_box, _ = store.read_place(example.faces, example.clip_id, first)
    box, landmarks = store.read_place(example.faces, example.clip_id, number)
    source = manifest.example(example.manifest_csv, example.clip_id)["source"]
    whole_frames = frames.whole(source, [first, number])
    height, width = whole_frames[0].shape[:2]
    x, y, wide, high = first_box
    more = chin(float(high), margin)
    # Clipped at the frame's edge, less than that was added.
    edge, lower = y + high >= height, y + high - more
    size = f"{round(float(wide))}×{round(float(high - (0 if edge else more)))}"
    panel = (style.PAGE - 0.3) / 3
    with style.style():
        drawn = style.figure(style.PAGE, 0.95 + panel * max(height / width, 1))
        left, middle, right = drawn.subplots(1, 3)
        for axes, frame in zip((left, middle), whole_frames, strict=True):
            style.picture(axes, frames.shrunk(frame, settings.frame_size))
            # Drawn in the source's own pixels, whatever the size of what is embedded.
            axes.images[0].set_extent((0, frame.shape[1], frame.shape[0], 0))
            axes.set(xlim=(0, frame.shape[1]), ylim=(frame.shape[0], 0))
        _box(left, first_box)
        if not edge:
            for line, colour in (("-", "white"), (":", style.DARK)):
                left.plot([x, x + wide], [lower, lower], line, color=colour, linewidth=1.4)
        _box(middle, box)
        middle.plot(landmarks[:, 0], landmarks[:, 1], ".", color="white", markersize=1.6, markeredgewidth=0)
        style.picture(right, crop)
        for axes in (right, left, middle):
            axes.set_anchor("N")
        style.panel(left, "a", f"frame {first}: found, {size} pixels\n+{more:.0f} at the chin (dotted)")
        style.panel(middle, "b", f"frame {number}: followed, with\n{len(landmarks)} landmarks")
        style.panel(right, "c", f"frame {number}: cut out,\n{crop.shape[1]}×{crop.shape[0]} pixels")
        title = f"The face of clip {example.clip_id}"
        style.heading(drawn, f"{title}: found, followed, resized", marks(clip["synthetic"]))
        style.save(drawn, output, title)


def _box(axes: Axes, box: np.ndarray) -> None:
    """A box [4] (x, y, width, height) that is seen on light and on dark ground."""
    for colour, line in (("white", 2.6), (style.DARK, 1.2)):
        look = {"fill": False, "edgecolor": colour, "linewidth": line, "joinstyle": "miter"}
        axes.add_patch(Rectangle(box[:2], box[2], box[3], **look))


def kept(example: Example, output: str | Path, settings: Pictures) -> None:
    """Faces of a clip as found, and those that trimming keeps (thesis, Figure 3.5), evenly spaced.

    Faces outside the window are pale in (a).
    """
    clip = example.row()
    begin, end = int(clip["begin"]), int(clip["end"])

    def some(*part: int) -> list[tuple[int, np.ndarray]]:
        numbers = frames.tracked(example.faces, example.clip_id, *part)
        numbers = frames.evenly(numbers, settings.kept_frames)
        images = frames.crops(example.faces, example.clip_id, numbers)
        return [
            (n, frames.shrunk(image, settings.face_size)) for n, image in zip(numbers, images, strict=True)
        ]

    before, after = some(), some(begin, end)
    across = max(len(before), len(after))
    side = (style.PAGE - 0.1) / across
    title = f"Frames of clip {example.clip_id} before and after trimming"
    with style.style():
        drawn = style.figure(style.PAGE, 0.42 + 2 * (side + 0.38))
        top, bottom = drawn.subfigures(2, 1)
        parts = (
            (top, before, f"(a) all {int(clip['n_frames'])} frames; pale: cut off"),
            (bottom, after, f"(b) neutral faces cut off: frames {begin}–{end - 1} are kept"),
        )
        for part, shown, about in parts:
            part.suptitle(about, x=0.01, ha="left", fontsize=8.5)
            shown_axes = _placed(part, 1, across, len(shown))
            for axes, (number, image) in zip(shown_axes, shown, strict=True):
                inside = begin <= number < end
                style.picture(axes, image if inside else _pale(image))
                colour = style.DARK if inside else style.LIGHT
                axes.set_xlabel(str(number), fontsize=style.SMALL, color=colour)
        style.heading(drawn, title, marks(clip["synthetic"]))
        style.save(drawn, output, title)


def _pale(image: np.ndarray) -> np.ndarray:
    """`image` mixed with white, so that it steps back in print and on screen."""
    return (255 - (255 - image.astype(np.uint16)) * 35 // 100).astype(np.uint8)


def _placed(part: Figure | SubFigure, rows: int, across: int, n: int) -> list[Axes]:
    """The first `n` of `rows` x `across` places for pictures; the others stay empty."""
    grid = list(part.subplots(rows, across, squeeze=False).flat)
    for axes in grid[n:]:
        axes.set_axis_off()
    return grid[:n]


def offline_augmentation(
    example: Example,
    output: str | Path,
    transformations: Sequence[str],
    listing: bool,
    online: Online,
    seed: int,
    settings: Pictures,
) -> None:
    """One face in every offline version, and in `settings.draws` mixtures of `online` (thesis, Figure 3.8).

    `transformations`, `listing`, `seed`: as for the features, whose very pixels these are.
    """
    clip, number, crop = example.peak()
    clip_seed = offline.clip_seed(seed, example.clip_id)
    images = {"original": crop} | {
        name: offline.apply(name, crop[None], clip_seed, listing, number)[0] for name in transformations
    }
    mixed = _random_versions(crop, online, settings.draws, seed)
    across = 5
    rows = math.ceil(len(images) / across), math.ceil(len(mixed) / across)
    side = (style.PAGE - 0.2) / across
    heights = [0.35 + (side + 0.2) * rows[0], 0.35 + (side + 0.06) * rows[1]]
    numbers = "the listing's own numbers" if listing else "each version applied by itself"
    with style.style():
        drawn = style.figure(style.PAGE, 1.1 + (side + 0.2) * rows[0] + (side + 0.06) * rows[1])
        top, bottom = drawn.subfigures(2, 1, height_ratios=heights)
        parts = (
            (top, f"(a) offline: {numbers}", images.items()),
            (bottom, "(b) online: a random mixture, drawn anew each time", [("", one) for one in mixed]),
        )
        for n, (part, about, shown) in zip(rows, parts, strict=True):
            part.suptitle(about, x=0.01, ha="left", fontsize=8.5)
            for axes, (name, image) in zip(_placed(part, n, across, len(shown)), shown, strict=True):
                style.picture(axes, frames.shrunk(image, settings.face_size), name.replace("_", " "))
        title = f"Augmentation of one face, offline and online (clip {example.clip_id})"
        style.heading(drawn, title, marks(clip["synthetic"]))
        style.save(drawn, output, "Augmentation, offline and online")


def online_augmentation(
    example: Example, output: str | Path, online: Online, seed: int, settings: Pictures
) -> None:
    """The transformations of `online` one at a time, and together, a row each (thesis, Figure 3.9).

    A row has half of `settings.draws` random versions.
    """
    clip, _, crop = example.peak()
    n, size = max(1, settings.draws // 2), 2 * settings.face_size // 3  # many faces, drawn small
    rows = {"original": [crop]} | {
        name: _random_versions(crop, one, n, seed)
        for name, one in (alone(online) | {"all together": online}).items()
    }
    side = min(0.8, (style.PAGE - 1.5) / n)
    with style.style():
        drawn = style.figure(1.0 + (side + 0.06) * n, 0.6 + (side + 0.05) * len(rows))
        grid = drawn.subplots(len(rows), n, squeeze=False)
        for row, (name, images) in zip(grid, rows.items(), strict=True):
            for axes, image in zip(row, images, strict=False):
                style.picture(axes, frames.shrunk(image, size))
            for axes in row[len(images) :]:
                axes.set_axis_off()
            row[0].set_ylabel(name, fontsize=style.SMALL, rotation=0, ha="right", va="center")
        title = f"Online augmentation, one transformation at a time (clip {example.clip_id})"
        style.heading(drawn, title, marks(clip["synthetic"]))
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
        if getattr(online, name) != nothing[name]
    }


def _random_versions(image: np.ndarray, online: Online, n: int, seed: int) -> list[np.ndarray]:
    """`n` random versions of `image` uint8 [S,S,3]. Mixing with another image is left out: there is one."""
    import torch

    from ferflow.augment import online as drawing

    generator = torch.Generator().manual_seed(derive_seed(seed, "pictures", "online"))
    batch = torch.from_numpy(image).permute(2, 0, 1).float().div(255).repeat(n, 1, 1, 1)
    changed = drawing.apply(batch, online.model_copy(update={"mixup": 0.0}), generator)
    return list(changed.mul(255).round().byte().permute(0, 2, 3, 1).numpy())
