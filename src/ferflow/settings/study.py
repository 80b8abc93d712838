"""All settings of a study together, and what they must not contradict."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from ferflow.classes import EMOTIONS
from ferflow.settings.affect import Affect
from ferflow.settings.clips import Augment, Aus, Dataset, Faces, Stills, Synth4d, Trim
from ferflow.settings.comparing import (
    Calibration,
    Evaluation,
    Experiments,
    Fusion,
    Humans,
    Nested,
    Pictures,
    Range,
    Search,
)
from ferflow.settings.heads import (
    SEARCHED_BESIDE,
    ClipNetworkSettings,
    EndToEnd,
    Features,
    Finalize,
    HeadSettings,
    Splits,
    Temporal,
    searched_names,
)
from ferflow.settings.images import Datacentric, Finetune, Images, Sweep
from ferflow.settings.sfew import Sfew
from ferflow.settings.training import Spatial
from ferflow.settings.types import EndToEndName, Head, Name, Section

EMBEDDED = ("synth4d", "synth4d-stills", "scenes", "affect")
"""The data sets that are rendered: synthetic."""


class Settings(Section):
    """All settings of one study."""

    study: Name
    kind: Literal["clips", "images", "sfew", "affect"]
    protocol: Literal["honest", "published"]
    seed: Annotated[int, Field(ge=0)]
    emotions: list[Literal[EMOTIONS]]
    dataset: Dataset
    synth4d: Synth4d
    stills: Stills
    faces: Faces
    aus: Aus
    trim: Trim
    augment: Augment
    spatial: Spatial
    images: Images
    finetune: Finetune
    sweep: Sweep
    datacentric: Datacentric
    sfew: Sfew
    affect: Affect
    features: Features
    temporal: Temporal
    end_to_end: EndToEnd
    splits: Splits
    finalize: Finalize
    humans: Humans
    experiments: Experiments
    nested: Nested
    search: Search
    fusion: Fusion
    calibration: Calibration
    evaluation: Evaluation
    pictures: Pictures

    def data(self) -> tuple[str, bool]:
        """The name under which the study's data set has its files, and whether it is embedded: synthetic."""
        stills = "synth4d-stills" if self.stills.source == "synth4d" else self.stills.source
        name = {
            "clips": self.dataset.name,
            "images": stills,
            "sfew": self.sfew.dataset.name,
            "affect": self.affect.dataset.name,
        }[self.kind]
        return name, name in EMBEDDED

    @property
    def repeats_thesis(self) -> bool:
        """Whether the thesis's numbers stand beside the study's: on its data set, or the embedded one."""
        return self.dataset.name != "manifest"

    def places(self) -> list[str]:
        """The folders and files of the study's data sets."""
        return [self.dataset.root, self.stills.path, self.sfew.dataset.path, self.affect.dataset.path]

    @model_validator(mode="after")
    def _experiments_can_be_built(self) -> Settings:
        for name in self.experiments.trained():
            try:
                self.of_run(name)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(["experiments", "runs", name, *(str(part) for part in first["loc"])])
                raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        return self

    @model_validator(mode="after")
    def _searches_can_be_built(self) -> Settings:
        for head in self.search.run:
            if head not in self.temporal.heads:
                raise ValueError(f"search.run names {head}, which temporal.heads has not")
            tried = self.search.tried(head)
            if not tried:
                raise ValueError(f"search.space.{head}: nothing is searched")
            for name, values in tried.items():
                self._can_be_tried(head, name, values)
        return self

    def _can_be_tried(self, head: Head, name: str, values: list | Range) -> None:
        where, known = f"search.space.{head}.{name}", searched_names(head)
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            raise ValueError(f"{where} is nothing that a search of {head} can change; {hint}")
        for value in values.some() if isinstance(values, Range) else values:
            try:
                made = self.temporal.changed(head, {name: value})
            except ValidationError as error:
                first = error.errors()[0]
                said = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"{where}: {said}, not {value!r}") from None
            taken = getattr(made if name in SEARCHED_BESIDE else made.heads[head], name)
            if taken != value or isinstance(taken, bool) != isinstance(value, bool):
                raise ValueError(f"{where}: write {taken!r} instead of {value!r}")
            if name == "augmentations" and value > len(self.augment.transformations):
                there = len(self.augment.transformations)
                raise ValueError(f"{where}: augment.transformations has {there}, not {value}")

    @model_validator(mode="after")
    def _compared_splits_have_heads(self) -> Settings:
        for head in self.splits.compared:
            if head not in self.temporal.heads:
                raise ValueError(f"splits.compared names {head}, which temporal.heads has not")
        return self

    def of_run(self, name: str) -> HeadSettings | ClipNetworkSettings:
        """The settings of the head or network of the experiment's run `name`."""
        run = self.experiments.runs[name]
        if run.of in get_args(EndToEndName):
            base = self.end_to_end.of(run.of)
            return type(base).model_validate(base.model_dump() | run.changes)
        if run.of not in self.temporal.heads:
            raise ValueError(f"experiments.runs.{name} is of {run.of}, which temporal.heads has not")
        heads = {run.of: self.temporal.heads[run.of].model_dump() | run.changes}
        return Temporal.model_validate(self.temporal.model_dump() | {"heads": heads}).heads[run.of]
