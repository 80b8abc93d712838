"""Settings from the clips to the frames that are kept of them, and their augmentation."""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.settings.types import Count, NotNegative, Positive, Section, Share, Transformation

BU4DFE = "data/raw/bu4dfe"
"""The usual place of BU-4DFE's texture videos."""


class Dataset(Section):
    name: Literal["synth4d", "bu4dfe", "manifest"]
    root: str
    manifest: str | None
    unusable: Literal["stop", "leave_out"]
    least_tracked: Share

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
    women: Annotated[int, Field(ge=0, le=999)]
    men: Annotated[int, Field(ge=0, le=999)]
    fps: Count
    width: Annotated[int, Field(ge=160)]
    height: Annotated[int, Field(ge=160)]
    frames: tuple[Count, Count]
    head_motion: tuple[NotNegative, NotNegative, NotNegative]
    strength: tuple[Positive, Positive]
    weak_share: Share
    overlap: Share
    camera_noise: NotNegative
    jpeg_quality: Annotated[int, Field(ge=50, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Synth4d:
        if self.frames[0] > self.frames[1] or self.strength[0] > self.strength[1]:
            raise ValueError("a range must go from low to high")
        return self


class Stills(Section):
    source: Literal["synth4d", "fer2013"]
    path: str
    subjects: Count
    per_class: Count


class Faces(Section):
    detector: Literal["auto", "haar", "blazeface", "mtcnn"]
    smallest: Count
    smallest_network: Annotated[int, Field(ge=12)]
    search_frames: Count
    extend: Annotated[int, Field(ge=0)]
    tracker: Literal["medianflow", "kcf", "csrt"]
    landmarks: Literal["auto", "wheel", "bundle"]
    landmark_grow: NotNegative
    landmark_follow: Annotated[float, Field(gt=0, le=1)]
    found_logit: float
    lost_logit: float
    lost_frames: Count
    drift_overlap: Share
    size: Count
    several: Literal["largest", "error"]
    missing_frames: Annotated[int, Field(ge=0)]
    compared_clips: Annotated[int, Field(ge=0)]


class Haar(Section):
    interval: Count
    window: NotNegative
    sizes: tuple[Positive, Positive]
    lost: Count

    @model_validator(mode="after")
    def _ordered(self) -> Haar:
        if self.sizes[0] > self.sizes[1]:
            raise ValueError("a range must go from low to high")
        return self


AuBackend = Literal["landmark", "blendshapes", "pyfeat", "openface"]


class Aus(Section):
    backend: Literal["auto", AuBackend]
    neutral: Literal["first", "subject"]
    neutral_frames: Count
    ridge: NotNegative
    openface_folder: str | None
    compared: list[AuBackend]


class Watching(Section):
    """How a network for single images watches a clip: `resources/watching.yaml`."""

    faces: Faces
    aus: Aus
    haar: Haar
    smoothing: Annotated[float, Field(gt=0, le=1)]


class Trim(Section):
    algorithm: Literal["thesis", "strict", "none"]
    threshold: Share
    min_frames_end: Annotated[int, Field(ge=0)]
    max_share: Share
    anomaly_frames: Annotated[int, Field(ge=0)]
    overrides: str | None


class Augment(Section):
    transformations: list[Transformation]
    listing: bool
