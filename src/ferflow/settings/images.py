"""Settings of fine-tuning, of the sweep, and of studies of single images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.settings.training import Spatial
from ferflow.settings.types import (
    CleaningRule,
    Count,
    Dropout,
    ImageSetName,
    Name,
    NotNegative,
    OptimiserName,
    Positive,
    Sampling,
    ScheduleName,
    Section,
    Share,
    SpatialNetwork,
    View,
)


class Stage(Section):
    """How long a stage of fine-tuning trains and at what rate; the rest is as in `spatial`."""

    epochs: Count
    patience: Count | None
    learning_rate: Positive


class ClassifierSearch(Stage):
    trials: Count
    sampler: Literal["gp", "tpe"]
    startup: Count
    layers: tuple[Annotated[int, Field(ge=1, le=2)], Annotated[int, Field(ge=1, le=2)]]
    neurons: Annotated[list[Count], Field(min_length=1)]
    dropout: tuple[Dropout, Dropout]

    @model_validator(mode="after")
    def _ordered(self) -> ClassifierSearch:
        if self.layers[0] > self.layers[1] or self.dropout[0] > self.dropout[1]:
            raise ValueError("a range must go from low to high")
        return self


class Unfreeze(Stage):
    blocks: Annotated[list[Count], Field(min_length=1)]


class Refine(Stage):
    dropout: Annotated[float, Field(gt=0, lt=1)]


class Finetune(Section):
    classifier: ClassifierSearch
    unfreeze: Unfreeze
    refine: Refine


class Decay(Section):
    """Of the schedules of a sweep; see Schedule."""

    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Count
    period: Count
    warmup: Annotated[float, Field(gt=0, lt=1)]


class Tuning(Section):
    epochs: Count
    learning_rate: Positive
    period: Count


class Sweep(Section):
    network: SpatialNetwork
    images: Count | None
    epochs: Count
    optimisers: Annotated[list[OptimiserName], Field(min_length=1)]
    schedules: Annotated[list[ScheduleName], Field(min_length=1)]
    fixed_rate: Positive
    decayed_rate: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NotNegative
    decay: Decay
    tuning: Tuning
    views: View


class ImageModel(Spatial):
    """One network of an image study: `spatial` with what differs laid over it."""

    seed: Annotated[int, Field(ge=0)] | None
    start: Name | None
    not_run: Annotated[str, Field(min_length=1)] | None

    def recipe(self) -> Spatial:
        """The network and how it is trained."""
        return Spatial(**self.model_dump(exclude={"seed", "start", "not_run"}))


class Sequences(Section):
    peak: Count
    neutral: bool


BEST = "best"
"""The ensemble whose members are chosen, not listed."""


class Best(Section):
    networks: Count
    parameters: Count
    views: View


class Images(Section):
    models: dict[Name, ImageModel]
    ensembles: dict[Name, Annotated[list[Name], Field(min_length=1)]]
    best: Best | None
    views: Annotated[list[View], Field(min_length=1)]
    folders: dict[ImageSetName, str | None]
    sequences: Sequences

    @model_validator(mode="after")
    def _known(self) -> Images:
        for name, members in self.ensembles.items():
            unknown = [member for member in members if member not in self.models]
            if unknown:
                raise ValueError(f"ensemble {name} names {unknown[0]}, which is not among the models")
            if name in self.models:
                raise ValueError(f"{name} is the name of a model and of an ensemble")
        for name, model in self.models.items():
            if model.start is not None:
                self._goes_on(name, model)
        if BEST in {*self.models, *self.ensembles}:
            raise ValueError(f"{BEST} is the name of the ensemble that is chosen")
        if self.best and self.best.views not in self.views:
            raise ValueError(f"best.views: {self.best.views} is not among views")
        return self

    def _goes_on(self, name: str, model: ImageModel) -> None:
        """Refuses what cannot start where another model ended."""
        first = self.models.get(model.start)
        if first is None:
            raise ValueError(f"models.{name}.start: {model.start} is not among the models")
        if name in self.before(name):
            raise ValueError(f"models.{name}.start: {model.start} goes on from {name} itself")
        if first.network != model.network:
            raise ValueError(f"models.{name}.start: {model.start} is {first.network}, not {model.network}")
        if model.pretrained or model.weights or model.method != "train":
            raise ValueError(
                f"models.{name} starts from {model.start}: leave pretrained, weights and method out"
            )
        if first.not_run and not model.not_run:
            raise ValueError(f"models.{name}.start: {model.start} is not run")

    def before(self, name: str) -> list[str]:
        """The models that were trained before `name` went on from the last of them, first one first."""
        found: list[str] = []
        start = self.models[name].start
        while start is not None and start not in found:
            found.insert(0, start)
            start = self.models[start].start if start in self.models else None
        return found

    def trained(self) -> dict[str, ImageModel]:
        """The models that are run, by name."""
        return {name: model for name, model in self.models.items() if model.not_run is None}

    def averaged(self) -> dict[str, list[str]]:
        """The ensembles all of whose members are run."""
        trained = self.trained()
        return {
            name: list(members) for name, members in self.ensembles.items() if set(members) <= set(trained)
        }


class LabelErrors(Section):
    folds: Annotated[int, Field(ge=2)]
    filter: Literal["prune_by_class", "prune_by_noise_rate", "both", "confident_learning"]
    margin: Share
    recipe: Spatial


class Datacentric(Section):
    studied: bool
    images: Annotated[int, Field(ge=200)] | None
    constant: Positive
    near_distance: Annotated[int, Field(ge=0, le=63)]
    whiskers: Positive
    sheet: Annotated[int, Field(ge=10, le=200)]
    label_errors: LabelErrors
    cleaning: list[CleaningRule]
    training_only: list[CleaningRule]
    variants: list[SpatialNetwork]
    networks: dict[SpatialNetwork, Annotated[list[Sampling], Field(min_length=1)]]
    cleaned: list[SpatialNetwork]
    neighbours: Count
    recipe: Spatial

    def rows(self) -> list[tuple[SpatialNetwork, Sampling]]:
        """The rows of the comparison: network and sampling; the variants are not resampled."""
        compared = [(name, sampling) for name, samplings in self.networks.items() for sampling in samplings]
        plain = [(name, "none") for name in (*self.variants, *self.cleaned)]
        return list(dict.fromkeys([*plain, *compared]))
