"""How fusions and their members are named in tables of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferflow.errors import SettingError

PREFIX = "fusion-"
STACKING = "stacking"
BEST = "best"
FOUND = (BEST, STACKING)
"""Fusions that are found from cross-validation, not listed in the settings."""


def fusion_name(name: str, rule: str = "") -> str:
    """`all`, `maximum` as `fusion-all-maximum`; one that is found has no rule in its name."""
    return f"{PREFIX}{name}-{rule}" if rule else f"{PREFIX}{name}"


def is_fusion(model: str) -> bool:
    """Whether `model` names a fusion."""
    return model.startswith(PREFIX)


def parts(model: str) -> tuple[str, str]:
    """A fusion's set and rule: `fusion-all-maximum` as (`all`, `maximum`); the rule is empty where found."""
    name = model.removeprefix(PREFIX)
    if name in FOUND:
        return name, ""
    name, _, rule = name.rpartition("-")
    return name, rule


def resolve(asked: Sequence[str], models: Iterable[str], where: str) -> tuple[str, ...]:
    """The models that `asked` names, by a whole name or by its last part (`lstm`: `vggface+lstm`).

    `where` is the setting that asks. Raises SettingError for a model without predictions and for a part that
    several models end with.
    """
    known = list(dict.fromkeys(models))
    found = []
    for name in asked:
        fitting = [name] if name in known else [model for model in known if model.split("+")[-1] == name]
        if not fitting:
            have = ", ".join(known) or "none"
            raise SettingError(
                where, f"names {name}, of which there are no predictions", f"train it, or choose from {have}"
            )
        if len(fitting) > 1:
            raise SettingError(where, f"{name} may be {' or '.join(fitting)}", "write the whole name")
        found += fitting
    if len(set(found)) < len(found):
        raise SettingError(where, f"names {max(found, key=found.count)} twice", "name each model once")
    return tuple(found)
