"""Settings from the clips to the frames that are kept of them, and their augmentation."""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Literal, get_args

from pydantic import model_validator

from ferflow.errors import SettingError
from ferflow.settings import types as t
from ferflow.settings.types import Section, setting

BU4DFE = "data/raw/bu4dfe"
"""The usual place of BU-4DFE's texture videos."""


class Dataset(Section):
    """The clips."""

    name: Literal["synth4d", "bu4dfe", "manifest"] = setting(
        "synth4d", "synth4d (embedded, synthetic), bu4dfe, or manifest (any other clips)"
    )
    root: str = setting("data/raw/synth4d", "folder of the clips")
    manifest: str | None = setting(None, "for name: manifest, the CSV that lists the clips")
    unusable: Literal["stop", "leave_out"] = setting(
        "stop", "clips that cannot be used (tables/unusable.csv): stop before any training, or leave_out"
    )
    least_tracked: t.Share = setting(
        0.1, "of a clip's frames that must show a face; blank ones do not count", "share"
    )
    subjects_per_job: t.Count | None = setting(
        None,
        "in one job and one file of faces, action units or features; null: so many that a step has at most "
        "1,000 jobs. Another number makes faces, action units and features anew; results stay the same",
        "subjects",
    )

    def folder(self) -> str:
        """The name of the folder below `data/interim` of what is made of the clips.

        Two sets of the user's own clips never share one: its name holds a hash of where the clips and their
        table are. The embedded set and BU-4DFE in its usual place are called what they are.
        """
        root, table = (posixpath.normpath(place or ".") for place in (self.root, self.manifest))
        if self.name == "synth4d" or (self.name == "bu4dfe" and root == BU4DFE):
            return self.name
        listed = self.name == "manifest"
        digest = hashlib.sha256(f"{root}\n{table if listed else ''}".encode()).hexdigest()[:8]
        own = posixpath.basename(posixpath.dirname(table)) if listed else self.name
        return f"{re.sub(r'[^A-Za-z0-9_+-]', '_', own) or 'clips'}-{digest}"


class Synth4d(Section):
    """The embedded data set: rendered faces, structured as BU-4DFE."""

    women: int = setting(13, "F001, F002, …", "subjects", ge=0, le=999)
    men: int = setting(13, "M001, M002, …", "subjects", ge=0, le=999)
    fps: t.Count = setting(25, "of a clip", "frames a second")
    width: int = setting(480, "of a frame", "pixels", ge=160)
    height: int = setting(640, "of a frame", "pixels", ge=160)
    frames: t.Rising[t.Count] = setting((60, 110), "shortest and longest clip", "frames")
    head_motion: tuple[t.NotNegative, t.NotNegative, t.NotNegative] = setting(
        (3, 4, 2), "pitch, yaw, roll", "degrees"
    )
    strength: t.Rising[t.Positive] = setting((0.7, 1.0), "of an expression's action units", "share of full")
    weak_share: t.Share = setting(0.15, "made weak on purpose", "share of the clips")
    overlap: t.Share = setting(0.5, "how much of a confusable emotion is mixed in, at most; mostly far less")
    camera_noise: t.NotNegative = setting(3.0, "standard deviation", "grey levels")
    jpeg_quality: int = setting(90, "of the MJPG stream", ge=50, le=100)


class SubjectParts(Section):
    """Who is where in images without official parts: women and men alike in each, nobody in two."""

    watched: t.Within1 = setting(0.15, "watched while networks are trained", "share of the subjects")
    judged: t.Within1 = setting(0.15, "on whom networks are judged, once", "share of the subjects")

    @model_validator(mode="after")
    def _leaves_some(self) -> SubjectParts:
        if self.watched + self.judged >= 1:
            raise ValueError(f"watched and judged are {self.watched + self.judged:g} together: none are left")
        return self


class Stills(Section):
    """Single images of seven classes: FER2013, stills rendered in its form, or another set of images."""

    source: Literal["synth4d", "fer2013", t.ImageSetName] = setting(
        "synth4d",
        "synth4d (rendered to `path`), or the user's own copy at `path` of fer2013 or, in a study of images, "
        "ckplus, jaffe or kdef (faces are found, and `parts` are of subjects)",
    )
    path: str = setting("data/raw/synth4d-stills/fer2013.csv", "file or folder")
    subjects: t.Count = setting(90, "none of them appears in the clips", "subjects")
    per_class: t.Count = setting(300, "of each class", "images")
    parts: SubjectParts = SubjectParts()
    near_copies: int | None = setting(
        None,
        "protocol honest leaves exact copies of images that are watched or tested on out of training; and "
        "near copies, whose perceptual hashes differ in at most so many bits (6 as "
        "datacentric.near_distance); null: exact ones alone",
        "bits of 64",
        ge=0,
        le=16,
    )

    @property
    def by_subject(self) -> bool:
        """Whether the set has no official parts."""
        return self.source in get_args(t.ImageSetName)


