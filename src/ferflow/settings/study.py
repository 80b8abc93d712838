"""The settings of a study: what all have, the sections of its kind, and what they must not contradict."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import PrivateAttr, ValidationError, field_validator, model_validator

from ferflow.classes import EMOTIONS, check_names
from ferflow.settings import types as t
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
from ferflow.settings.types import Section, each_laid, setting

NO_FUSION = {"sets": {}, "rules": ["average"], "stacking": None, "best": None}
"""What `fusion: null` stands for."""
EMBEDDED = ("synth4d", "synth4d-stills", "scenes", "affect")
"""The data sets that are rendered: synthetic."""


class Settings(Section):
    """What the settings of every study have; `KINDS` are the studies themselves."""

    study: t.Name = setting("demo", "results go to results/<study>/")
    kind: Literal["clips", "images", "sfew", "affect"] = setting(
        "clips",
        "clips (videos: faces, action units, features, heads), images (networks for single images), sfew "
        "(transfer learning on faces in scenes) or affect (expression with valence and arousal)",
    )
    protocol: Literal["honest", "published"] = setting(
        "honest", "honest: no subject on two sides; published: a paper's own split, leaky ones included"
    )
    seed: t.Whole = setting(20, "of every random choice")
    max_parameters: t.Count | None = setting(
        500_000_000,
        "a study with a larger network is refused before any job: while it is trained, a parameter takes 16 "
        "bytes (with its gradient and Adam's two moments), 8 GB in all; null: any size",
    )
    machine: str = setting(
        "auto",
        "what jobs ask memory and time for: auto (what this machine has), cpu, or the GPU of a cluster's "
        "nodes, as a100 (src/ferflow/resources/machines.yaml lists them)",
    )
    paper: t.Name | None = setting(
        None,
        "a file of src/ferflow/papers by its name: its numbers stand beside the study's; null: none more",
    )
    rehearsal: t.Count | None = setting(
        None,
        "set by `ferflow rehearse`: trainings stop after so many steps of an epoch, and what comes of it is "
        "marked as no result; null: a study",
        "steps",
    )
    departures: list[str] = setting(
        [], "from the paper that the study repeats, a sentence each: the report opens with them"
    )
    evaluation: Evaluation = Evaluation()
    synth4d: Synth4d = Synth4d()
    _left_out: list[str] = PrivateAttr(default_factory=list)

    @property
    def left_out(self) -> list[str]:
        """What is switched off, and what is named in the settings and not made for that, a line each."""
        return list(self._left_out)

    def leave_out(self, notes: Iterable[str]) -> None:
        """Add `notes` to `left_out`."""
        self._left_out = [*self._left_out, *notes]

    def data(self) -> tuple[str, bool]:
        """The name of the folder of the study's data set, and whether it is embedded: synthetic."""
        name = self._source()[0]
        return name, name in EMBEDDED

    def places(self) -> list[str]:
        """The folders and files of the study's data sets."""
        return self._source()[1]

    def _source(self) -> tuple[str, list[str]]:
        raise NotImplementedError


class ImageSettings(Settings):
    """Networks that are trained and judged on single images."""

    kind: Literal["images"] = "images"
    stills: Stills = Stills()
    faces: Faces = Faces()
    spatial: Spatial = Spatial()
    images: Images = Images()
    finetune: Finetune = Finetune()
    sweep: Sweep = Sweep()
    datacentric: Datacentric = Datacentric()

    @model_validator(mode="before")
    @classmethod
    def _whole_recipes(cls, values: Any) -> Any:
        """Each network is the whole of `spatial` under its own settings; it names its own weights."""
        if not isinstance(values, dict):
            return values
        spatial, images = values.get("spatial", {}), values.get("images", {})
        base = spatial | {"weights": None} if isinstance(spatial, dict) else None

        def whole(block: Any) -> Any:
            own = block.get("recipe") if isinstance(block, dict) else None
            return block | each_laid(base, {"recipe": own}) if isinstance(block, dict) else block

        data = whole(values.get("datacentric", {}))
        if isinstance(data, dict):
            data["label_errors"] = whole(data.get("label_errors", {}))
        if isinstance(images, dict):
            images = images | {"models": each_laid(base, images.get("models", {}))}
        return values | {"images": images, "datacentric": data}

    @model_validator(mode="after")
    def _official_parts(self) -> ImageSettings:
        needs = [f"images.models.{name}.further" for name, own in self.images.models.items() if own.further]
        needs += ["datacentric.studied"] * self.datacentric.studied
        if needs and self.stills.by_subject:
            raise ValueError(f"{needs[0]} needs FER2013's parts; stills.source is {self.stills.source}")
        return self

    def _source(self) -> tuple[str, list[str]]:
        return stills_folder(self.stills), [self.stills.path]


class SfewSettings(Settings):
    """Transfer learning on faces in scenes."""

    kind: Literal["sfew"] = "sfew"
    sfew: Sfew = Sfew()

    def _source(self) -> tuple[str, list[str]]:
        return self.sfew.dataset.name, [self.sfew.dataset.path]


class AffectSettings(Settings):
    """Expression with valence and arousal."""

    kind: Literal["affect"] = "affect"
    affect: Affect = Affect()

    def _source(self) -> tuple[str, list[str]]:
        return self.affect.dataset.name, [self.affect.dataset.path]


