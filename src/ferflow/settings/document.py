"""What the settings say of themselves: `params.yaml`, a description of all, a JSON schema for editors."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from ferflow.errors import SettingError
from ferflow.files import write_text
from ferflow.settings.loading import BASE
from ferflow.settings.study import KINDS, ClipSettings, Settings
from ferflow.settings.types import Section

PARAMS = Path("params.yaml")
SCHEMA = Path("workflow/settings.schema.json")
WIDTH, COLUMN = 125, 29
"""Of a line, and where its comment begins."""
HEAD = f"""\
# yaml-language-server: $schema={SCHEMA}
# What all studies share, and the study `demo`: description, [unit], (source). `ferflow settings --write`
# writes this file from the defaults in src/ferflow/settings, which hold wherever a file says nothing. A study
# of your own is a short YAML that is laid over it:
#   snakemake --configfile workflow/studies/NAME.yaml
# `ferflow settings` describes every setting of every kind of study, `ferflow settings sfew.crops` a section.
# "thesis" is the main reference paper: Cao 2022, video FER on BU-4DFE.
"""


def params() -> str:
    """The text of `params.yaml`: what a study of clips has; a block within a section is one line."""
    return HEAD + "\n".join(_fields(ClipSettings, 0, deep=False)) + "\n"


def described(place: str = "") -> str:
    """Every setting of every kind of study as YAML with comments, or of the section `place` alone."""
    if place:
        return "\n".join(_fields(_section(place), 0, deep=True)).strip("\n") + "\n"
    lines, known = [], set()
    for kind, settings in KINDS.items():
        own = [name for name in settings.model_fields if name not in known]
        lines += [*([f"\n# kind: {kind}"] if known else []), *_fields(settings, 0, deep=True, names=own)]
        known |= {*own}
    return "\n".join(lines) + "\n"


def schema() -> str:
    """A JSON schema of settings files, of which any part may be left out. A line for each section."""
    properties: dict[str, Any] = {BASE: {"type": "string", "description": "file that this one is laid over"}}
    parts: dict[str, Any] = {}
    for settings in KINDS.values():
        found = settings.model_json_schema()
        parts |= found["$defs"]
        properties |= found["properties"]
    properties["kind"] = {"enum": list(KINDS), "description": comment(Settings.model_fields["kind"])}
    lines = [' "$schema": "https://json-schema.org/draft/2020-12/schema"', ' "additionalProperties": false']
    for name, values in {"properties": properties, "$defs": parts}.items():
        inner = (f"  {json.dumps(key)}: {json.dumps(_partial(own))}" for key, own in values.items())
        lines.append(f' "{name}": {{\n' + ",\n".join(inner) + "\n }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(folder: Path) -> list[Path]:
    """Write `params.yaml` and the schema below `folder`, the workflow's; return their paths."""
    write_text(folder / PARAMS, params())
    write_text(folder / SCHEMA, schema())
    return [PARAMS, SCHEMA]


def comment(field: FieldInfo) -> str:
    """What a setting says of itself: description, choices that it does not name, unit, source."""
    text = field.description or _first_line(_inner(field.annotation))
    choices = _choices(field.annotation)
    if not all(one in text for one in choices):
        of = "of " if get_origin(field.annotation) is list else ""
        text += f"; {of}{', '.join(choices)}"
    told = field.json_schema_extra or {}
    return "".join([text, *(f" {mark.format(told[name])}" for name, mark in MARKS.items() if name in told)])


def _first_line(section: type[Section]) -> str:
    """The first sentence of a section's docstring, as a comment."""
    text = inspect.getdoc(section).partition("\n")[0].removesuffix(".")
    return text[0].lower() + text[1:] if text[1].islower() else text


MARKS = {"unit": "[{}]", "source": "({})"}


def _choices(kind: object) -> list[str]:
    """The values that a setting, or an entry of its list, may have."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [one for part in get_args(kind) for one in _choices(part)] if get_origin(kind) is list else []


def _inner(kind: object) -> type[Section] | None:
    """The section that a field holds, by itself, in a mapping or beside null."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    return next(filter(None, map(_inner, get_args(kind))), None)


