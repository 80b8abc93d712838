"""Settings of fine-tuning, of the sweep, and of studies of single images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ferflow.settings import types as t
from ferflow.settings.training import Spatial
from ferflow.settings.types import Section, setting

THEIRS = "theirs"
"""Numbers of Khaireddin and Chen 2021."""


class Stage(Section):
    """How long a stage of fine-tuning trains and at what rate; the rest is as in `spatial`."""

    epochs: t.Count = setting(30, "at most", "epochs")
    patience: t.Count | None = setting(5, "without a better validation accuracy", "epochs")
    learning_rate: t.Positive = setting(0.001, "the greatest that the schedule reaches")


class ClassifierSearch(Stage):
    """Phase 1: classifiers on the frozen base, whose features are computed once."""

    learning_rate: t.Positive = setting(0.01, "the greatest that the schedule reaches")
    trials: t.Count = setting(20, "classifiers that are tried", source="thesis")
    sampler: Literal["gp", "tpe"] = setting("gp", "gp: Bayesian, with a Gaussian process (thesis); or tpe")
    startup: t.Count = setting(5, "trials drawn at random before the sampler learns from them")
    layers: t.Rising[Annotated[int, Field(ge=1, le=2)]] = setting((1, 2), "fewest and most", source="thesis")
    neurons: t.Some[t.Count] = setting([256, 512, 1024], "of each layer", source="thesis")
    dropout: t.Rising[t.Dropout] = setting((0.2, 0.9), "after each, tried in steps of 0.1", "share", "thesis")


class Unfreeze(Stage):
    """Phase 2: the last blocks learn too; the best on the validation images is kept."""

    blocks: t.Some[t.Count] = setting([1, 2], "each is tried", source="thesis")


class Refine(Stage):
    """Phase 3: two attempts from there, kept only where they are better."""

    epochs: t.Count = setting(15, "at most", "epochs")
    learning_rate: t.Positive = setting(0.0001, "of the second attempt; the first keeps that of phase 2")
    dropout: t.Within1 = setting(0.1, "first attempt: added to the drop rate, up to the end of its range")


class Finetune(Section):
    """Fine-tuning; all else is as in `spatial` (thesis, section 3.2.4)."""

    classifier: ClassifierSearch = ClassifierSearch()
    unfreeze: Unfreeze = Unfreeze()
    refine: Refine = Refine()


class Decay(Section):
    """How the learning rate is lowered; see Schedule."""

    factor: t.Within1 = setting(0.75, "plateau and step: the rate is multiplied by it", source=THEIRS)
    patience: t.Count = setting(1, "plateau: without a better one", "epochs", "theirs: 5 of 300")
    period: t.Count = setting(4, "between steps and restarts", "epochs")
    warmup: t.Within1 = setting(0.3, "one_cycle: in which the rate rises", "share of the steps")


class Tuning(Section):
    """The best run's weights, trained on with cosine and warm restarts."""

    epochs: t.Count = setting(4, "of each", "epochs", "theirs: 50")
    learning_rate: t.Positive = setting(0.0001, "the greatest", source=THEIRS)
    period: t.Count = setting(2, "between restarts", "epochs")


class Sweep(Section):
    """Optimisers and schedules (Khaireddin and Chen 2021, arXiv 2105.03588; compact paper, section 2.3)."""

    studied: bool = setting(False, "whether the study has this part; else `snakemake sweep` makes it")
    network: t.SpatialNetwork = setting("compact", "else as `spatial`", source="theirs: a VGG")
    images: t.Count | None = setting(3000, "of part Training; null: all", "images", "theirs: all")
    epochs: t.Count = setting(12, "of each run", "epochs", "theirs: 300, on a GPU")
    optimisers: t.Some[t.OptimiserName] = setting(
        ["sgd", "nesterov", "asgd", "adam", "amsgrad", "adadelta", "adagrad"], "each is tried", source=THEIRS
    )
    schedules: t.Some[t.ScheduleName] = setting(
        ["plateau", "cosine", "warm_restarts", "one_cycle", "step"], "with the best optimiser", source=THEIRS
    )
    fixed_rate: t.Positive = setting(0.001, "learning rate where it does not change", source=THEIRS)
    decayed_rate: t.Positive = setting(0.01, "learning rate that `decay` lowers", source=THEIRS)
    momentum: t.Below1 = setting(0.9, "of sgd and nesterov", source=THEIRS)
    weight_decay: t.NotNegative = setting(0.0001, "of the weights' squares", source=THEIRS)
    decay: Decay = Decay()
    tuning: Tuning = Tuning()
    views: t.View = setting("ten", "on which PrivateTest is judged", source="theirs: ten crops")


class ImageModel(Spatial):
    """One network of an image study: `spatial` with what differs laid over it."""

    weights: str | None = setting(None, "as spatial.weights, but not inherited")
    seed: t.Whole | None = setting(None, "null: the study's")
    start: t.Name | None = setting(None, "another model, from whose weights it goes on")
    further: list[t.ImageSetName] = setting(
        [],
        "sets of `folders` that it is also trained on, all of their people; those without a copy are left "
        "out, and without any it is not run",
    )
    not_run: str | None = setting(None, "a reason not to run it, which tables show", min_length=1)

    def recipe(self) -> Spatial:
        """The network and how it is trained."""
        return Spatial(**self.model_dump(exclude={"seed", "start", "further", "not_run"}))


class Sequences(Section):
    """Which frames of CK+'s sequences are images."""

    peak: t.Count = setting(3, "last ones, which show the emotion (981 images)", "frames")
    neutral: bool = setting(False, "true: the first frame too, as neutral")


