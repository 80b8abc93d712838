"""Which models a fusion is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferflow.errors import SettingError
from ferflow.evaluation.fusions import BEST, STACKING
from ferflow.settings import Fusion


def asked(fusion: Fusion) -> dict[str, list[str]]:
    """Every setting of `fusion` that names models (`sets.all`, say), and the names."""
    found = {f"sets.{name}": models for name, models in fusion.named().items()}
    for name in (STACKING, BEST):
        if (section := getattr(fusion, name)) is not None:
            found[f"{name}.models"] = list(section.models)
    return found


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
