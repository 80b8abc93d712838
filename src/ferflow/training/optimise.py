"""Optimisers and learning-rate schedules by the names that the settings give them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import lr_scheduler

from ferflow.settings import Optimiser, Schedule


def optimiser(weights: Iterable[nn.Parameter], settings: Optimiser) -> torch.optim.Optimizer:
    """Build the optimiser `settings.name`: the ones that Khaireddin and Chen compare, and AdamW."""
    optim, name = torch.optim, settings.name
    kind, more = {
        "sgd": (optim.SGD, {"momentum": settings.momentum}),
        "nesterov": (optim.SGD, {"momentum": settings.momentum, "nesterov": True}),
        "adam": (optim.Adam, {}),
        "amsgrad": (optim.Adam, {"amsgrad": True}),
        "asgd": (optim.ASGD, {}),
        "adamw": (optim.AdamW, {}),
        "adadelta": (optim.Adadelta, {}),
        "adagrad": (optim.Adagrad, {}),
    }[name]
    return kind(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, **more)


def schedule(
    optimiser: torch.optim.Optimizer, settings: Schedule, epochs: int, steps: int, monitor: str
) -> dict | None:
    """Lightning's description of the schedule `settings.name` for `epochs` of `steps` each; None: constant.

    One-cycle and the cosines move with every step, plateau and step with every epoch. `monitor` names the
    accuracy that plateau watches.
    """
    every_step = {"interval": "step"}
    match settings.name:
        case "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(
                optimiser,
                mode="max",
                factor=settings.factor,
                # torch lowers the rate one epoch after its patience is used up, Keras (the thesis) with it
                patience=settings.patience - 1,
                threshold=0,
            )
            return {"scheduler": plateau, "monitor": monitor}
        case "step":
            return {"scheduler": lr_scheduler.StepLR(optimiser, settings.period, settings.factor)}
        case "cosine":
            return every_step | {"scheduler": lr_scheduler.CosineAnnealingLR(optimiser, epochs * steps)}
        case "warm_restarts":
            restarts = lr_scheduler.CosineAnnealingWarmRestarts(optimiser, settings.period * steps)
            return every_step | {"scheduler": restarts}
        case "one_cycle":
            peak = max(group["lr"] for group in optimiser.param_groups)
            cycle = lr_scheduler.OneCycleLR(
                optimiser,
                peak,
                total_steps=epochs * steps,
                pct_start=settings.warmup,
                # The momentum stays where the settings put it; Adam's betas are none of the schedule's.
                cycle_momentum=False,
            )
            return every_step | {"scheduler": cycle}
    return None


def adam(rate: float) -> Optimiser:
    """Adam at `rate`, as the temporal heads are trained (thesis, section 3.2.4)."""
    return Optimiser(name="adam", learning_rate=rate, momentum=0, weight_decay=0)


def plateau(factor: float, patience: int) -> Schedule:
    """The schedule `plateau`; its other two fields are other schedules' and not looked at."""
    return Schedule(name="plateau", factor=factor, patience=patience, period=1, warmup=0.5)
