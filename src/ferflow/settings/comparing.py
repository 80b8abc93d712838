"""Settings of what is compared: people, fusion, experiments, nested cross-validation, search, pictures."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from ferflow.settings import types as t
from ferflow.settings.images import BEST
from ferflow.settings.types import Section, setting


class SimulatedAnnotators(Section):
    """Annotators drawn from Rasch's model."""

    annotators: int = setting(16, "the thesis's number", source="Figure 3.25", ge=2, le=99)
    skill: float = setting(2.0, "mean; 2 names 88 % of clips at full strength", "log-odds")
    skill_spread: t.NotNegative = setting(0.4, "standard deviation over annotators", "log-odds")
    faintness: t.NotNegative = setting(3.0, "lost by a clip from full strength to none", "log-odds")
    clip_spread: t.NotNegative = setting(1.2, "standard deviation over clips of one strength", "log-odds")
    confusion: t.Share = setting(0.7, "of wrong answers that name the clip's own lure", "share")


class Humans(Section):
    """People who name the test clips' emotions; `ferflow annotate` asks them (thesis, section 3.3.1)."""

    annotations: str | None = setting(None, "CSV with annotator, clip_id, emotion; or `annotate --export`")
    votes: str | None = setting(None, "instead: CSV with clip_id and a count for each emotion")
    simulated: SimulatedAnnotators | None = setting(
        SimulatedAnnotators(),
        "without either, on synth4d alone: annotators drawn from Rasch's model, numbers in log-odds; null: "
        "none",
    )
    mistaken: t.Below1 = setting(
        0.5, "of annotators, above which a clip is mistaken", "share", source="thesis, Figure 3.26"
    )

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
    """Multinomial logistic regression on the out-of-fold predictions."""

    # C3D and ConvLSTM stop after a few epochs in cross-validation and learn on in the final training, which
    # misleads a stack.
    models: t.Some[str] = setting(["lstm", "bilstm", "cnn1d"], "whose folds are trained like the final ones")
    strengths: t.Some[t.Positive] = setting([0.001, 0.01, 0.1, 1, 10, 100], "scikit-learn's C")
    folds: t.Several = setting(5, "inner ones, over subjects")


EXHAUSTIVE = 12
"""Models of which every set can be tried in seconds."""


class FusionChoice(Section):
    """The set and rule that do best in cross-validation, judged once on the test set."""

    models: t.Some[str] = setting(["lstm", "bilstm", "cnn1d", "c3d", "convlstm"], "those to choose from")
    most: t.Count = setting(5, "in the set", "models")
    search: Literal["exhaustive", "greedy"] = setting(
        "exhaustive", "exhaustive: every set; greedy: what helps most joins"
    )

    @model_validator(mode="after")
    def _feasible(self) -> FusionChoice:
        if self.search == "exhaustive" and len(self.models) > EXHAUSTIVE:
            raise ValueError(f"search: exhaustive tries every set; with more than {EXHAUSTIVE} take greedy")
        return self


class Fusion(Section):
    """Late fusion, from predictions alone; null: none (thesis, section 3.2.6)."""

    sets: dict[t.Name, Annotated[list[str], Field(min_length=2)] | None] = setting(
        {
            "lstm_bilstm": ["lstm", "bilstm"],
            "lstm_bilstm_cnn1d": ["lstm", "bilstm", "cnn1d"],
            "c3d_convlstm": ["c3d", "convlstm"],
            "cnn1d_c3d": ["cnn1d", "c3d"],
            "all": ["lstm", "bilstm", "cnn1d", "c3d", "convlstm"],
        },
        "name: models, by their whole name or its last part (lstm is vggface+lstm); also frame-mean, "
        "frame-weighted-mean, logistic, logistic-subject where those baselines are run. null: left out",
        source="thesis, Table 3.7",
    )
    rules: t.Some[t.FusionRule] = setting(
        ["average", "weighted", "maximum"], "weighted: by the accuracy in cross-validation"
    )
    stacking: Stacking | None = setting(Stacking(), "stack on out-of-fold predictions; null: none")
    best: FusionChoice | None = setting(
        FusionChoice(), "the best in cross-validation, judged once; null: none"
    )

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


