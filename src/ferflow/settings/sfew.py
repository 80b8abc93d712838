"""Settings of the study of static faces in scenes (SFEW)."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import field_validator, model_validator

from ferflow.networks import SHIPPED_NETWORK, TRANSFERRED
from ferflow.settings import types as t
from ferflow.settings.scenes import Crops, Scenes
from ferflow.settings.types import Section, setting

TransferName = Literal[(*TRANSFERRED, SHIPPED_NETWORK)]
SfewImages = Literal["originals", "crops"]
SfewProtocol = Literal["random", "film", "spi"]
HandMadeFeature = Literal["lpq", "phog"]


class SceneSet(Section):
    """The images."""

    name: Literal["scenes", "sfew"] = setting("scenes", "scenes: embedded, synthetic")
    path: str = setting("data/raw/scenes", "folder with a folder per class")
    smallest: t.Count = setting(40, "shorter side; smaller images are left out", "pixels")


class TrainingRun(Section):
    """One training in each fold of each protocol; it is evaluated after each of `epochs`.

    `protocols` are of those, the study's own (`sfew.transfer.protocols`).
    """

    network: TransferName = setting(..., "a residual network, or ferflow's own: compact")
    images: SfewImages = setting(..., "originals, or crops: the faces alone")
    unfrozen: int = setting(0, "last stages that learn too", source="paper: 0", ge=0, le=2)
    batch: t.Count = setting(256, "at a time", "images", "paper")
    epochs: t.Some[t.Count] = setting(..., "evaluated after each; one run at a constant rate", "epochs")
    learning_rate: t.Positive = setting(0.01, "of Adam", source="paper")
    protocols: t.Some[SfewProtocol] = setting(["random", "film", "spi"], "of those, the study's own")

    @model_validator(mode="after")
    def _rising(self) -> TrainingRun:
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
    """Networks whose first stages keep their weights from elsewhere."""

    start: Literal["imagenet", "untrained"] | None = setting(
        None,
        "imagenet (paper; the workflow fetches the weights), or untrained: random, which the tables say; "
        "null: untrained on the embedded scenes, and refused on real images",
    )
    crops: Literal["auto", "haar", "blazeface", "mtcnn"] = setting(
        "mtcnn", "detector whose face crops are trained on: mtcnn (paper), haar, blazeface or auto"
    )
    folds: t.Several = setting(5, "of protocols random and film", source="paper")
    protocols: t.Some[SfewProtocol] = setting(
        ["random", "film", "spi"],
        "of the whole study: random (paper, leaky), film and spi (honest). A copy of SFEW without lists of "
        "its SPI sets is studied without spi",
    )
    batch: t.Count = setting(256, "the one that models are not named after", "images", "paper")
    weight_decay: t.NotNegative = setting(0.001, "of Adam", source="paper")
    threads: t.Count = setting(1, t.THREADS)
    runs: dict[t.Name, TrainingRun | None] = setting(
        {}, "name: one training a fold; a study that is laid over another leaves one out by writing null"
    )

    @model_validator(mode="after")
    def _different_models(self) -> Transfer:
        if len(set(self.protocols)) < len(self.protocols):
            raise ValueError("protocols: no protocol may stand twice")
        named: dict[str, str] = {}
        for name, run in self.trained().items():
            for model in run.models(self.batch).values():
                if model in named:
                    raise ValueError(f"runs {named[model]} and {name} both make {model}")
                named[model] = name
        return self

    def trained(self) -> dict[str, TrainingRun]:
        """The runs that are not left out, each under those of its protocols that the study has."""
        trained = {}
        for name, run in self.runs.items():
            under = [one for one in run.protocols if one in self.protocols] if run is not None else []
            if under:
                trained[name] = run.model_copy(update={"protocols": under})
        return trained

    def models(self) -> dict[str, dict[str, str | int]]:
        """What each model is, by columns of schema `sfew_folds`."""
        return {
            model: {
                "network": run.network,
                "images": run.images,
                "unfrozen": run.unfrozen,
                "epochs": epochs,
                "start": self.start_of(run.network),
            }
            for run in self.trained().values()
            for epochs, model in run.models(self.batch).items()
        }

    def start_of(self, network: TransferName) -> str:
        """What a network starts from: imagenet, untrained, or shipped."""
        return "shipped" if network == SHIPPED_NETWORK else self.start or "untrained"

    def wants_start(self) -> bool:
        """Whether any network starts from what `start` says, which says nothing."""
        networks = {run.network for run in self.trained().values()}
        return self.start is None and networks != {SHIPPED_NETWORK}

    def under(self) -> list[SfewProtocol]:
        """The protocols that any run is under, the published one first."""
        under = {protocol for run in self.trained().values() for protocol in run.protocols}
        return [name for name in get_args(SfewProtocol) if name in under]


class Lpq(Section):
    """Local phase quantisation."""

    window: int = setting(7, "odd", "pixels", ge=3)
    rho: t.Within1 | None = setting(0.9, "correlation of neighbours that is taken out")
    grid: t.Count = setting(4, "blocks across and down with a histogram each")

    @field_validator("window")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


class Phog(Section):
    """Pyramid of histograms of oriented gradients."""

    levels: int = setting(3, "1, 2×2, 4×4 and 8×8 cells", ge=0, le=5)
    bins: t.Count = setting(8, "directions")
    degrees: Literal[180, 360] = setting(360, "180: opposite directions are one", "degrees")
    canny: tuple[t.Positive, t.Positive] = setting((50, 100), "thresholds of weak and strong edges")


class Svm(Section):
    """The classifier on hand-made features; of `c` and `gamma` an inner cross-validation chooses."""

    kernel: Literal["rbf", "linear"] = setting("rbf", "rbf or linear")
    c: t.Some[t.Positive] = setting([1, 10, 100], "an inner cross-validation of the training side chooses")
    gamma: t.Some[t.Positive | Literal["scale"]] = setting(
        ["scale", 0.001], "scale: 1 / (features × variance)"
    )
    variance: t.Within1 | None = setting(0.98, "kept by principal components; null: all", "share")
    inner_folds: t.Several = setting(3, "for that choice")


class HandMade(Section):
    """Features made by hand with a support vector machine, on the crops of `transfer.crops`."""

    size: int = setting(96, "side to which the grey crops are shrunk", "pixels", ge=32, le=224)
    models: dict[t.Name, t.Some[HandMadeFeature] | None] = setting(
        {}, "name: its features, one after the other; null leaves one out"
    )
    protocols: t.Some[SfewProtocol] = setting(["random", "film", "spi"], "that its models are under")
    lpq: Lpq = Lpq()
    phog: Phog = Phog()
    svm: Svm = Svm()

    def trained(self) -> dict[str, list[HandMadeFeature]]:
        """The models that are not left out."""
        return {name: features for name, features in self.models.items() if features is not None}

    def under(self) -> list[SfewProtocol]:
        """The protocols that any model is under."""
        return self.protocols if self.trained() else []


class Sfew(Section):
    """Transfer learning on faces in scenes (Gong, "SFEW")."""

    dataset: SceneSet = SceneSet()
    transfer: Transfer = Transfer()
    handmade: HandMade = HandMade()
    scenes: Scenes = Scenes()
    crops: Crops = Crops()

    def without(self, *left_out: SfewProtocol) -> Sfew:
        """The same study without some protocols, its hand-made features too."""
        have = [name for name in self.transfer.protocols if name not in left_out]
        under = [name for name in self.handmade.protocols if name in have]
        models = self.handmade.models if under else dict.fromkeys(self.handmade.models)
        handmade = {"protocols": under or self.handmade.protocols, "models": models}
        return self.model_copy(
            update={
                "transfer": self.transfer.model_copy(update={"protocols": have}),
                "handmade": self.handmade.model_copy(update=handmade),
            }
        )
