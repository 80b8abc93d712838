"""What the sections of the settings are made of: names, shares, counts, and the section itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ferflow.networks import NETWORKS

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
Baseline = Literal["majority", "mean", "weighted_mean", "logistic", "logistic_subject"]
Normalise = Literal["none", "clip", "subject"]
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
