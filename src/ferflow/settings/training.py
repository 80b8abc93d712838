"""Settings by which a network for single images is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.networks import BACKBONES, SHIPPED_NETWORK
from ferflow.settings.types import (
    Count,
    NotNegative,
    OptimiserName,
    Positive,
    Precision,
    ScheduleName,
    Section,
    Share,
    SpatialNetwork,
)


class Online(Section):
    flip: bool
    rotation: NotNegative
    shear: NotNegative
    shift: Annotated[float, Field(ge=0, lt=1)]
    zoom: Annotated[float, Field(ge=0, lt=1)]
    brightness: tuple[Positive, Positive]
    erase: Share
    mixup: NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> Online:
        if self.brightness[0] > self.brightness[1]:
            raise ValueError("a range must go from low to high")
        return self


class Optimiser(Section):
    name: OptimiserName
    learning_rate: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NotNegative


class Schedule(Section):
    name: ScheduleName
    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Count
    period: Count
    warmup: Annotated[float, Field(gt=0, lt=1)]


SHIPPED = "shipped"
"""`spatial.weights`: the network that comes with the package."""


class Spatial(Section):
    network: SpatialNetwork
    method: Literal["train", "finetune"]
    pretrained: str | None
    weights: str | None
    epochs: Count
    patience: Count | None
    batch: Count
    optimiser: Optimiser
    schedule: Schedule
    average: Annotated[float, Field(ge=0, lt=1)]
    label_smoothing: Share
    class_weights: bool
    keep: Literal["last", "best"]
    online: Online
    precision: Precision
    threads: Count

    @model_validator(mode="after")
    def _finetuned_from_something(self) -> Spatial:
        if self.method == "finetune" and self.pretrained is None:
            raise ValueError("method: finetune starts from weights, but `pretrained` names none")
        if self.method == "finetune" and self.network not in BACKBONES:
            raise ValueError(f"method: finetune is for {', '.join(BACKBONES)}, not for {self.network}")
        return self

    @model_validator(mode="after")
    def _of_the_network_that_ships(self) -> Spatial:
        if self.weights == SHIPPED and self.network != SHIPPED_NETWORK:
            raise ValueError(
                f"weights: {SHIPPED} is a {SHIPPED_NETWORK} network; train {self.network} with weights: null"
            )
        return self
