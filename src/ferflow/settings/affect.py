"""Settings of the study of expression with valence and arousal (AffectNet)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.settings.types import Count, NotNegative, Positive, Section, Share


class AffectSet(Section):
    name: Literal["affect", "affectnet"]
    path: str
    smallest: Count


class AffectSynthetic(Section):
    """The embedded set: how many rendered images, of whom, and what is said of them."""

    subjects: tuple[Count, Count]
    train: Annotated[int, Field(ge=len(EMOTIONS_CONTEMPT))]
    validation_per_class: Count
    distribution: dict[Literal[EMOTIONS_CONTEMPT], Count]
    size: Annotated[int, Field(ge=16)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]
    noise: NotNegative
    unknown_share: Share
    other_codes: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _every_class_has_a_share(self) -> AffectSynthetic:
        missing = [emotion for emotion in EMOTIONS_CONTEMPT if emotion not in self.distribution]
        if missing:
            raise ValueError(f"distribution lacks {', '.join(missing)}")
        return self


class AffectAugment(Section):
    """Drawn anew for every image while it is read."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    brightness: tuple[Positive, Positive]

    @model_validator(mode="after")
    def _ordered(self) -> AffectAugment:
        if self.brightness[0] > self.brightness[1]:
            raise ValueError("brightness must go from low to high")
        return self


class Loading(Section):
    """How images come from the disk to the network."""

    batch: Count
    size: Count
    workers: Count
    augment: AffectAugment | None


class Affect(Section):
    dataset: AffectSet
    synthetic: AffectSynthetic
    loading: Loading
