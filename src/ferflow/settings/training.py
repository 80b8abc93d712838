"""Settings by which a network for single images is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from ferflow.networks import BACKBONES, SHIPPED_NETWORK
from ferflow.settings import types as t
from ferflow.settings.types import Section, setting


class Online(Section):
    """Augmentation, drawn anew for every image of a batch (thesis, section 3.2.4)."""

    flip: bool = setting(True, "half of the images")
    rotation: t.NotNegative = setting(10, "either way", "degrees", "thesis, section 3.2.4")
    shear: t.NotNegative = setting(0.15, "either way; an eighth of a pixel of 48", "degrees", "thesis")
    shift: t.Below1 = setting(0.1, "either way", "share of the image", "thesis")
    zoom: t.Below1 = setting(0.1, "0.9 to 1.1 times", source="thesis")
    brightness: t.Rising[t.Positive] = setting((0.7, 1.3), "grey values", "factor", "thesis: 0.4 to 1.5")
    erase: t.Share = setting(0, "of images in which a rectangle is made grey", "share")
    mixup: t.NotNegative = setting(0, "images and labels are mixed: a of Beta(a, a)")


class Optimiser(Section):
    """How weights move."""

    name: t.OptimiserName = setting("adamw", "sgd, nesterov, asgd, adam, amsgrad, adamw, adadelta, adagrad")
    learning_rate: t.Positive = setting(0.001, "the greatest that the schedule reaches")
    momentum: t.Below1 = setting(0.9, "of sgd and nesterov")
    weight_decay: t.NotNegative = setting(0.0005, "of the weights' squares")


class Schedule(Section):
    """How the learning rate changes."""

    name: t.ScheduleName = setting("constant", "constant, plateau, cosine, warm_restarts, one_cycle, step")
    factor: t.Within1 = setting(0.75, "plateau and step: the rate is multiplied by it")
    patience: t.Count = setting(5, "plateau: without a better validation accuracy", "epochs")
    period: t.Count = setting(20, "of step and warm_restarts", "epochs")
    warmup: t.Within1 = setting(0.3, "one_cycle: in which the rate rises", "share of the steps")


SHIPPED = "shipped"
"""`spatial.weights`: the network that comes with the package."""


class Spatial(Section):
    """Phase 1: a network for single images, and how it is trained."""

    network: t.SpatialNetwork = setting(
        "compact", "by its name; vgg16 and those after it have published weights to start from"
    )
    method: Literal["train", "finetune"] = setting(
        "train", "train, or finetune: from `pretrained` in three phases"
    )
    pretrained: str | None = setting(None, "file to start from, as in `ferflow weights list`")
    weights: str | None = setting(
        SHIPPED,
        "shipped: the compact network that comes with ferflow, trained on FER2013; null: train on the "
        "stills; or a file that ferflow trained",
    )
    epochs: t.Count = setting(10, "of training")
    patience: t.Count | None = setting(None, "without a better validation accuracy; null: any", "epochs")
    batch: t.Count = setting(64, "at a time", "images")
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    average: t.Below1 = setting(0, "decay, a step, of the running average of the weights; 0: no average")
    label_smoothing: t.Share = setting(0.1, "of a label, spread over all classes", "share")
    class_weights: bool = setting(False, "inverse to a class's share of the images")
    keep: Literal["last", "best"] = setting("last", "weights of the last epoch or the best")
    online: Online = Online()
    precision: t.Precision = setting("auto", t.PRECISION)
    threads: t.Count = setting(1, t.THREADS)

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
