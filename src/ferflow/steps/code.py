"""The code that a step runs, as one hash: a change that touches it runs the step again, another does not.

From the step's function on, every definition of this package that its code names is followed, through
imports and modules. What is hashed is the syntax tree without docstrings, so comments, line breaks and
documentation change nothing. Files of the package that the code names by a string (`published.csv`,
`papers/*.yaml`) are hashed by their bytes.

Of a settings class only its methods count: the values reach a step as settings, and how they are checked or
described changes none. Of the tables count those that the code names, and how columns are titled and
formatted only where tables are rendered. Of the networks count those whose names are among what the step is
given, so that one more in the list runs nothing again; where a pretrained file comes from changes nothing
that is made of it. What Python decides when it runs is not seen: a method is followed through its class, a
function in a dictionary through that dictionary, a module that is named alone stands for all that is in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "ferflow"
ROOT = Path(__file__).resolve().parents[1]
DATA = ("resources", "papers")
"""Folders of the package whose files are data that code reads by their names."""
ADDRESS = re.compile(rf"{PACKAGE}(?:\.\w+)+:\w+")
"""A function by its module, as the steps name theirs."""
STATEMENTS = ""
"""The name of a module's statements that define nothing: they run whenever it is imported."""
EVERYTHING = "*"
SETTINGS = f"{PACKAGE}.settings"
TABLES = f"{PACKAGE}.schemas"
RENDERING = f"{PACKAGE}.report.rendering"
"""The module that shows the titles of columns to readers."""
SHOWN_ONLY = ("title", "about", "format")
"""What the declaration of a column says to readers alone."""
REGISTRIES = ((f"{PACKAGE}.networks", "NETWORKS"),)
"""Dictionaries of which the entries count that a step's settings name."""
SOURCES = ((f"{PACKAGE}.weights", "WEIGHTS"),)
"""Where pretrained files come from."""
DATA_FILES = re.compile(rf"[\w-]+\.[a-z0-9]+|({'|'.join(DATA)})/\*\.[a-z]+")
"""A file of the package's data, or all of a folder with one ending."""
FORMAT = 4

Reference = tuple[str, str]
"""A module and the name of a definition in it, `STATEMENTS` or `EVERYTHING`."""


def digest(address: str, named: Collection[str] = ()) -> str:
    """The hash, 16 hexadecimal digits, of all code that the function `module:name` can reach.

    `named` are names that the step is given, of which those count that a registry has; a step that is given
    none of them reaches all. ValueError where there is no such function.
    """
    return _digest_of(address, frozenset(named) & _entries())


