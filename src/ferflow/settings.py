"""The settings of a study: `params.yaml`, with a study's YAML laid over it, checked before any job starts.

Values live in `params.yaml` alone; the classes here hold names, types and ranges, and no defaults.
"""

from __future__ import annotations

import difflib
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from ferflow.classes import EMOTIONS
from ferflow.errors import SettingError
from ferflow.models.registry import BACKBONES, NETWORKS

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]

Head = Literal["lstm", "bilstm", "cnn1d"]
Layer = Literal["pool", "dense"]
EndToEndName = Literal["c3d", "convlstm"]
Activation = Literal["relu", "leaky_relu"]
Pooling = Literal["max", "average"]
Initialiser = Literal["glorot_uniform", "he_normal", "he_uniform"]
SpatialNetwork = Literal[tuple(NETWORKS)]
OptimiserName = Literal["sgd", "nesterov", "asgd", "adam", "amsgrad", "adamw", "adadelta", "adagrad"]
ScheduleName = Literal["constant", "plateau", "cosine", "warm_restarts", "one_cycle", "step"]
Transformation = Literal[
    "flip",
    "blur",
    "brighter",
    "darker",
    "contrast_higher",
    "contrast_lower",
    "rotate_left",
    "rotate_right",
    "salt_pepper",
]
Precision = Literal["auto", "float32", "bfloat16"]
Sampling = Literal["none", "class_weights", "oversampling", "smote"]
CleaningRule = Literal["constant", "conflict", "duplicate", "near_duplicate", "outlier", "label_error"]
View = Literal["one", "mirror", "ten"]
Dropout = Annotated[float, Field(ge=0, lt=1)]
ImageSetName = Literal["ckplus", "jaffe", "kdef"]
FusionRule = Literal["average", "weighted", "maximum"]


class Section(BaseModel):
    """A block of settings; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Dataset(Section):
    name: Literal["synth4d", "bu4dfe", "manifest"]
    root: str
    manifest: str | None


class Synth4d(Section):
    women: Annotated[int, Field(ge=0, le=999)]
    men: Annotated[int, Field(ge=0, le=999)]
    fps: Count
    width: Annotated[int, Field(ge=160)]
    height: Annotated[int, Field(ge=160)]
    frames: tuple[Count, Count]
    head_motion: tuple[NotNegative, NotNegative, NotNegative]
    strength: tuple[Positive, Positive]
    weak_share: Share
    overlap: Share
    camera_noise: NotNegative
    jpeg_quality: Annotated[int, Field(ge=50, le=100)]

    @model_validator(mode="after")
    def _ordered(self) -> Synth4d:
        if self.frames[0] > self.frames[1] or self.strength[0] > self.strength[1]:
            raise ValueError("a range must go from low to high")
        return self


class Stills(Section):
    source: Literal["synth4d", "fer2013"]
    path: str
    subjects: Count
    per_class: Count


class Faces(Section):
    smallest: Count
    search_frames: Count
    extend: Annotated[int, Field(ge=0)]
    tracker: Literal["medianflow", "kcf", "csrt"]
    landmark_grow: NotNegative
    landmark_follow: Annotated[float, Field(gt=0, le=1)]
    lost_logit: float
    lost_frames: Count
    drift_overlap: Share
    size: Count
    several: Literal["largest", "error"]
    missing_frames: Annotated[int, Field(ge=0)]
    compared_clips: Annotated[int, Field(ge=0)]


class Haar(Section):
    interval: Count
    window: NotNegative
    sizes: tuple[Positive, Positive]
    lost: Count

    @model_validator(mode="after")
    def _ordered(self) -> Haar:
        if self.sizes[0] > self.sizes[1]:
            raise ValueError("a range must go from low to high")
        return self


class Watching(Section):
    """How a network for single images watches a clip: `resources/watching.yaml`."""

    faces: Faces
    haar: Haar
    smoothing: Annotated[float, Field(gt=0, le=1)]


class Aus(Section):
    backend: Literal["landmark", "pyfeat", "openface"]
    neutral_frames: Count
    ridge: NotNegative
    openface_folder: str | None


class Trim(Section):
    algorithm: Literal["thesis", "strict", "none"]
    threshold: Share
    min_frames_end: Annotated[int, Field(ge=0)]
    max_share: Share
    anomaly_frames: Annotated[int, Field(ge=0)]
    overrides: str | None


class Augment(Section):
    transformations: list[Transformation]
    listing: bool


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
SHIPPED_NETWORK = "compact"


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


class Features(Section):
    layer: Layer
    batch: Count
    precision: Precision
    max_frames: Count
    threads: Count


class HeadSettings(Section):
    """A temporal head. What a head has not (`HEADS_WITHOUT`) is None there, and nowhere else."""

    units: Count
    layers: Count
    dropout: Dropout
    recurrent_dropout: Dropout | None
    kernel: Count | None
    batch_norm: bool | None
    activation: Activation | None
    pooling: Pooling | None
    initialiser: Initialiser
    augmentations: Annotated[int, Field(ge=0, le=9)]

    def misfit(self, head: Head) -> str | None:
        """What of these settings `head` cannot be built with; None where all is well."""
        for name in HeadSettings.model_fields:
            absent = name in HEADS_WITHOUT[head]
            if absent and getattr(self, name) is not None:
                return f"{name} is {getattr(self, name)}, but {head} has none: write null"
            if not absent and getattr(self, name) is None:
                return f"{name} is null, but {head} needs one"
        return None


HEADS_WITHOUT: dict[Head, tuple[str, ...]] = {
    "lstm": ("kernel", "batch_norm", "activation", "pooling"),
    "bilstm": ("kernel", "batch_norm", "activation", "pooling"),
    "cnn1d": ("recurrent_dropout",),
}
"""Settings that mean nothing to a head."""


class Trained(Section):
    """How networks for clips are trained: Adam at one rate, in batches of clips."""

    learning_rate: Positive
    batch: Count
    epochs: Count
    memory: Annotated[int, Field(ge=0)]
    threads: Count


class Temporal(Trained):
    heads: dict[Head, HeadSettings]

    @model_validator(mode="after")
    def _fitting(self) -> Temporal:
        for head, settings in self.heads.items():
            misfit = settings.misfit(head)
            if misfit:
                raise ValueError(f"heads.{head}.{misfit}")
        return self

    def changed(self, head: Head, changes: dict[str, Any]) -> Temporal:
        """These settings with `changes` to those of `head`, or to the learning rate or batch.

        Raises pydantic's ValidationError where the head cannot be built so.
        """
        laid = self.model_dump()
        for name, value in changes.items():
            place = laid if name in SEARCHED_BESIDE else laid["heads"][head]
            place[name] = value
        return Temporal.model_validate(laid)


SEARCHED_BESIDE = ("learning_rate", "batch")
"""Settings of `temporal` itself that a search may change beside the head's own."""


