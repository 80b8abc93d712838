"""What the sections of the settings are made of: kinds of values, the section, a documented setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ferflow.networks import NETWORKS

T = TypeVar("T")


def _rising(pair: tuple) -> tuple:
    if pair[0] > pair[1]:
        raise ValueError("a range must go from low to high")
    return pair


Rising = Annotated[tuple[T, T], AfterValidator(_rising)]
"""A lowest and a greatest value."""
Share = Annotated[float, Field(ge=0, le=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Within1 = Annotated[float, Field(gt=0, lt=1)]
Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Several = Annotated[int, Field(ge=2)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Margin = Count | Below1
"""Pixels, or a share."""
Some = Annotated[list[T], Field(min_length=1)]
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
Baseline = Literal["majority", "mean", "weighted_mean", "logistic", "logistic_subject"]
Normalise = Literal["none", "clip", "subject"]
Precision = Literal["auto", "float32", "bfloat16"]
Sampling = Literal["none", "class_weights", "oversampling", "smote"]
CleaningRule = Literal["constant", "conflict", "duplicate", "near_duplicate", "outlier", "label_error"]
View = Literal["one", "mirror", "ten"]
Dropout = Below1
ImageSetName = Literal["ckplus", "jaffe", "kdef"]
"""Sets of images without official parts."""
FusionRule = Literal["average", "weighted", "maximum"]

CASCADES = {f"{network}+{head}": (network, head) for network in NETWORKS for head in get_args(Head)}
"""The models of a head over a network for single images, as tables name them: network and head of each."""


def parts_of(model: str) -> tuple[str, str]:
    """The network for single images below a model for clips ("": none), and its head or whole name."""
    return CASCADES.get(model, ("", model))


PRECISION = "auto: bfloat16 where the machine computes in it, else float32"
THREADS = "of torch; they change the last bits"


class Section(BaseModel):
    """A block of settings; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)

    @classmethod
    def recorded(cls, written: Mapping[str, Any]) -> Self:
        """The settings that a model file keeps.

        Raises ValueError where one is missing: today's default need not be what the model was built with.
        """
        missing = [name for name in cls.model_fields if name not in written]
        if missing:
            raise ValueError(f"it lacks the setting {missing[0]}")
        return cls.model_validate(written)


def setting(default: Any, text: str, unit: str = "", source: str = "", **limits: Any) -> Any:
    """A field of a section: its default, description, unit and source; `limits` as in pydantic's Field."""
    about = {"unit": unit, "source": source}
    told = {name: value for name, value in about.items() if value}
    return Field(default, description=text, json_schema_extra=told or None, **limits)


def laid(base: dict, over: dict) -> dict:
    """`over` laid over `base`, block by block."""
    blocks = {
        key: laid(base[key], value)
        for key, value in over.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | over | blocks


def each_laid(base: object, entries: object) -> object:
    """Each of the named `entries` laid over `base`; what is no block is left to the check."""
    if not isinstance(base, dict) or not isinstance(entries, dict):
        return entries
    return {
        name: laid(base, own or {}) if isinstance(own or {}, dict) else own for name, own in entries.items()
    }