def digest_of_values(address: str, values: Any) -> str:
    """The same of all names in `values`: lists and dictionaries of plain values."""
    return digest(address, set(_strings(values)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _strings([*value, *value.values()])
    elif isinstance(value, list | tuple | set | range):
        for one in value:
            yield from _strings(one)


@cache
def _entries() -> frozenset[str]:
    """The names of all entries of registries."""
    found = [_registered(*registry) for registry in REGISTRIES if _path(registry[0])]
    return frozenset(name for names in found for name in names)


def _registered(module: str, registry: str) -> dict[str, str]:
    """The entries of a registry, and the definitions of its module under which they are kept."""
    start = f"{registry}["
    return {one[len(start) : -1]: one for one in _module(module)["definitions"] if one.startswith(start)}


@cache
def _digest_of(address: str, named: frozenset[str]) -> str:
    module, _, name = address.partition(":")
    if not _path(module) or name not in _module(module)["definitions"]:
        raise ValueError(f"{address} is no function of this package")
    found = reached(module, name, named)
    rendered = any(where == RENDERING for where, _ in found)
    parts = sorted(f"{where}:{what}={_digest(where, what, rendered)}" for where, what in found)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _digest(module: str, name: str, rendered: bool) -> str:
    whole, _, files, unread = _module(module)["definitions"][name]
    data = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for file in files for path in _data(file))
    return (whole if rendered else unread) + data


def reached(module: str, name: str, named: Collection[str] = ()) -> set[Reference]:
    """Every definition that the code of `name` in `module` can reach; `named` as in `digest`."""
    found: set[Reference] = set()
    open_ones = [(module, name)]
    while open_ones:
        one = open_ones.pop()
        if one in found:
            continue
        found.add(one)
        where, what = one
        if one in REGISTRIES:
            entries = _registered(where, what)
            open_ones += [(where, entries[key]) for key in (set(named) & set(entries)) or entries]
        if what != STATEMENTS:
            open_ones.append((where, STATEMENTS))
        for reference in _module(where)["definitions"][what][1]:
            open_ones += _resolved(where, tuple(reference))
    return found


def _resolved(module: str, reference: tuple[str, ...]) -> list[Reference]:
    """The definitions that `reference`, names joined by dots in the code of `module`, stands for."""
    first, *rest = reference
    known = _module(module)
    if first in known["definitions"]:
        return [(module, first)]
    if first in known["imports"]:
        source, attribute = known["imports"][first]
        return _of_import(source, attribute, rest)
    return []


def _of_import(source: str, attribute: str | None, rest: list[str]) -> list[Reference]:
    if source == TABLES:  # the list of all: a step rests on the tables that it names
        return []
    if attribute is not None and not _path(f"{source}.{attribute}"):
        return _resolved(source, (attribute, *rest)) if attribute != EVERYTHING else _all(source)
    module = source if attribute is None else f"{source}.{attribute}"
    while rest and _path(f"{module}.{rest[0]}"):
        module, rest = f"{module}.{rest[0]}", rest[1:]
    if not _path(module):
        return []
    inside = _resolved(module, tuple(rest)) if rest else []
    return inside or _all(module)


def _all(module: str) -> list[Reference]:
    return [(module, name) for name in _module(module)["definitions"]]


@cache
def _path(module: str) -> Path | None:
    if module != PACKAGE and not module.startswith(f"{PACKAGE}."):
        return None
    base = ROOT.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _module(name: str) -> dict:
    """`definitions` of a module and its `imports`.

    A definition is its hash, the names that it uses, the data files that it names, and its hash without what
    only a reader of tables sees.
    """
    source = _path(name).read_bytes()
    kept = _kept()
    mark = f"{FORMAT} {hashlib.sha256(source).hexdigest()}"
    if kept.get(name, {}).get("mark") != mark:
        kept[name] = {"mark": mark, **_read(name, ast.parse(source))}
        kept[CHANGED] = True
    return kept[name]


CHANGED = "changed"
KEPT = Path(".snakemake/ferflow/code.json")
"""What was read of each module; a module whose bytes are others is read anew."""


@cache
def _kept() -> dict:
    with suppress(OSError, ValueError):
        found = json.loads(KEPT.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def keep() -> None:
    """Keep what was read of the modules for the next start; of no consequence where it cannot be written."""
    kept = _kept()
    if kept.pop(CHANGED, False):
        with suppress(OSError):
            from ferflow.files import write_text

            KEPT.parent.mkdir(parents=True, exist_ok=True)
            write_text(KEPT, json.dumps(kept))


@cache
def _data(name: str) -> list[Path]:
    """The files of the package's data that a string names, alone or as `papers/*.yaml`."""
    if "/" in name:
        return sorted(ROOT.glob(name))
    return [ROOT / folder / name for folder in DATA if (ROOT / folder / name).is_file()][:1]


def _read(name: str, tree: ast.Module) -> dict:
    package = name if _path(name).name == "__init__.py" else name.rpartition(".")[0]
    imports: dict[str, tuple[str, str | None]] = {}
    nodes: dict[str, list[ast.AST]] = {STATEMENTS: []}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= _imported(statement, package)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(statement, ast.ClassDef) and name.startswith(SETTINGS):
                statement.body = [one for one in statement.body if _computes(one)] or [ast.Pass()]
            nodes.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            if name.startswith(SETTINGS) and isinstance(statement.value, ast.Subscript):
                continue  # a type, of which values are checked
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
            for one in names or [STATEMENTS]:
                if (name, one) in REGISTRIES and isinstance(statement.value, ast.Dict):
                    entries = zip(statement.value.keys, statement.value.values, strict=True)
                    nodes |= {f"{one}[{key.value}]": [value] for key, value in entries}
                    nodes[one] = []
                elif (name, one) in SOURCES:
                    nodes[one] = []
                else:
                    nodes.setdefault(one, []).append(statement)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            nodes[STATEMENTS].append(statement)
    definitions = {}
    for one, group in nodes.items():
        local, uses, data = {}, set(), set()
        for node in group:
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    local |= _imported(inner, package)
            uses |= set(_names(node))
            for text in _texts(node):
                if DATA_FILES.fullmatch(text) and _data(text):
                    data.add(text)
                elif ADDRESS.fullmatch(text):
                    module, _, function = text.partition(":")
                    local[text] = (module, function)
                    uses.add((text,))
                elif text in _tables() and not name.startswith(TABLES):
                    local[text] = (_tables()[text], text)
                    uses.add((text,))
        # Names that the definition imports itself go by names of their own, so that two of a module do not
        # meet.
        for short, target in local.items():
            imports[f"{one}/{short}"] = target
        uses = {(f"{one}/{use[0]}", *use[1:]) if use[0] in local else use for use in uses}
        whole = _hash(map(_without_docstrings, group))
        unread = _hash(map(_without_titles, group)) if name.startswith(TABLES) else whole
        definitions[one] = [whole, sorted(uses), sorted(data), unread]
    return {"definitions": definitions, "imports": imports}


def _hash(nodes: Iterable[ast.AST]) -> str:
    return hashlib.sha256("".join(map(ast.dump, nodes)).encode()).hexdigest()[:16]


@cache
def _tables() -> dict[str, str]:
    """The tables that modules of `ferflow.schemas` declare, and the modules."""
    return {
        target.id: f"{TABLES}.{path.stem}"
        for path in sorted((ROOT / "schemas").glob("*.py"))
        for statement in ast.parse(path.read_bytes()).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id.islower()
    }


def _without_titles(node: ast.AST) -> ast.AST:
    """A declaration of tables without titles, formats and what tables and columns are about."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            one.keywords = [word for word in one.keywords if word.arg not in SHOWN_ONLY]
            described = isinstance(one.func, ast.Name) and one.func.id == "table"
            texts = [k for k, arg in enumerate(one.args) if isinstance(arg, ast.Constant)]
            left_out = texts[:1] if described else texts[1:]
            one.args = [arg for k, arg in enumerate(one.args) if k not in left_out]
    return node


def _computes(statement: ast.stmt) -> bool:
    """Whether a statement of a settings class is a method that computes; a validator says yes or no."""
    if not isinstance(statement, ast.FunctionDef):
        return False
    return not any("validator" in ast.unparse(decorator) for decorator in statement.decorator_list)


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str | None]]:
    """Local names of what a statement imports from this package: module, and the name in it."""
    if isinstance(statement, ast.Import):
        pairs = [(one.asname or PACKAGE, one.name if one.asname else PACKAGE) for one in statement.names]
        return {local: (module, None) for local, module in pairs if module.split(".")[0] == PACKAGE}
    module = statement.module or ""
    if statement.level:
        base = package.split(".")[: len(package.split(".")) - statement.level + 1]
        module = ".".join([*base, *([module] if module else [])])
    if module.split(".")[0] != PACKAGE:
        return {}
    return {one.asname or one.name: (module, one.name) for one in statement.names}


def _names(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Names in `node`, with the attributes that follow: `style.save` is ("style", "save")."""
    inside = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and id(one) not in inside:
            chain, value = [one.attr], one.value
            while isinstance(value, ast.Attribute):
                inside.add(id(value))
                chain.insert(0, value.attr)
                value = value.value
            if isinstance(value, ast.Name):
                inside.add(id(value))
                yield (value.id, *chain)
        elif isinstance(one, ast.Name) and id(one) not in inside:
            yield (one.id,)


def _texts(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def _without_docstrings(node: ast.AST) -> ast.AST:
    for one in ast.walk(node):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # A string that is a statement says something to a reader alone, wherever it stands.
            kept = [
                s for s in one.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            ]
            one.body = kept or [ast.Pass()]
    return node