BEST = "best"
"""The ensemble whose members are chosen, not listed."""


class Best(Section):
    """The average that does best on PublicTest."""

    networks: t.Count = setting(5, "at most")
    parameters: t.Count = setting(5_000_000, "fewer than this in all of them")
    views: t.View = setting("ten", "of the images")


class Images(Section):
    """Networks that are trained and judged on `stills`."""

    models: dict[t.Name, ImageModel] = setting(
        {},
        "name: what differs from `spatial`; also seed, start (another model), further (sets of `folders` "
        "that it is also trained on) and not_run: a reason",
    )
    ensembles: dict[t.Name, t.Some[t.Name]] = setting({}, "name: [models], whose probabilities are averaged")
    best: Best | None = setting(
        None,
        "{networks: 5, parameters: 5000000, views: ten}: the average of at most so many networks that does "
        "best on PublicTest; null: none",
    )
    views: t.Some[t.View] = setting(["one", "mirror", "ten"], "as it is, with its mirror image, ten crops")
    folders: dict[t.ImageSetName, str | None] = setting(
        {"ckplus": None, "jaffe": None, "kdef": None},
        "further data sets, counted with FER2013; a model with `further` is trained on them",
    )
    sequences: Sequences = Sequences()

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
            if model.further and (model.weights or model.method != "train"):
                raise ValueError(f"models.{name}.further: leave weights and method out")
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
        before: list[str] = []
        start = self.models[name].start
        while start is not None and start not in before:
            before.insert(0, start)
            start = self.models[start].start if start in self.models else None
        return before

    def of_copies(self, there: Callable[[str], bool]) -> Images:
        """The same where only those of `folders` count of which `there` says that they are there.

        A model keeps those of its `further` sets; one that loses all, or goes on from such a one, is not run.
        """
        models: dict[str, ImageModel] = {}
        copies = [name for name, folder in self.folders.items() if folder and there(folder)]
        for name, model in self.models.items():
            further = [one for one in model.further if one in copies]
            reason = model.not_run
            if model.further and not further and reason is None:
                reason = f"no copy of {', '.join(model.further)} (images.folders)"
            models[name] = model.model_copy(update={"further": further, "not_run": reason})
        for name, model in models.items():
            lost = [one for one in self.before(name) if models[one].not_run]
            if lost and model.not_run is None:
                models[name] = model.model_copy(
                    update={"not_run": f"{lost[0]}, which it goes on from, is not run"}
                )
        return self.model_copy(update={"models": models})

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
    """Suspected label errors, from probabilities of networks that did not see the image."""

    folds: t.Several = setting(4, "of the training of those networks")
    filter: Literal["prune_by_class", "prune_by_noise_rate", "both", "confident_learning"] = setting(
        "prune_by_noise_rate", "cleanlab's way to choose: also prune_by_class, both, confident_learning"
    )
    margin: t.Share = setting(
        0.65,
        "the cleaned split drops a suspect only where another class is more probable than its label by "
        "this: a network right in half of the cases doubts a third of FER2013, and means little by it",
    )
    recipe: Spatial | None = setting(None, "what differs from `spatial`")


class Datacentric(Section):
    """What is wrong with `stills`, and what resampling them is worth (Adel 2023)."""

    studied: bool = setting(False, "whether the study has this part")
    images: int | None = setting(None, "drawn from every part and class; null: all", "images", ge=200)
    constant: t.Positive = setting(
        10,
        "an image whose standard deviation is below shows nothing (12 of FER2013; the next has 42)",
        "grey levels",
    )
    near_distance: int = setting(
        6,
        "in which the hashes of near duplicates differ at most; up to 6, labels disagree in 14 to 18 % of "
        "FER2013's pairs, at 8 in 26 %, at 10 in 51 %, at 12 in 68 %",
        "bits of 64",
        ge=0,
        le=63,
    )
    whiskers: t.Positive = setting(1.5, "beyond them a mean is an outlier", "interquartile ranges")
    sheet: int = setting(60, "on a sheet of examples, at most", "images", ge=10, le=200)
    label_errors: LabelErrors = LabelErrors()
    cleaning: list[t.CleaningRule] = setting(
        ["constant", "conflict", "duplicate", "near_duplicate", "label_error"],
        "the cleaned split; an image goes by the first rule that names it. Also outlier, which names 17 % "
        "of FER2013",
    )
    training_only: list[t.CleaningRule] = setting(
        ["outlier", "label_error"],
        "rules that leave the test parts alone: by them a network would choose its own test",
    )
    variants: list[t.SpatialNetwork] = setting([], "networks compared among themselves, without resampling")
    networks: dict[t.SpatialNetwork, t.Some[t.Sampling]] = setting(
        {}, "network: its samplings, of none, class_weights, oversampling, smote; each under both protocols"
    )
    cleaned: list[t.SpatialNetwork] = setting([], "trained on the cleaned split too")
    neighbours: t.Count = setting(5, "of SMOTE", source="imbalanced-learn's own number")
    recipe: Spatial | None = setting(
        None, "what differs from `spatial`, in every row of the comparison; its network does not count"
    )

    def rows(self) -> list[tuple[t.SpatialNetwork, t.Sampling]]:
        """The rows of the comparison: network and sampling; the variants are not resampled."""
        compared = [(name, sampling) for name, samplings in self.networks.items() for sampling in samplings]
        plain = [(name, "none") for name in (*self.variants, *self.cleaned)]
        return list(dict.fromkeys([*plain, *compared]))