class Faces(Section):
    """How faces are found and followed."""

    detector: Literal["auto", "haar", "blazeface", "mtcnn"] = setting(
        "auto",
        "haar (thesis), blazeface, mtcnn, or auto: BlazeFace in those frames in which Haar finds nobody",
    )
    smallest: t.Count = setting(96, "smallest face that the Haar cascade looks for", "pixels")
    smallest_network: int = setting(40, "the same of BlazeFace and MTCNN", "pixels", ge=12)
    search_frames: t.Count = setting(
        10, "without a face in a row: look thoroughly only at every such one", "frames"
    )
    extend: t.Margin = setting(  # as the embedded videos and all figures that are printed of them have it
        10,
        "added at the chin: a whole number of the video's pixels, or a share of the box's height, below 1, "
        "which is the same crop at any resolution (the thesis's 10 of 159 are 0.063)",
        source="thesis, section 3.2.1",
    )
    tracker: Literal["medianflow", "kcf", "csrt"] = setting("medianflow", "medianflow (thesis), kcf or csrt")
    landmarks: Literal["auto", "wheel", "bundle"] = setting(
        "auto", "wheel (468 points), bundle (face_landmarker.task: sees lids and lips), auto: bundle if there"
    )
    landmark_grow: t.NotNegative = setting(
        0.48, "by which their square grows for the network", "share", "MediaPipe: 0.5"
    )
    landmark_follow: float = setting(
        0.3, "of the way that the square moves in a frame; less is steadier", "share", gt=0, le=1
    )
    found_logit: float = setting(
        5.0, "score from which a hit is a face (dark, veiled, bearded ones 5 to 20; others 30 and more)"
    )
    lost_logit: float = setting(0.0, "score below this says that the face is gone")
    lost_frames: t.Count = setting(2, "so many in a row: detect again", "frames")
    drift_overlap: t.Share = setting(0.6, "of box and landmarks, below which the box is put back", "IoU")
    size: t.Count = setting(160, "side of the stored crop", "pixels", "thesis")
    several: Literal["largest", "error"] = setting(
        "largest", "of several faces take the largest, or stop with an error"
    )
    missing_frames: t.Whole = setting(5, "declared, not decoded: a warning; more are an error", "frames")
    compared_clips: t.Whole = setting(1, "on which the trackers are compared", "clips", "thesis: 24")


class Haar(Section):
    """Haar's cascade and the tracker alone, without landmarks."""

    interval: t.Count = setting(5, "between looks by the cascade; the tracker leads there", "frames")
    window: t.NotNegative = setting(0.3, "around the tracked box, by which it looks farther", "share")
    sizes: t.Rising[t.Positive] = setting((0.75, 1.3), "of faces that it looks for", "the box's width")
    lost: t.Count = setting(3, "looks in a row without a face there: search the whole frame")


AuBackend = Literal["landmark", "blendshapes", "pyfeat", "openface"]


class Aus(Section):
    """How action units are measured."""

    backend: Literal["auto", AuBackend] = setting(
        "auto",
        "landmark, blendshapes (needs face_landmarker.task), pyfeat (extra), openface (reads its CSV "
        "files), auto: blendshapes where that file is, else landmark",
    )
    neutral: Literal["first", "subject"] = setting(
        "first",
        "face at rest: first (the clip's first frames) or subject (the median over all clips of a person, "
        "who speaks or acts from the first frame on)",
    )
    neutral_frames: t.Count = setting(3, "neutral first: tracked ones of which the median is taken", "frames")
    ridge: t.NotNegative = setting(0.2, "strength of the penalty in the least-squares fit, relative")
    openface_folder: str | None = setting(None, "for backend openface: folder with <clip_id>.csv")
    compared: list[AuBackend] = setting(
        [], "backends to compare on the clips: two or more, of rendered faces one or more"
    )

    def openface_table(self, clip_id: str) -> str:
        """Where OpenFace's table of a clip lies; SettingError where the settings name no folder."""
        if self.openface_folder is None:
            problem, remedy = "is not set", "give the folder with OpenFace's CSV files"
            raise SettingError("aus.openface_folder", problem, remedy)
        return f"{self.openface_folder}/{clip_id}.csv"


class Watching(Section):
    """How a network for single images watches a clip, of which its file says nothing."""

    faces: Faces = Faces()
    aus: Aus = Aus()
    haar: Haar = Haar()
    smoothing: float = setting(0.3, "weight of the newest frame in the mean of a live view", gt=0, le=1)


class Trim(Section):
    """Which frames of a clip are kept (thesis, Algorithm 1)."""

    algorithm: Literal["thesis", "strict", "none"] = setting(
        "thesis", "thesis (as printed), strict (tests before each cut), none"
    )
    threshold: t.Share = setting(0.5, "of the clip's greatest AU score", "share")
    min_frames_end: t.Whole = setting(10, "always cut at the end", "frames")
    max_share: t.Share = setting(0.5, "of the clip that may be cut", "share")
    anomaly_frames: t.Whole = setting(20, "a maximum within the last ones marks an anomaly", "frames")
    overrides: str | None = setting(None, "CSV with clip_id, begin, end chosen by a person")


class Augment(Section):
    """Augmentation offline, on the training side only (thesis, listing in section 3.2.4)."""

    transformations: list[t.Transformation] = setting(list(get_args(t.Transformation)), "as heads take them")
    listing: bool = setting(False, 'true: its own numbers, in which "lower" brightens', source="thesis")
