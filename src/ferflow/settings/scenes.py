"""Settings of the synthetic scenes, and of the face crops that are cut from scenes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.settings.types import Count, NotNegative, Positive, Section, Share

DISGUST_SHARE = 0.75
"""Of the other classes' scenes; SFEW has 75 images of disgust and 100 of each other class."""


def rendered(emotion: str, per_class: int) -> int:
    """How many scenes of a class are rendered."""
    return max(1, round((DISGUST_SHARE if emotion == "disgust" else 1) * per_class))


class Scenes(Section):
    """The synthetic scenes."""

    per_class: Count
    films: Annotated[int, Field(ge=1, le=99)]
    people: Count
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    face: tuple[Positive, Positive]
    several: Share
    without_face: Share
    occluded: Share

    @model_validator(mode="after")
    def _ordered(self) -> Scenes:
        if self.face[0] > self.face[1]:
            raise ValueError("a range must go from low to high")
        if self.several + self.without_face > 1:
            raise ValueError("the shares of scenes with several faces and with none exceed 1")
        return self


class CropLimits(Section):
    """From where on a crop is flagged."""

    blur: NotNegative
    size: NotNegative
    yaw: Positive
    roll: Annotated[float, Field(gt=0, le=180)]
    confidence: Share


class Crops(Section):
    """Which face of an image counts, and how it is cut out."""

    align: bool
    margin: NotNegative
    smallest: Annotated[int, Field(ge=12)]
    step: Annotated[float, Field(gt=0.3, lt=1)]
    thresholds: tuple[Share, Share, Share]
    choice: Literal["largest", "central"]
    manual_boxes: str | None
    limits: CropLimits
