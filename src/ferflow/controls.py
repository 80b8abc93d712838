"""Controls: models that show what a number is worth, evaluated and listed like any other.

A model whose name begins with `control-` is one, e.g. `control-lstm-on-neutral-frames` (frames without the
expression, which should stay near chance) or `control-true-aus` (the generator's own action units).
"""

from __future__ import annotations

PREFIX = "control-"


def is_control(model: str) -> bool:
    """Whether `model` names a control."""
    return model.startswith(PREFIX)
