"""Settings of the study of static faces in scenes (SFEW)."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from ferflow.networks import SHIPPED_NETWORK, TRANSFERRED
from ferflow.settings.scenes import Crops, Scenes
from ferflow.settings.types import Count, Name, NotNegative, Positive, Section

TransferName = Literal[(*TRANSFERRED, SHIPPED_NETWORK)]
SfewImages = Literal["originals", "crops"]
SfewProtocol = Literal["random", "film", "spi"]
HandMadeFeature = Literal["lpq", "phog"]


class SceneSet(Section):
    name: Literal["scenes", "sfew"]
    path: str
    smallest: Count


class Cell(Section):
    """One training in each fold of each protocol; it is judged after each of `epochs`.

    `protocols` are the most that it is under: of those, the study's own (`sfew.transfer.protocols`).
    """

    network: TransferName
    images: SfewImages
    unfrozen: Annotated[int, Field(ge=0, le=2)]
    batch: Count
    epochs: Annotated[list[Count], Field(min_length=1)]
    learning_rate: Positive
    protocols: Annotated[list[SfewProtocol], Field(min_length=1)]

    @model_validator(mode="after")
    def _rising(self) -> Cell:
        if sorted(set(self.epochs)) != self.epochs or len(set(self.protocols)) != len(self.protocols):
            raise ValueError("epochs must rise, and no protocol stand twice")
        if self.unfrozen and self.network == SHIPPED_NETWORK:
            raise ValueError(f"of {SHIPPED_NETWORK} the classifier alone can learn: unfrozen must be 0")
        return self

    def models(self, usual_batch: int) -> dict[int, str]:
        """Epochs: the name of the model, as `resnet50-unfrozen1-100-crops`, after so many of them."""
        base = self.network + (f"-unfrozen{self.unfrozen}" if self.unfrozen else "")
        end = f"-batch{self.batch}" if self.batch != usual_batch and not self.unfrozen else ""
        return {epochs: f"{base}-{epochs}-{self.images}{end}" for epochs in self.epochs}


class Transfer(Section):
    start: Literal["imagenet", "untrained"]
    crops: Literal["auto", "haar", "blazeface", "mtcnn"]
    folds: Annotated[int, Field(ge=2)]
    protocols: Annotated[list[SfewProtocol], Field(min_length=1)]
    batch: Count
    weight_decay: NotNegative
    threads: Count
    cells: dict[Name, Cell | None]

    @model_validator(mode="after")
    def _different_models(self) -> Transfer:
        if len(set(self.protocols)) < len(self.protocols):
            raise ValueError("protocols: no protocol may stand twice")
        named: dict[str, str] = {}
        for name, cell in self.run().items():
            for model in cell.models(self.batch).values():
                if model in named:
                    raise ValueError(f"cells {named[model]} and {name} both make {model}")
                named[model] = name
        return self

    def run(self) -> dict[str, Cell]:
        """The cells that are trained, each under those of its protocols that the study has.

        A study leaves a cell out by writing null.
        """
        found = {}
        for name, cell in self.cells.items():
            under = [one for one in cell.protocols if one in self.protocols] if cell is not None else []
            if under:
                found[name] = cell.model_copy(update={"protocols": under})
        return found

    def starts(self) -> dict[str, str]:
        """Of every model what its network starts from."""
        cells = self.run().values()
        return {m: self.start_of(cell.network) for cell in cells for m in cell.models(self.batch).values()}

    def start_of(self, network: TransferName) -> str:
        """What a network starts from: imagenet, untrained, or shipped."""
        return "shipped" if network == SHIPPED_NETWORK else self.start

    def under(self) -> list[SfewProtocol]:
        """The protocols that any cell is under, the published one first."""
        asked = {protocol for cell in self.run().values() for protocol in cell.protocols}
        return [name for name in get_args(SfewProtocol) if name in asked]


class Lpq(Section):
    """Local phase quantisation."""

    window: Annotated[int, Field(ge=3)]
    rho: Annotated[float, Field(gt=0, lt=1)] | None
    grid: Count

    @field_validator("window")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


class Phog(Section):
    """Pyramid of histograms of oriented gradients."""

    levels: Annotated[int, Field(ge=0, le=5)]
    bins: Count
    degrees: Literal[180, 360]
    canny: tuple[Positive, Positive]


class Svm(Section):
    """The classifier on hand-made features; of `c` and `gamma` an inner cross-validation chooses."""

    kernel: Literal["rbf", "linear"]
    c: Annotated[list[Positive], Field(min_length=1)]
    gamma: Annotated[list[Positive | Literal["scale"]], Field(min_length=1)]
    variance: Annotated[float, Field(gt=0, lt=1)] | None
    inner_folds: Annotated[int, Field(ge=2)]


class HandMade(Section):
    size: Annotated[int, Field(ge=32, le=224)]
    cells: dict[Name, Annotated[list[HandMadeFeature], Field(min_length=1)] | None]
    protocols: Annotated[list[SfewProtocol], Field(min_length=1)]
    lpq: Lpq
    phog: Phog
    svm: Svm

    def run(self) -> dict[str, list[HandMadeFeature]]:
        """The cells that are trained, which are also the names of their models."""
        return {name: features for name, features in self.cells.items() if features is not None}

    def under(self) -> list[SfewProtocol]:
        """The protocols that any cell is under."""
        return self.protocols if self.run() else []


class Sfew(Section):
    dataset: SceneSet
    transfer: Transfer
    handmade: HandMade
    scenes: Scenes
    crops: Crops

    def without(self, *left_out: SfewProtocol) -> Sfew:
        """The same study without some protocols, its hand-made features too."""
        have = [name for name in self.transfer.protocols if name not in left_out]
        under = [name for name in self.handmade.protocols if name in have]
        cells = self.handmade.cells if under else dict.fromkeys(self.handmade.cells)
        handmade = {"protocols": under or self.handmade.protocols, "cells": cells}
        return self.model_copy(
            update={
                "transfer": self.transfer.model_copy(update={"protocols": have}),
                "handmade": self.handmade.model_copy(update=handmade),
            }
        )