class ClipSettings(Settings):
    """Faces, action units, features and heads of videos."""

    kind: Literal["clips"] = "clips"
    emotions: list[str] = setting(
        list(EMOTIONS), "the classes of the clips, any names, in the order of tables and figures"
    )
    dataset: Dataset = Dataset()
    stills: Stills = Stills()
    faces: Faces = Faces()
    aus: Aus = Aus()
    trim: Trim = Trim()
    augment: Augment = Augment()
    spatial: Spatial = Spatial()
    finetune: Finetune = Finetune()
    features: Features = Features()
    temporal: Temporal = Temporal()
    end_to_end: EndToEnd = EndToEnd()
    splits: Splits = Splits()
    finalize: Finalize = Finalize()
    baselines: Baselines = Baselines()
    humans: Humans = Humans()
    experiments: Experiments = Experiments()
    nested: Nested = Nested()
    search: Search = Search()
    fusion: Fusion = Fusion()
    calibration: Calibration = Calibration()
    pictures: Pictures = Pictures()

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

    def _source(self) -> tuple[str, list[str]]:
        return self.dataset.folder(), [self.dataset.root, self.stills.path]

    def thesis_classes(self) -> bool:
        """Whether the thesis's numbers stand beside the study's: its six classes, and test subjects."""
        return set(self.emotions) == set(EMOTIONS) and self.splits.tested

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
    def _dataset_has_the_classes(self) -> ClipSettings:
        lacking = [name for name in self.emotions if name not in EMOTIONS]
        if self.dataset.name in ("synth4d", "bu4dfe") and lacking:
            known = ", ".join(EMOTIONS)
            raise ValueError(f"emotions: {self.dataset.name} has no class {lacking[0]}; it has {known}")
        return self

    @field_validator("fusion", mode="before")
    @classmethod
    def _no_fusion(cls, value: object) -> object:
        return NO_FUSION if value is None else value

    @model_validator(mode="after")
    def _backends_can_be_compared(self) -> ClipSettings:
        names, faces = self.aus.compared, self.faces.landmarks
        if len(set(names)) < len(names):
            raise ValueError("aus.compared: names a backend twice")
        if len(names) == 1 and not self.data()[1]:
            raise ValueError(f"aus.compared: {names[0]} alone; name two backends, or none")
        if "blendshapes" in (self.aus.backend, *names) and faces == "wheel":
            raise ValueError("faces.landmarks: blendshapes needs those of the bundle; write bundle or auto")
        return self

    @model_validator(mode="after")
    def _variants_can_be_built(self) -> ClipSettings:
        """Every run, searched value and candidate of a head or network that is not switched off."""
        for name, run in self.experiments.trained().items():
            if run.of in self.models():
                _built(f"experiments.runs.{name}", lambda name=name: self.of_run(name))
        for head in self.temporal.heads:
            if head in self.search.run:
                tried = self.search.tried(head)
                if not tried:
                    raise ValueError(f"search.space.{head}: nothing is searched")
                for name, values in tried.items():
                    self._can_be_tried(head, name, values)
            if head in self.nested.heads:
                for name in self.nested.tried():
                    where = f"nested.candidates.{name}"
                    _built(where, lambda head=head, name=name: self.candidate(head, name))
        return self

    def _can_be_tried(self, head: t.Head, name: str, values: list | Range) -> None:
        where, known = f"search.space.{head}.{name}", searched_names(head)
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
            raise ValueError(f"{where} is nothing that a search of {head} can change; {hint}")
        for value in values.some() if isinstance(values, Range) else values:
            try:
                made = self.temporal.changed(head, {name: value})
            except ValidationError as error:
                raise ValueError(f"{where}: {_reason(error)}, not {value!r}") from None
            taken = getattr(made if name in SEARCHED_BESIDE else made.heads[head], name)
            if taken != value or isinstance(taken, bool) != isinstance(value, bool):
                raise ValueError(f"{where}: write {taken!r} instead of {value!r}")
            if name == "augmentations" and value > len(self.augment.transformations):
                there = len(self.augment.transformations)
                raise ValueError(f"{where}: augment.transformations has {there}, not {value}")

    def candidate(self, head: t.Head, name: str) -> HeadSettings:
        """The settings of `head` as the candidate `name` of nested cross-validation has them."""
        return self._with(head, self.nested.tried()[name])

    def _with(self, head: t.Head, changes: Mapping[str, object]) -> HeadSettings:
        heads = {head: self.temporal.heads[head].model_dump() | changes}
        return Temporal.model_validate(self.temporal.model_dump() | {"heads": heads}).heads[head]

    def of_run(self, name: str) -> HeadSettings | ClipNetworkSettings:
        """The settings of the head or network of the experiment's run `name`."""
        run = self.experiments.runs[name]
        if run.of in get_args(t.EndToEndName):
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


def _built(where: str, make: Callable[[], object]) -> None:
    """ValueError naming `where` and what in it is wrong where `make` cannot build it."""
    try:
        make()
    except ValidationError as error:
        place = ".".join([where, *(str(part) for part in error.errors()[0]["loc"])])
        raise ValueError(f"{place}: {_reason(error)}") from None


def _reason(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Value error, ")


def stills_folder(stills: Stills) -> str:
    """The name of the folder below `data/interim` of what is made of the stills."""
    return "synth4d-stills" if stills.source == "synth4d" else stills.source


KINDS: dict[str, type[Settings]] = {
    "clips": ClipSettings,
    "images": ImageSettings,
    "sfew": SfewSettings,
    "affect": AffectSettings,
}
"""The settings of a study of each `kind`."""