def searched_names(head: Head) -> list[str]:
    """The settings that a search of `head` may change."""
    own = [name for name in HeadSettings.model_fields if name not in HEADS_WITHOUT[head]]
    return [*own, *SEARCHED_BESIDE]


class ClipNetworkSettings(Section):
    """A network that sees the frames themselves: what it is shown, and what all of them have."""

    frames: Count
    size: Annotated[int, Field(ge=8)]
    sampling: Literal["first", "even"]
    filters: Annotated[list[Count], Field(min_length=1)]
    kernel: Count
    dense: list[Count]
    dropout: Dropout
    dense_dropout: Dropout
    initialiser: Initialiser
    online: Online | None
    augmentations: Annotated[int, Field(ge=0, le=9)]

    @model_validator(mode="after")
    def _no_mixed_clips(self) -> ClipNetworkSettings:
        if self.online is not None and (self.online.erase or self.online.mixup):
            raise ValueError("online: erase and mixup are for single images; write 0")
        return self


class C3dSettings(ClipNetworkSettings):
    pooling: Pooling
    batch_norm: bool
    activation: Activation

    @model_validator(mode="after")
    def _large_enough(self) -> C3dSettings:
        for name in ("frames", "size"):
            left = getattr(self, name)
            for layer in range(len(self.filters)):
                left = (left - self.kernel + 1) // 2
                if left < 1:
                    raise ValueError(
                        f"{name}: nothing of {getattr(self, name)} is left after convolution {layer + 1} of "
                        f"width {self.kernel} and its pooling; use more, a smaller kernel or fewer layers"
                    )
        return self


class ConvLstmSettings(ClipNetworkSettings):
    recurrent_dropout: Dropout
    peepholes: bool
    masked: bool

    @model_validator(mode="after")
    def _possible(self) -> ConvLstmSettings:
        if self.kernel % 2 == 0:
            raise ValueError("kernel must be odd, so that the state keeps its size")
        if self.size - len(self.filters) * (self.kernel - 1) < 1:
            raise ValueError(f"size: nothing of {self.size} is left after {len(self.filters)} convolutions")
        return self


class EndToEndPlan(Trained):
    """How the networks on frames are trained."""

    precision: Precision


class EndToEnd(EndToEndPlan):
    run: list[EndToEndName]
    c3d: C3dSettings
    convlstm: ConvLstmSettings

    def of(self, name: EndToEndName) -> ClipNetworkSettings:
        """The settings of the network `name`."""
        return getattr(self, name)

    def plan(self) -> EndToEndPlan:
        """How any of them is trained."""
        return EndToEndPlan(**{name: getattr(self, name) for name in EndToEndPlan.model_fields})