def _section(place: str) -> type[Section]:
    first, *rest = place.split(".")
    found = next((kind for kind in KINDS.values() if first in kind.model_fields), None)
    for name in (first, *rest):
        field = found.model_fields.get(name) if found is not None else None
        found = _inner(field.annotation) if field is not None else None
    if found is None:
        raise SettingError(place, "is no section of the settings", "`ferflow settings` shows all of them")
    return found


def _fields(
    section: Section | type[Section], depth: int, *, deep: bool, names: list[str] | None = None
) -> Iterator[str]:
    """The lines of a section, with its defaults where it is a class; `deep`: blocks within it too."""
    own = {} if isinstance(section, type) else vars(section)
    fields = (section if isinstance(section, type) else type(section)).model_fields
    block = False
    for name in names or fields:
        field = Settings.model_fields["kind"] if name == "kind" else fields[name]
        value = own.get(name, None if field.is_required() else field.default)
        apart = depth == 0 and (block or isinstance(value, Section))
        block = isinstance(value, Section) and (deep or depth == 0)
        yield from [""] * apart
        if block:
            yield from _line(f"{name}:", comment(field), depth)
            yield from _fields(value, depth + 1, deep=deep)
        elif isinstance(value, Mapping) and any(isinstance(v, Section | dict | list) for v in value.values()):
            yield from _line(f"{name}:", comment(field), depth)
            for key, entry in value.items():
                yield from _line(f"{key}: {_flow(entry)}", "", depth + 1)
        else:
            text = f"{name}:" if field.is_required() else f"{name}: {_flow(value)}"
            yield from _line(text, comment(field), depth)
        if deep and isinstance(value, Mapping | None) and (inner := _inner(field.annotation)):
            yield from ("  " * depth + f"# {line}" for line in _fields(inner, 1, deep=True))


def _flow(value: object) -> str:
    """A value as YAML in one line, without what is null in a block, as it is by default."""
    text = yaml.safe_dump(
        _plain(value), default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        value = {name: one for name, one in vars(value).items() if one is not None}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def _line(text: str, about: str, depth: int) -> Iterator[str]:
    """A setting and its comment, beside it where there is room, else above."""
    indent, joined = "  " * depth, text.replace(": ", ":\0")
    wrapped = textwrap.wrap(joined, WIDTH - len(indent), subsequent_indent="  ", break_on_hyphens=False)
    first, *rest = (indent + line.replace("\0", " ") for line in wrapped)
    long = len(first) >= COLUMN
    if not about or rest or (long and len(first) + len(about) + 4 > WIDTH):
        yield from (f"{indent}# {line}" for line in textwrap.wrap(about, WIDTH - len(indent) - 2))
        yield from (first, *rest)
    elif long:
        yield f"{first}  # {about}"
    else:
        lines = textwrap.wrap(about, WIDTH - COLUMN - 2, break_on_hyphens=False)
        yield f"{first:{COLUMN}}# {lines[0]}"
        yield from (f"{'':{COLUMN}}# {line}" for line in lines[1:])


def _partial(part: Any) -> Any:
    """A schema in which nothing is required and an entry may be null; descriptions hold unit and source."""
    if isinstance(part, list):
        return [_partial(one) for one in part]
    if not isinstance(part, dict):
        return part
    dropped = {"required", "title", *MARKS} | (
        {"default"} if isinstance(part.get("default"), dict) else set()
    )
    found = {name: _partial(value) for name, value in part.items() if name not in dropped}
    if isinstance(part.get("properties"), dict):
        found["properties"] = {name: _partial(value) for name, value in part["properties"].items()}
    for name, mark in MARKS.items():
        if isinstance(part.get(name), str):
            found["description"] += f" {mark.format(part[name])}"
    if isinstance(part.get("additionalProperties"), dict):
        found["additionalProperties"] = {"anyOf": [found["additionalProperties"], {"type": "null"}]}
    return found
