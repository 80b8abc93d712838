"""Settings of what is compared: people, fusion, experiments, nested cross-validation, search, pictures."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from ferflow.settings.images import BEST
from ferflow.settings.types import (
    Baseline,
    Count,
    EndToEndName,
    FusionRule,
    Head,
    Layer,
    Name,
    Normalise,
    NotNegative,
    Positive,
    Section,
    Share,
)


class SimulatedAnnotators(Section):
    """The noise model of `humans.simulated`, in log-odds."""

    annotators: Annotated[int, Field(ge=2, le=99)]
    skill: float
    skill_spread: NotNegative
    faintness: NotNegative
    clip_spread: NotNegative
    confusion: Share


class Humans(Section):
    """Where the human answers come from; with none of the three there is no human part."""

    annotations: str | None
    votes: str | None
    simulated: SimulatedAnnotators | None
    mistaken: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _one_source(self) -> Humans:
        if self.annotations is not None and self.votes is not None:
            raise ValueError("give annotations or votes, not both")
        return self

    def source(self, dataset: str) -> Literal["annotations", "votes", "simulated"] | None:
        """What is evaluated: people's answers first; simulated ones only on the embedded data set."""
        if self.annotations is not None:
            return "annotations"
        if self.votes is not None:
            return "votes"
        return "simulated" if self.simulated is not None and dataset == "synth4d" else None


class Stacking(Section):
    models: Annotated[list[str], Field(min_length=1)]
    strengths: Annotated[list[Positive], Field(min_length=1)]
    folds: Annotated[int, Field(ge=2)]


EXHAUSTIVE = 12
"""Models of which every set can be tried in seconds."""


class FusionChoice(Section):
    models: Annotated[list[str], Field(min_length=1)]
    most: Count
    search: Literal["exhaustive", "greedy"]

    @model_validator(mode="after")
    def _feasible(self) -> FusionChoice:
        if self.search == "exhaustive" and len(self.models) > EXHAUSTIVE:
            raise ValueError(f"search: exhaustive tries every set; with more than {EXHAUSTIVE} take greedy")
        return self


class Fusion(Section):
    sets: dict[Name, Annotated[list[str], Field(min_length=2)] | None]
    rules: Annotated[list[FusionRule], Field(min_length=1)]
    stacking: Stacking | None
    best: FusionChoice | None

    @field_validator("sets", mode="before")
    @classmethod
    def _no_sets(cls, value: object) -> object:
        return {} if value is None else value

    @model_validator(mode="after")
    def _named_once(self) -> Fusion:
        for name in (BEST, "stacking"):
            if name in self.sets:
                raise ValueError(f"{name} is the name of a fusion that is not listed but found")
        for name, members in self.named().items():
            if len(set(members)) < len(members):
                raise ValueError(f"set {name} names a model twice")
        return self

    def named(self) -> dict[str, list[str]]:
        """The sets that are fused; a study leaves one out by writing null."""
        return {name: list(members) for name, members in self.sets.items() if members is not None}

    def any(self) -> bool:
        """Whether anything is fused."""
        return bool(self.named()) or self.stacking is not None or self.best is not None

    def found(self) -> int:
        """How many fusions are not listed but found in cross-validation."""
        return (self.stacking is not None) + (self.best is not None)


BASELINE_MODELS: dict[Baseline, str] = {
    "majority": "control-majority-class",
    "mean": "frame-mean",
    "weighted_mean": "frame-weighted-mean",
    "logistic": "logistic",
    "logistic_subject": "logistic-subject",
}
"""What baselines are called in tables."""
BASELINE_CONTROLS: tuple[Baseline, ...] = ("majority",)
"""Those that are controls, with which nothing is compared."""


class Baselines(Section):
    """Models without a head, judged in the same folds (`training.baselines`)."""

    run: list[Baseline]
    strengths: Annotated[list[Positive], Field(min_length=1)]
    inner_folds: Annotated[int, Field(ge=2)]

    def models(self) -> dict[Baseline, str]:
        """The baselines that are run, each once, and the names of their models."""
        return {name: BASELINE_MODELS[name] for name in self.run}

    def compared(self) -> list[str]:
        """The names of those that models are compared with: controls are not."""
        return [model for name, model in self.models().items() if name not in BASELINE_CONTROLS]


class ExperimentRun(Section):
    """A cross-validation of a head or network with other settings than the study's own."""

    of: Head | EndToEndName
    layer: Layer | None
    normalise: Normalise | None = None
    changes: dict[str, Any]

    @model_validator(mode="after")
    def _layer_of_a_head(self) -> ExperimentRun:
        if self.layer is not None and self.of in get_args(EndToEndName):
            raise ValueError(f"{self.of} sees the frames themselves: layer must be null")
        if self.normalise is not None and self.of in get_args(EndToEndName):
            raise ValueError(f"{self.of} sees the frames themselves: normalise must be null")
        return self