class Splits(Section):
    scheme: Literal["thesis", "stratified"]
    folds: Annotated[int, Field(ge=2)]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    compared: list[Head]

    def other(self) -> Literal["thesis", "stratified"]:
        """The scheme that the study's own is compared with."""
        return "stratified" if self.scheme == "thesis" else "thesis"


class Finalize(Section):
    patience: Count
    rate_patience: Count
    rate_factor: Annotated[float, Field(gt=0, lt=1)]
    max_epochs: Count


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


class ExperimentRun(Section):
    """A cross-validation of a head or network with other settings than the study's own."""

    of: Head | EndToEndName
    layer: Layer | None
    changes: dict[str, Any]

    @model_validator(mode="after")
    def _layer_of_a_head(self) -> ExperimentRun:
        if self.layer is not None and self.of in get_args(EndToEndName):
            raise ValueError(f"{self.of} sees the frames themselves: layer must be null")
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
    controls: bool


class Settings(Section):
    """All settings of one study."""

    study: Name
    kind: Literal["clips", "images"]
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


def watching() -> Watching:
    """How a network for single images watches a clip, from the package's own `watching.yaml`.

    Such a network's file says nothing of faces, and `ferflow predict` works outside a study's folder too.
    """
    path = Path(str(resources("ferflow"))) / "resources" / "watching.yaml"
    return Watching.model_validate(_yaml(path))


def check(values: dict, where: str | Path = "params.yaml") -> Settings:
    """Check a dictionary of settings; SettingError names the first wrong one in one line."""
    try:
        return Settings.model_validate(_with_whole_recipes(_with_whole_models(values)))
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingError(where, *_explain(first)) from None


def _with_whole_models(values: dict) -> dict:
    """`values` with each of `images.models` as the whole of `spatial` with its own settings laid over it."""
    spatial, images = values.get("spatial"), values.get("images")
    models = images.get("models") if isinstance(images, dict) else None
    if not isinstance(spatial, dict) or not isinstance(models, dict):
        return values  # the check says what is wrong with them
    # Weights are of one network: each model names its own, or is trained.
    base = {"seed": None, "start": None, "not_run": None, **spatial, "weights": None}
    whole = {name: _merge(base, own or {}) for name, own in models.items() if isinstance(own or {}, dict)}
    return {**values, "images": {**images, "models": {**models, **whole}}}


def _with_whole_recipes(values: dict) -> dict:
    """`values` with each recipe of `datacentric` as the whole of `spatial` with its own laid over it."""
    spatial, section = values.get("spatial"), values.get("datacentric")
    if not isinstance(spatial, dict) or not isinstance(section, dict):
        return values  # the check says what is wrong with them
    spatial = {**spatial, "weights": None}
    whole = {**section, "recipe": _laid(spatial, section.get("recipe"))}
    if isinstance(section.get("label_errors"), dict):
        own = section["label_errors"].get("recipe")
        whole["label_errors"] = {**section["label_errors"], "recipe": _laid(spatial, own)}
    return {**values, "datacentric": whole}


def _laid(base: dict, own: object) -> object:
    return _merge(base, own or {}) if isinstance(own or {}, dict) else own


def load(path: str | Path, *overlays: str | Path) -> Settings:
    """Read `path` (a whole set of settings) with `overlays` (parts of one) laid over it, and check it."""
    values = _yaml(path)
    for overlay in overlays:
        values = _merge(values, _yaml(overlay))
    return check(values, path if not overlays else overlays[-1])


def _yaml(path: str | Path) -> dict:
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(path, "does not exist", "give the path of a settings file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingError(path, f"is not YAML ({error})", "correct its syntax") from None
    if not isinstance(values, dict):
        raise SettingError(path, "holds no settings", "write `name: value` lines")
    return values


def _merge(base: dict, over: dict) -> dict:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _explain(error: dict) -> tuple[str, str]:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] = Settings
        inside = iter(place[:-1])
        for part in inside:
            field = section.model_fields.get(part)
            kind = field.annotation if field is not None else None
            if get_origin(kind) is dict and next(inside, None) is not None:
                kind = get_args(kind)[1]  # a block for each of several names
            if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
                return f"{name} is not a setting", "remove it"
            section = kind
        known = list(section.model_fields)
        close = difflib.get_close_matches(place[-1], known, 1)
        return (
            f"{name} is not a setting",
            f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}",
        )
    if error["type"] == "missing":
        return f"{name} is missing", "add it; params.yaml shows every setting"
    if error["type"] == "value_error":
        return f"{name}: {error['ctx']['error']}".removeprefix(": "), "correct it"
    return f"{name}: {error['msg']}, not {error['input']!r}", "correct the value"
