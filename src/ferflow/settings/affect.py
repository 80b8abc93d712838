"""Settings of the study of expression with valence and arousal (AffectNet)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.settings.training import Optimiser, Schedule
from ferflow.settings.types import Count, Dropout, Name, Positive, Precision, Section


class AffectSet(Section):
    name: Literal["affect", "affectnet"]
    path: str


class AffectHeads(Section):
    """The dense layers' neurons of each head, the share dropped behind each, and the regressions' output."""

    expression: list[Count]
    valence: list[Count]
    arousal: list[Count]
    dropout: Dropout
    output: Literal["tanh", "linear"]


class AffectLosses(Section):
    class_weights: bool
    regression: Literal["mse", "ccc"]
    learned: bool
    expression: Positive
    valence: Positive
    arousal: Positive


class AffectRecipe(Section):
    """A network for expression, valence and arousal, and how it is trained."""

    backbone: Literal["compact", "vgg16", "resnet50"]
    start: Literal["face", "face_if_there", "shipped", "untrained"]
    frozen: bool
    heads: AffectHeads
    loss: AffectLosses
    optimiser: Optimiser
    schedule: Schedule
    epochs: Count
    checkpoint_steps: Count
    keep: Literal["last", "best"]
    precision: Precision
    threads: Count


class AffectModel(AffectRecipe):
    """A row of the study: `affect.recipe`, and batch and size of `affect.loading`, with its own laid over."""

    batch: Annotated[int, Field(ge=2)]
    size: Annotated[int, Field(ge=32)]

    @model_validator(mode="after")
    def _starts_from_something(self) -> AffectModel:
        if self.start == "shipped" and self.backbone != "compact":
            raise ValueError(f"start: shipped is a compact network; {self.backbone} starts from face weights")
        if self.start.startswith("face") and self.backbone == "compact":
            raise ValueError("start: there are no face weights of compact; set shipped or untrained")
        if self.frozen and self.start in ("untrained", "face_if_there"):
            raise ValueError(f"frozen: a backbone that may have learnt nothing (start: {self.start})")
        if self.size % 2:
            raise ValueError("size must be even")
        return self


class Affect(Section):
    dataset: AffectSet
    recipe: AffectRecipe
    models: dict[Name, AffectModel]

    @model_validator(mode="after")
    def _something_is_trained(self) -> Affect:
        if not self.models:
            raise ValueError("models: there is none")
        return self