class Comparison(Section):
    title: str
    runs: Annotated[list[Name], Field(min_length=2)]


class Experiments(Section):
    compared: list[Name]
    comparisons: dict[Name, Comparison]
    runs: dict[Name, ExperimentRun | None]
    published: dict[str, Name]

    @model_validator(mode="after")
    def _known(self) -> Experiments:
        for name in self.compared:
            if name not in self.comparisons:
                known = ", ".join(self.comparisons)
                raise ValueError(f"compared names {name}, which is none of the comparisons {known}")
        for name, comparison in self.comparisons.items():
            for run in comparison.runs:
                if run not in self.runs and run not in (*get_args(Head), *get_args(EndToEndName)):
                    raise ValueError(f"comparisons.{name} names {run}, which is not among the runs")
        return self

    def chosen(self) -> dict[str, Comparison]:
        """The comparisons that are made, without the runs that the study leaves out by writing null."""
        found = {}
        for name in self.compared:
            runs = [run for run in self.comparisons[name].runs if self.runs.get(run, run) is not None]
            found[name] = self.comparisons[name].model_copy(update={"runs": runs})
        return found

    def trained(self) -> dict[str, ExperimentRun]:
        """The runs of the comparisons that are made, each once."""
        names = dict.fromkeys(run for comparison in self.chosen().values() for run in comparison.runs)
        return {name: self.runs[name] for name in names if name in self.runs}


class Calibration(Section):
    bins: Annotated[int, Field(ge=2)]
    binning: Literal["width", "mass"]
    listed: Count


class Nested(Section):
    outer: Annotated[int, Field(ge=2)]
    inner: Annotated[int, Field(ge=2)]
    heads: list[Head]
    candidates: dict[Name, dict[str, int | float | str | bool] | None]

    @model_validator(mode="after")
    def _some(self) -> Nested:
        if not self.tried():
            raise ValueError("candidates: none is left")
        return self

    def tried(self) -> dict[str, dict[str, int | float | str | bool]]:
        """The candidates that are tried; a study leaves one out by writing null."""
        return {name: own for name, own in self.candidates.items() if own is not None}


class Range(Section):
    """What a search draws a number from: whole numbers where both ends are whole."""

    low: int | float
    high: int | float
    step: Positive | None
    log: bool

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def some(self) -> list[int | float]:
        """Both ends and, of numbers that are not whole, one that lies between: what holds for them, holds."""
        between = self.low + (self.step or (self.high - self.low) / 3.1)
        return [self.low, self.high] if self.whole else [self.low, self.high, between]

    @model_validator(mode="after")
    def _of_some_size(self) -> Range:
        if self.low >= self.high:
            raise ValueError(
                f"nothing lies between {self.low} and {self.high}; a range goes from low to high"
            )
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("log: true needs a low above 0 and step: null")
        if self.step is not None:
            steps = (self.high - self.low) / self.step
            if abs(steps - round(steps)) > 1e-9 or (self.whole and self.step % 1):
                raise ValueError(f"from {self.low} to {self.high} is no number of steps of {self.step:g}")
        return self


Choices = Annotated[list[int | float | str | bool], Field(min_length=1)]
Tried = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")],
    Discriminator(lambda value: "choices" if isinstance(value, list) else "range"),
]
"""The values that a search tries of a setting: a list of them, or a range."""


class Search(Section):
    """A search of a head's settings over the mean of cross-validation."""

    run: list[Head]
    trials: Count
    startup: Count
    pruned_after: Count | None
    space: dict[Head, dict[str, Tried | None]]

    def tried(self, head: Head) -> dict[str, list | Range]:
        """The settings of `head` that are searched; a study leaves one out by writing null."""
        return {name: values for name, values in self.space.get(head, {}).items() if values is not None}

    def greatest(self, head: Head, name: str) -> Any:
        """The greatest value that is tried of a setting; None where it is not searched."""
        values = self.tried(head).get(name)
        return values.high if isinstance(values, Range) else max(values, default=None) if values else None


class Pictures(Section):
    """What the pictures that explain a study show, and how large."""

    subjects: Count
    kept_frames: Count
    strip_frames: Count
    strip_size: Annotated[int, Field(ge=16)]
    draws: Count
    maps: Count
    map_size: Annotated[int, Field(ge=4)]
    face_size: Annotated[int, Field(ge=16)]
    frame_size: Annotated[int, Field(ge=16)]
    steps: Count


class Evaluation(Section):
    bootstrap: Count
    confidence: Annotated[float, Field(gt=0, lt=1)]
    by: list[str]
    controls: bool