BASELINE_MODELS: dict[t.Baseline, str] = {
    "majority": "control-majority-class",
    "mean": "frame-mean",
    "weighted_mean": "frame-weighted-mean",
    "logistic": "logistic",
    "logistic_subject": "logistic-subject",
}
"""What baselines are called in tables."""
BASELINE_CONTROLS: tuple[t.Baseline, ...] = ("majority",)
"""Those that are controls, with which nothing is compared."""


class Baselines(Section):
    """Models without a head over time, judged in the same folds and on the same test subjects."""

    run: list[t.Baseline] = setting(
        [],
        "majority: the class with most clips; mean, weighted_mean: of the frames' probabilities, plainly or "
        "by distance from neutral; logistic: regression on mean and deviation, over a clip, of `dense` "
        "features, log probabilities and action units; logistic_subject: less the mean over all of the "
        "person's clips",
    )
    strengths: t.Some[t.Positive] = setting(
        [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
        "of logistic: scikit-learn's C, chosen by log loss on the training side's subjects",
    )
    inner_folds: t.Several = setting(5, "for that choice")

    def models(self) -> dict[t.Baseline, str]:
        """The baselines that are run, each once, and the names of their models."""
        return {name: BASELINE_MODELS[name] for name in self.run}

    def compared(self) -> list[str]:
        """The names of those that models are compared with: controls are not."""
        return [model for name, model in self.models().items() if name not in BASELINE_CONTROLS]


class ExperimentRun(Section):
    """A cross-validation of a head or network with other settings than the study's own."""

    of: t.Head | t.EndToEndName = setting(..., "head or network")
    layer: t.Layer | None = setting(None, "of a head's features; null: features.layer")
    normalise: t.Normalise | None = setting(None, "of a head's features; null: features.normalise")
    changes: dict[str, Any] = setting({}, "to the settings of the head or network")

    @model_validator(mode="after")
    def _layer_of_a_head(self) -> ExperimentRun:
        if self.layer is not None and self.of in get_args(t.EndToEndName):
            raise ValueError(f"{self.of} sees the frames themselves: layer must be null")
        if self.normalise is not None and self.of in get_args(t.EndToEndName):
            raise ValueError(f"{self.of} sees the frames themselves: normalise must be null")
        return self


class Comparison(Section):
    """Cross-validations whose curves are drawn together."""

    title: str = setting(..., "of table and figure")
    runs: Annotated[list[t.Name], Field(min_length=2)] = setting(..., "or heads and networks")


class Experiments(Section):
    """Cross-validations that compare settings (thesis, sections 3.2.4 and 3.2.5)."""

    compared: list[t.Name] = setting([], "which of the comparisons are made")
    comparisons: dict[t.Name, Comparison] = setting({}, "name: title, and what is drawn together")
    runs: dict[t.Name, ExperimentRun | None] = setting(
        {}, "name: a head or network, and the changes to its settings; null leaves a run out"
    )
    published: dict[str, t.Name] = setting({}, "items of the paper, and the run that repeats each")

    @model_validator(mode="after")
    def _known(self) -> Experiments:
        for name in self.compared:
            if name not in self.comparisons:
                known = ", ".join(self.comparisons)
                raise ValueError(f"compared names {name}, which is none of the comparisons {known}")
        for name, comparison in self.comparisons.items():
            for run in comparison.runs:
                if run not in self.runs and run not in (*get_args(t.Head), *get_args(t.EndToEndName)):
                    raise ValueError(f"comparisons.{name} names {run}, which is not among the runs")
        return self

    def chosen(self) -> dict[str, Comparison]:
        """The comparisons that are made, without the runs that the study leaves out by writing null."""
        chosen = {}
        for name in self.compared:
            runs = [run for run in self.comparisons[name].runs if self.runs.get(run, run) is not None]
            chosen[name] = self.comparisons[name].model_copy(update={"runs": runs})
        return chosen

    def trained(self) -> dict[str, ExperimentRun]:
        """The runs of the comparisons that are made, each once."""
        names = dict.fromkeys(run for comparison in self.chosen().values() for run in comparison.runs)
        return {name: self.runs[name] for name in names if name in self.runs}


class Calibration(Section):
    """Whether probabilities are shares of right answers."""

    bins: t.Several = setting(10, "of the confidence, from 0 to 1")
    binning: Literal["width", "mass"] = setting("width", "bins of equal width; mass: of equally many clips")
    listed: t.Count = setting(5, "at either end of a list of confidences", "clips")


class Nested(Section):
    """Nested cross-validation, in which all are judged and none has a say (thesis, Algorithm 2)."""

    outer: t.Several = setting(3, "folds of all subjects")
    inner: t.Several = setting(2, "folds of the rest, on which a candidate and its epochs are chosen")
    heads: list[t.Head] = setting([], "by outer × (2 × inner × candidates + 1) trainings each")
    candidates: dict[t.Name, dict[str, int | float | str | bool] | None] = setting(
        {"as_set": {}, "more_dropout": {"dropout": 0.6}},
        "name: what differs from `temporal.heads` of the head; null: left out",
    )

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

    low: int | float = setting(..., "lowest value")
    high: int | float = setting(..., "greatest value")
    step: t.Positive | None = setting(None, "between values; null: any between the ends")
    log: bool = setting(False, "even in the logarithm")

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


Choices = t.Some[int | float | str | bool]
Tried = Annotated[
    Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")],
    Discriminator(lambda value: "choices" if isinstance(value, list) else "range"),
]
"""The values that a search tries of a setting: a list of them, or a range."""


_SHARED = {"units": [32, 64, 128], "dropout": {"low": 0.0, "high": 0.8, "step": 0.1, "log": False}}
_AFTER = {"learning_rate": {"low": 0.0003, "high": 0.01, "step": None, "log": True}, "augmentations": [0, 1]}
RECURRENT = _SHARED | _AFTER
CONVOLUTIONS = _SHARED | {"kernel": [3, 5], "batch_norm": [False, True]} | _AFTER
"""What is searched of a head."""


class Search(Section):
    """Settings of a head, searched over the mean of cross-validation (Optuna's TPE sampler)."""

    run: list[t.Head] = setting([], "heads, by trials × folds trainings each at most")
    trials: t.Count = setting(8, "of each head")
    startup: t.Count = setting(4, "trials drawn at random before the sampler learns from them")
    pruned_after: t.Count | None = setting(
        4, "trials after which one below their median is stopped; null: never"
    )
    space: dict[t.Head, dict[str, Tried | None]] = setting(
        {"lstm": RECURRENT, "bilstm": RECURRENT, "cnn1d": CONVOLUTIONS},
        "head: its settings, learning_rate or batch: a list, or a range of numbers (whole ones where both "
        "ends are; log: even in its logarithm); null: left out",
    )

    def tried(self, head: t.Head) -> dict[str, list | Range]:
        """The settings of `head` that are searched; a study leaves one out by writing null."""
        return {name: values for name, values in self.space.get(head, {}).items() if values is not None}

    def greatest(self, head: t.Head, name: str) -> Any:
        """The greatest value that is tried of a setting; None where it is not searched."""
        values = self.tried(head).get(name)
        return values.high if isinstance(values, Range) else max(values, default=None) if values else None


class Pictures(Section):
    """What the pictures that explain a study show, and how large."""

    subjects: t.Count = setting(4, "rows of the sheet of faces")
    kept_frames: t.Count = setting(8, "faces of a clip before and after trimming")
    strip_frames: t.Count = setting(10, "faces on the strip of a mistaken clip, evenly spaced")
    strip_size: int = setting(52, "width of each", "pixels", ge=16)
    draws: t.Count = setting(10, "random mixtures of the online augmentation")
    maps: t.Count = setting(64, "feature maps of each block, its first ones", source="thesis, Figure 3.14")
    map_size: int = setting(28, "width of one at most", "pixels", ge=4)
    face_size: int = setting(88, "width of an embedded face", "pixels", ge=16)
    frame_size: int = setting(300, "longer side of an embedded whole frame", "pixels", ge=16)
    steps: t.Count = setting(
        64, "on the way from a neutral clip, for gradients", source="Sundararajan et al.: 20 to 300"
    )


class Evaluation(Section):
    """Intervals and tests of all results."""

    bootstrap: t.Count = setting(2000, "of subjects, films or images", "resamples")
    confidence: t.Within1 = setting(0.95, "of the intervals")
    by: list[str] = setting(
        ["sex"], "columns of the manifest (sex, age_group, lighting …) that results are shown by"
    )
    controls: bool = setting(True, "the two controls of clips: neutral frames only, and the true AUs")
