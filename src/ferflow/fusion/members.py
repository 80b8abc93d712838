"""Which models a fusion is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferflow.errors import SettingError


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
