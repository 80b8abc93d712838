"""Settings of the study of expression with valence and arousal (AffectNet)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.networks import NETWORKS, SHIPPED_NETWORK
from ferflow.settings.training import Optimiser, Schedule
from ferflow.settings.types import (
    Count,
    Dropout,
    Name,
    NotNegative,
    Positive,
    Precision,
    Section,
    Share,
    SpatialNetwork,
)


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

    backbone: SpatialNetwork
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
        if self.start == "shipped" and self.backbone != SHIPPED_NETWORK:
            raise ValueError(
                f"start: shipped is a {SHIPPED_NETWORK} network; start {self.backbone} otherwise"
            )
        if self.start.startswith("face") and NETWORKS[self.backbone].faces is None:
            other = " or shipped" * (self.backbone == SHIPPED_NETWORK)
            raise ValueError(f"start: there are no face weights of {self.backbone}; set untrained{other}")
        if self.frozen and self.start in ("untrained", "face_if_there"):
            raise ValueError(f"frozen: a backbone that may have learnt nothing (start: {self.start})")
        if self.size % 2:
            raise ValueError("size must be even")
        return self


class Affect(Section):
    dataset: AffectSet
    synthetic: AffectSynthetic
    loading: Loading
    recipe: AffectRecipe
    models: dict[Name, AffectModel]
