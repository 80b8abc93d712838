"""Settings of the study of expression with valence and arousal (AffectNet)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.networks import NETWORKS, SHIPPED_NETWORK
from ferflow.settings import types as t
from ferflow.settings.training import Optimiser, Schedule
from ferflow.settings.types import Section, each_laid, setting


class AffectSet(Section):
    """The images."""

    name: Literal["affect", "affectnet"] = setting("affect", "affect: embedded, synthetic")
    path: str = setting("data/raw/affect", "folder with train_set and val_set")
    smallest: t.Count = setting(32, "shorter side; smaller images are dropped", "pixels")


class AffectSynthetic(Section):
    """The embedded set: how many rendered images, of how many people, and their annotation."""

    subjects: tuple[t.Count, t.Count] = setting((120, 40), "people of either part")
    train: int = setting(900, "of the training part", "images", ge=len(EMOTIONS_CONTEMPT))
    validation_per_class: t.Count = setting(
        25, "of each class of the validation part", "images", "AffectNet: 500"
    )
    distribution: dict[Literal[EMOTIONS_CONTEMPT], t.Count] = setting(
        {
            "neutral": 74874,
            "happy": 134415,
            "sad": 25459,
            "surprise": 14090,
            "fear": 6378,
            "disgust": 3803,
            "angry": 24882,
            "contempt": 3750,
        },
        "of the training part's classes; only the shares count",
        "images",
        "AffectNet, Mollahosseini 2017",
    )
    size: int = setting(128, "side", "pixels", ge=16)
    jpeg_quality: int = setting(92, "of the files", ge=1, le=100)
    noise: t.NotNegative = setting(0.15, "standard deviation of annotators")
    unknown_share: t.Share = setting(0.02, "of training images without valence and arousal", "share")
    other_codes: t.Whole = setting(6, "of each of the codes 8 to 10, which have no class", "images")

    @model_validator(mode="after")
    def _every_class_has_a_share(self) -> AffectSynthetic:
        missing = [emotion for emotion in EMOTIONS_CONTEMPT if emotion not in self.distribution]
        if missing:
            raise ValueError(f"distribution lacks {', '.join(missing)}")
        return self


class AffectAugment(Section):
    """Drawn anew for every image while it is read."""

    rotation: float = setting(10, "at most, either way", "degrees", ge=0, le=180)
    zoom: t.Below1 = setting(0.2, "each side by 1 - 0.2 to 1 + 0.2")
    brightness: t.Rising[t.Positive] = setting((0.8, 1.2), "of the grey values", "factor")


class Loading(Section):
    """How images come from the disk to the network."""

    batch: t.Count = setting(64, "at a time", "images", "Table 3")
    size: t.Count = setting(224, "side of the network's input", "pixels", "VGGFace's own")
    workers: t.Count = setting(2, "threads that decode and augment")
    augment: AffectAugment | None = setting(AffectAugment(), "null: none", source="Table 4")


class AffectHeads(Section):
    """The dense layers' neurons of each head, the share dropped behind each, and the regressions' output."""

    expression: list[t.Count] = setting([512, 512], "neurons of each dense layer")
    valence: list[t.Count] = setting([512, 512], "neurons of each dense layer")
    arousal: list[t.Count] = setting([512, 512], "neurons of each dense layer")
    dropout: t.Dropout = setting(0, "behind each layer", "share", "none is printed")
    output: Literal["tanh", "linear"] = setting(
        "tanh", "tanh, or linear (clipped to -1..1 in use)", source="not printed"
    )


class AffectLosses(Section):
    """The three losses and their sum."""

    class_weights: bool = setting(True, "inverse to a class's images", source="paper: weighted softmax loss")
    regression: Literal["mse", "ccc"] = setting("mse", "mse, or ccc: 1 - concordance over a batch")
    learned: bool = setting(False, "weights are learnt too", source="Kendall, Gal and Cipolla 2018")
    expression: t.Positive = setting(1, "weight in the sum", source="not printed")
    valence: t.Positive = setting(1, "weight in the sum", source="not printed")
    arousal: t.Positive = setting(1, "weight in the sum", source="not printed")


class AffectRecipe(Section):
    """A network for expression, valence and arousal, and how it is trained."""

    backbone: t.SpatialNetwork = setting(
        "compact", "a network for single images, such as vgg16 or resnet50", source="Tables 1 and 2"
    )
    start: Literal["face", "face_if_there", "shipped", "untrained"] = setting(
        "shipped",
        "the backbone's weights: face (VGGFace, VGGFace2), face_if_there (only if they are in data/weights, "
        "else untrained), shipped (the compact network that comes with the package) or untrained",
    )
    frozen: bool = setting(False, "true: the heads alone learn")
    heads: AffectHeads = AffectHeads()
    loss: AffectLosses = AffectLosses()
    optimiser: Optimiser = setting(
        Optimiser(name="adam", learning_rate=0.0001, momentum=0, weight_decay=0),
        "how weights move",
        source="not printed",
    )
    schedule: Schedule = setting(
        Schedule(factor=0.5, period=10, warmup=0.2), "how the learning rate changes", source="not printed"
    )
    epochs: t.Count = setting(31, "of training", source="Table 3")
    checkpoint_steps: t.Count = setting(500, "after which a killed training can go on", "batches")
    keep: Literal["last", "best"] = setting(
        "last", "last, or best: on the validation part, which is judged: leaky"
    )
    precision: t.Precision = setting("auto", t.PRECISION)
    threads: t.Count = setting(2, t.THREADS)


class AffectModel(AffectRecipe):
    """A row of the study: `affect.recipe`, and batch and size of `affect.loading`, with its own laid over."""

    batch: int = setting(64, "at a time", "images", ge=2)
    size: int = setting(224, "side of the network's input; even", "pixels", ge=32)

    @model_validator(mode="after")
    def _starts_from_something(self) -> AffectModel:
        if self.start == "shipped" and self.backbone != SHIPPED_NETWORK:
            raise ValueError(
                f"start: shipped is a {SHIPPED_NETWORK} network; start {self.backbone} otherwise"
            )
        if self.start.startswith("face") and NETWORKS[self.backbone].faces is None:
            other = " or shipped" * (self.backbone == SHIPPED_NETWORK)
            raise ValueError(f"start: there are no face weights of {self.backbone}; set untrained{other}")
        if self.frozen and self.start in ("untrained", "face_if_there"):
            raise ValueError(f"frozen: a backbone that may have learnt nothing (start: {self.start})")
        if self.size % 2:
            raise ValueError("size must be even")
        return self


class Affect(Section):
    """Expression with valence and arousal (Akhtar 2022, AffectNet)."""

    dataset: AffectSet = AffectSet()
    synthetic: AffectSynthetic = AffectSynthetic()
    loading: Loading = Loading()
    recipe: AffectRecipe = AffectRecipe()
    models: dict[t.Name, AffectModel] = setting(
        {}, "name: what differs from `recipe`; also `batch` and `size`, else those of `loading`"
    )

    @model_validator(mode="before")
    @classmethod
    def _whole_models(cls, values: Any) -> Any:
        """Each model is the whole of `recipe`, with `loading`'s batch and size, under its own."""
        if not isinstance(values, dict) or not isinstance(values.get("recipe", {}), dict):
            return values  # the check says what is wrong with them
        loading = values.get("loading")
        shared = loading if isinstance(loading, dict) else {}
        base = {name: shared[name] for name in ("batch", "size") if name in shared}
        return values | {"models": each_laid(base | values.get("recipe", {}), values.get("models", {}))}
