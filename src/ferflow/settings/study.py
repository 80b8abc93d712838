"""All settings of a study together, and what they must not contradict."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from ferflow.classes import EMOTIONS, check_names
from ferflow.settings.affect import Affect
from ferflow.settings.clips import Augment, Aus, Dataset, Faces, Stills, Synth4d, Trim
from ferflow.settings.comparing import (
    Baselines,
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
    C3dSettings,
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
from ferflow.settings.types import Count, EndToEndName, Head, Name, Section

NO_FUSION = {"sets": {}, "rules": ["average"], "stacking": None, "best": None}
"""What `fusion: null` stands for."""
EMBEDDED = ("synth4d", "synth4d-stills", "scenes", "affect")
"""The data sets that are rendered: synthetic."""


class Settings(Section):
    """All settings of one study."""

    study: Name
    kind: Literal["clips", "images", "sfew", "affect"]
    protocol: Literal["honest", "published"]
    seed: Annotated[int, Field(ge=0)]
    max_parameters: Count | None
    departures: list[str]
    emotions: list[str]
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
    baselines: Baselines
    humans: Humans
    experiments: Experiments
    nested: Nested
    search: Search
    fusion: Fusion
    calibration: Calibration
    evaluation: Evaluation
    pictures: Pictures
    _left_out: list[str] = PrivateAttr(default_factory=list)

    @property
    def left_out(self) -> list[str]:
        """What is switched off, and what is named in the settings and not made for that, a line each."""
        return list(self._left_out)

    def leave_out(self, notes: Iterable[str]) -> None:
        """Add `notes` to `left_out`."""
        self._left_out = [*self._left_out, *notes]

    def models(self) -> dict[str, str]:
        """The heads and networks on frames of a study of clips, and the names of their models."""
        heads = {head: f"{self.spatial.network}+{head}" for head in self.temporal.heads}
        return heads | {name: name for name in self.end_to_end.run}

    def fusible(self) -> list[str]:
        """The names of the models that a fusion may be made of: those of `models`, and the baselines."""
        return [*self.models().values(), *self.baselines.models().values()]

    def sees_images(self) -> bool:
        """Whether anything of a study of clips rests on a network for single images."""
        return bool(self.temporal.heads or self.baselines.run)

    def trains_spatial(self) -> bool:
        """Whether a study of clips trains a network for single images of its own."""
        return self.spatial.weights is None and self.sees_images()

    def data(self) -> tuple[str, bool]:
        """The name of the folder of the study's data set, and whether it is embedded: synthetic."""
        stills = "synth4d-stills" if self.stills.source == "synth4d" else self.stills.source
        name = {
            "clips": self.dataset.folder(),
            "images": stills,
            "sfew": self.sfew.dataset.name,
            "affect": self.affect.dataset.name,
        }[self.kind]
        return name, name in EMBEDDED

    def thesis_classes(self) -> bool:
        """Whether the thesis's numbers stand beside the study's: its six classes, and test subjects."""
        return set(self.emotions) == set(EMOTIONS) and self.splits.tested

    def places(self) -> list[str]:
        """The folders and files of the study's data sets."""
        return [self.dataset.root, self.stills.path, self.sfew.dataset.path, self.affect.dataset.path]

    @field_validator("emotions", mode="before")
    @classmethod
    def _named(cls, names: object) -> object:
        # YAML reads yes, no, on, off and null as something else.
        odd = [name for name in names if not isinstance(name, str)] if isinstance(names, list) else []
        if odd:
            raise ValueError(f"{odd[0]!r} is no text; write the name of a class in quotes")
        return names

    @field_validator("emotions")
    @classmethod
    def _distinct(cls, names: list[str]) -> list[str]:
        return check_names(names)

    @model_validator(mode="after")
    def _dataset_has_the_classes(self) -> Settings:
        lacking = [name for name in self.emotions if name not in EMOTIONS]
        if self.kind == "clips" and self.dataset.name in ("synth4d", "bu4dfe") and lacking:
            known = ", ".join(EMOTIONS)
            raise ValueError(f"emotions: {self.dataset.name} has no class {lacking[0]}; it has {known}")
        return self

    @field_validator("fusion", mode="before")
    @classmethod
    def _no_fusion(cls, value: object) -> object:
        return NO_FUSION if value is None else value

    @model_validator(mode="after")
    def _backends_can_be_compared(self) -> Settings:
        names, faces = self.aus.compared, self.faces.landmarks
        if len(set(names)) < len(names):
            raise ValueError("aus.compared: names a backend twice")
        if len(names) == 1 and not self.data()[1]:
            raise ValueError(f"aus.compared: {names[0]} alone; name two backends, or none")
        if "blendshapes" in (self.aus.backend, *names) and faces == "wheel":
            raise ValueError("faces.landmarks: blendshapes needs those of the bundle; write bundle or auto")
        return self

    @model_validator(mode="after")
    def _experiments_can_be_built(self) -> Settings:
        for name, run in self.experiments.trained().items():
            if run.of not in self.models():
                continue  # switched off
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
                continue  # switched off
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
    def _nested_candidates_can_be_built(self) -> Settings:
        for head in self.nested.heads:
            if head not in self.temporal.heads:
                continue  # switched off
            for name in self.nested.tried():
                try:
                    self.candidate(head, name)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(["nested", "candidates", name, *map(str, first["loc"])])
                    raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        return self

    def candidate(self, head: Head, name: str) -> HeadSettings:
        """The settings of `head` as the candidate `name` of nested cross-validation has them."""
        return self._with(head, self.nested.tried()[name])

    def _with(self, head: Head, changes: Mapping[str, object]) -> HeadSettings:
        heads = {head: self.temporal.heads[head].model_dump() | changes}
        return Temporal.model_validate(self.temporal.model_dump() | {"heads": heads}).heads[head]

    def of_run(self, name: str) -> HeadSettings | ClipNetworkSettings:
        """The settings of the head or network of the experiment's run `name`."""
        run = self.experiments.runs[name]
        if run.of in get_args(EndToEndName):
            base = self.end_to_end.of(run.of)
            return type(base).model_validate(base.model_dump() | run.changes)
        return self._with(run.of, run.changes)

    def told(self, name: str) -> dict[str, object]:
        """In what the experiment's run `name` differs from the study's own head or network, for a reader."""
        run, chosen = self.experiments.runs[name], self.of_run(name)
        told = {"of": run.of, "layer": run.layer, "normalise": run.normalise} | run.changes
        if isinstance(chosen, C3dSettings) and chosen.pooled():
            frames, size = chosen.maps()
            told["map_layers"] = f"{chosen.map_layers} (maps pooled to {frames}×{size}×{size})"
        return told
