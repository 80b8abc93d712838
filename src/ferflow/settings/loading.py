"""Reading settings from YAML, and saying in one line what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from ferflow.errors import SettingError
from ferflow.files import write_text
from ferflow.settings import parameters, switched_off
from ferflow.settings.clips import Watching
from ferflow.settings.study import KINDS, ClipSettings, Settings
from ferflow.settings.types import laid

BASE = "base"
"""The one name in a settings file that is no setting: the file that it is laid over."""
LARGEST = 100_000
"""Values in a settings file; params.yaml has some hundreds."""
LONGEST = 300_000
"""Characters of a settings file; params.yaml has some ten thousand."""
DEEPEST = 100
"""Brackets that are open at once."""
SHOWN = 200
"""Characters of a wrong value that a message shows."""


def watching() -> Watching:
    """How a network for single images watches a clip; `ferflow predict` does so outside a study."""
    return Watching()


def check(values: Mapping, where: str | Path = "params.yaml") -> Settings:
    """Lay `values` over the defaults and check them; SettingError names the first wrong one in one line.

    Sections of other kinds of study are checked, and are not in what is returned; neither is what hangs on
    models that are switched off (`Settings.left_out` lists it).
    """
    kind = values.get("kind", "clips")
    own = KINDS.get(kind, Settings) if isinstance(kind, str) else Settings
    known = {name for other in KINDS.values() for name in other.model_fields}
    unknown = next((name for name in values if name not in known), None)
    try:
        if unknown is not None:
            raise SettingError(where, *_unknown([str(unknown)], sorted(known)))
        study = _made(own, values)
        for name, other in KINDS.items():
            if values.keys() & (other.model_fields.keys() - own.model_fields.keys()):
                _made(other, {**values, "kind": name})
    except ValidationError as error:
        raise SettingError(where, *_explain(error.errors()[0])) from None
    try:
        return _effective(study)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise SettingError(where, problem, remedy) from None


def _made(kind: type[Settings], values: Mapping) -> Settings:
    """The sections of `kind` in `values`, laid over its defaults."""
    own = {name: value for name, value in values.items() if name in kind.model_fields}
    return kind.model_validate(laid(kind.model_construct().model_dump(), own))


def _effective(whole: Settings) -> Settings:
    """Settings without what is switched off.

    ValueError where nothing is left, a name is unknown, or a network that is left is too large.
    """
    found, notes = switched_off.without(whole) if isinstance(whole, ClipSettings) else (whole, [])
    found.leave_out(notes)
    parameters.refuse_too_large(found)
    return found


def load(path: str | Path, *studies: str | Path, more: Mapping | None = None) -> Settings:
    """Read settings, with those of `studies` and then `more` laid over them, and check them.

    What no file says is as by default. A file that says `base: FILE` is laid over that one, whose path is
    from its own folder.
    """
    values: dict = {}
    for file in (path, *studies):
        values = laid(values, _whole(Path(file), ()))
    values = laid(values, {name: value for name, value in (more or {}).items() if name != BASE})
    return check(values, [Path(path).name, *studies][-1] if more else [path, *studies][-1])


def _whole(path: Path, above: tuple[Path, ...]) -> dict:
    """The settings in a file with those of its base under them."""
    if path.resolve() in above:
        raise SettingError(path, "is its own base", f"take one line `{BASE}: …` out")
    values = _yaml(path)
    base = values.pop(BASE, None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise SettingError(path, f"{BASE} is {_short(base)}", "give the path of one file")
    return laid(_whole(path.parent / base, (*above, path.resolve())), values)


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


def _explain(error: dict) -> tuple[str, str]:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        section: type[BaseModel] | None = next(
            (kind for kind in KINDS.values() if place[0] in kind.model_fields), None
        )
        inside = iter(place[:-1])
        for part in inside:
            field = section.model_fields.get(part)
            kind = field.annotation if field is not None else None
            if get_origin(kind) is dict and next(inside, None) is not None:
                kind = get_args(kind)[1]  # a block for each of several names
            if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
                return f"{name} is not a setting", "remove it"
            section = kind
        return _unknown(place, list(section.model_fields))
    if error["type"] == "missing":
        return f"{name} is missing", "add it; `ferflow settings` shows every setting"
    if error["type"] == "value_error":
        return f"{name}: {error['ctx']['error']}".removeprefix(": "), "correct it"
    return f"{name}: {error['msg']}, not {_short(error['input'])}", "correct the value"


def _unknown(place: list[str], known: list[str]) -> tuple[str, str]:
    close = difflib.get_close_matches(place[-1], known, 1)
    remedy = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"{'.'.join(place)} is not a setting", remedy


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
