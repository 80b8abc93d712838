"""Settings of the synthetic scenes, and of the face crops that are cut from scenes."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ferflow.settings import types as t
from ferflow.settings.types import Section, setting

DISGUST_SHARE = 0.75
"""Of the other classes' scenes; SFEW has 75 images of disgust and 100 of each other class."""


def rendered(emotion: str, per_class: int) -> int:
    """How many scenes of a class are rendered."""
    return max(1, round((DISGUST_SHARE if emotion == "disgust" else 1) * per_class))


class Scenes(Section):
    """The synthetic scenes."""

    per_class: t.Count = setting(40, "disgust has three quarters of it, as in SFEW", "images")
    films: int = setting(10, "in all", "films", ge=1, le=99)
    people: t.Count = setting(3, "in each film")
    width: int = setting(480, "of a scene", "pixels", ge=64)
    height: int = setting(360, "of a scene", "pixels", ge=64)
    face: t.Rising[t.Positive] = setting((24, 220), "widths of faces", "pixels")
    several: t.Share = setting(0.3, "of scenes with up to three other faces", "share")
    without_face: t.Share = setting(0.03, "of scenes in which nobody is seen", "share")
    occluded: t.Share = setting(0.2, "of faces that something hides in part", "share")

    @model_validator(mode="after")
    def _possible(self) -> Scenes:
        if self.several + self.without_face > 1:
            raise ValueError("the shares of scenes with several faces and with none exceed 1")
        return self


class CropLimits(Section):
    """From where on a crop is flagged."""

    blur: t.NotNegative = setting(5, "below", "variance of the Laplacian of the crop")
    size: t.NotNegative = setting(40, "shorter side of the box, below", "pixels")
    yaw: t.Positive = setting(0.35, "nose off the middle of the eyes, above", "distances of the eyes")
    roll: float = setting(20, "of the eyes, above", "degrees", gt=0, le=180)
    confidence: t.Share = setting(0.98, "of the detector, below")


class Crops(Section):
    """Which face of an image counts, and how it is cut out."""

    align: bool = setting(False, "turn and scale faces by MTCNN's five points")
    margin: t.NotNegative = setting(0.2, "around the face's box", "share of its longer side")
    smallest: int = setting(20, "smallest face", "pixels", ge=12)
    step: float = setting(0.709, "of sizes in MTCNN's pyramid: halves the area", gt=0.3, lt=1)
    thresholds: tuple[t.Share, t.Share, t.Share] = setting((0.6, 0.7, 0.9), "of MTCNN's three networks")
    choice: Literal["largest", "central"] = setting("largest", "face that counts: largest or central")
    manual_boxes: str | None = setting(None, "CSV image_id,x,y,width,height where none is found")
    limits: CropLimits = CropLimits()
