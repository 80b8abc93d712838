"""Reading settings from YAML, and saying in one line what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.resources import files as resources
from itertools import accumulate
from pathlib import Path
from typing import get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from ferflow.errors import SettingError
from ferflow.files import write_text
from ferflow.settings import parameters, switched_off
from ferflow.settings.clips import Watching
from ferflow.settings.study import Settings

_MISTAGGED = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)
LARGEST = 100_000
"""Values in a settings file; params.yaml has some hundreds."""
LONGEST = 300_000
"""Characters of a settings file; params.yaml has some ten thousand."""
DEEPEST = 100
"""Brackets that are open at once."""
SHOWN = 200
"""Characters of a wrong value that a message shows."""


def watching() -> Watching:
    """How a network for single images watches a clip, from the package's own `watching.yaml`.

    Such a network's file says nothing of faces, and `ferflow predict` works outside a study's folder too.
    """
    path = Path(str(resources("ferflow"))) / "resources" / "watching.yaml"
    return Watching.model_validate(_yaml(path))


def check(values: dict, where: str | Path = "params.yaml") -> Settings:
    """Check a dictionary of settings; SettingError names the first wrong one in one line.

    What hangs on models that are switched off is not in what is returned (`Settings.left_out` lists it).
    """
    try:
        whole = Settings.model_validate(_with_whole_affect(_with_whole_recipes(_with_whole_models(values))))
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingError(where, *_explain(first)) from None
    try:
        return _effective(whole)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise SettingError(where, problem, remedy) from None


def _effective(whole: Settings) -> Settings:
    """Settings without what is switched off.

    ValueError where nothing is left, a name is unknown, or a network that is left is too large.
    """
    found, notes = switched_off.without(whole) if whole.kind == "clips" else (whole, [])
    found.leave_out(notes)
    parameters.refuse_too_large(found)
    return found


def _with_whole_models(values: dict) -> dict:
    """`values` with each of `images.models` as the whole of `spatial` with its own settings laid over it."""
    spatial, images = values.get("spatial"), values.get("images")
    models = images.get("models") if isinstance(images, dict) else None
    if not isinstance(spatial, dict) or not isinstance(models, dict):
        return values  # the check says what is wrong with them
    # Weights are of one network: each model names its own, or is trained.
    base = {"seed": None, "start": None, "not_run": None, **spatial, "weights": None}
    whole = {name: _merge(base, own or {}) for name, own in models.items() if isinstance(own or {}, dict)}
    return {**values, "images": {**images, "models": {**models, **whole}}}


def _with_whole_recipes(values: dict) -> dict:
    """`values` with each recipe of `datacentric` as the whole of `spatial` with its own laid over it."""
    spatial, section = values.get("spatial"), values.get("datacentric")
    if not isinstance(spatial, dict) or not isinstance(section, dict):
        return values  # the check says what is wrong with them
    spatial = {**spatial, "weights": None}
    whole = {**section, "recipe": _laid(spatial, section.get("recipe"))}
    if isinstance(section.get("label_errors"), dict):
        own = section["label_errors"].get("recipe")
        whole["label_errors"] = {**section["label_errors"], "recipe": _laid(spatial, own)}
    return {**values, "datacentric": whole}


def _with_whole_affect(values: dict) -> dict:
    """`values` with each of `affect.models` as `recipe`, and `loading`'s batch and size, under its own."""
    section = values.get("affect")
    section = section if isinstance(section, dict) else {}
    parts = [section.get(name) for name in ("loading", "recipe", "models")]
    if not all(isinstance(part, dict) for part in parts):
        return values  # the check says what is wrong with them
    loading, recipe, models = parts
    base = {name: loading[name] for name in ("batch", "size") if name in loading} | recipe
    whole = {name: _laid(base, own) for name, own in models.items()}
    return {**values, "affect": {**section, "models": whole}}


def _laid(base: dict, own: object) -> object:
    return _merge(base, own or {}) if isinstance(own or {}, dict) else own


def load(path: str | Path, *overlays: str | Path) -> Settings:
    """Read `path` (a whole set of settings) with `overlays` (parts of one) laid over it, and check it."""
    values = _yaml(path)
    for overlay in overlays:
        values = _merge(values, _yaml(overlay))
    return check(values, path if not overlays else overlays[-1])


def laid_over(path: str | Path, values: dict, where: str | Path | None = None) -> Settings:
    """Check `values`, a whole set of settings that came from `path` and others laid over it, last `where`.

    Their order is the file's, whichever way they came: the order of candidates, models or of what is searched
    decides ties and draws, and a run with the same settings in another order is another run to Snakemake.
    """
    return check(_merge(_yaml(path), values), where or Path(path).name)


def write(values: Mapping, path: str | Path) -> None:
    """Write settings (`model_dump(mode="json")` of them) as YAML that `load` reads."""
    write_text(path, yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))


def _yaml(path: str | Path) -> dict:
    try:
        values = _parsed(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(path, "does not exist", "give the path of a settings file") from None
    except RecursionError:
        raise SettingError(path, "is nested too deeply", "write it flat") from None
    except (
        yaml.YAMLError,
        ValueError,
        ArithmeticError,
        LookupError,
        TypeError,
        AttributeError,
        OSError,
    ) as error:
        # A value that is not of its tag's type (`!!bool maybe`) makes the reader raise nearly anything.
        raise SettingError(path, f"is not YAML ({error})", "correct its syntax") from None
    if not isinstance(values, dict):
        raise SettingError(path, "holds no settings", "write `name: value` lines")
    return values


def _parsed(text: str) -> object:
    """What the YAML `text` says, without calling anything that it names.

    ValueError where references to parts of itself (`*name`) make it endless, or longer than LARGEST values.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} characters, more than {LONGEST:,}")
    # The reader's time grows with the square of the depth, and faster than its own limit is reached.
    if max(accumulate((c in "[{") - (c in "]}") for c in text), default=0) > DEEPEST:
        raise RecursionError
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _written_out(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values there are in `node` once every reference in it is written out."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = None  # not known while its own parts are counted
        parts = (
            node.value if isinstance(node, yaml.SequenceNode) else [p for pair in node.value for p in pair]
        )
        known[id(node)] = 1 + sum(_written_out(part, known) for part in parts)
    count = known[id(node)]
    if count is None:
        raise ValueError("it contains itself")
    if count > LARGEST:
        raise ValueError(f"its references stand for more than {LARGEST} values")
    return count


def _merge(base: dict, over: dict) -> dict:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _explain(error: dict) -> tuple[str, str]:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] = Settings
        inside = iter(place[:-1])
        for part in inside:
            field = section.model_fields.get(part)
            kind = field.annotation if field is not None else None
            if get_origin(kind) is dict and next(inside, None) is not None:
                kind = get_args(kind)[1]  # a block for each of several names
            if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
                return f"{name} is not a setting", "remove it"
            section = kind
        known = list(section.model_fields)
        close = difflib.get_close_matches(place[-1], known, 1)
        return (
            f"{name} is not a setting",
            f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}",
        )
    if error["type"] == "missing":
        return f"{name} is missing", "add it; params.yaml shows every setting"
    if error["type"] == "value_error":
        return f"{name}: {error['ctx']['error']}".removeprefix(": "), "correct it"
    return f"{name}: {error['msg']}, not {_short(error['input'])}", "correct the value"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
