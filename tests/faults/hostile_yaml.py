"""Mutations of settings files."""

from __future__ import annotations

from random import Random

import yaml
from hostile_bytes import ANY, Mutation
from hostile_text import broken, half_a_letter, places, with_value, wrong_encoding


def wrong_setting(data: bytes, rng: Random) -> bytes:
    return yaml.safe_dump(broken(yaml.safe_load(data), rng), allow_unicode=True).encode(errors="replace")


def alias_bomb(data: bytes, rng: Random) -> bytes:
    """Ten lists of nine references each, every one to the list before."""
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    for level in range(1, rng.choice((3, 7, 10))):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return ("\n".join(lines) + "\n").encode() + (data if rng.random() < 0.5 else b"")


def alias_bomb_as_a_value(data: bytes, rng: Random) -> bytes:
    """The same under a setting that there is, so that a message would show its value."""
    levels = rng.choice((3, 6, 9))
    lines = ["study: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    names = ("seed", "kind", "protocol", "emotions", "dataset", "faces", "aus", "trim", "augment", "spatial")
    for level, name in enumerate(names[:levels], 1):
        lines.append(f"{name}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return ("\n".join(lines) + "\n").encode()


def merge_bomb(data: bytes, rng: Random) -> bytes:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 6)}], k{level}: 1}}")
    return ("\n".join(lines) + "\n").encode()


def contains_itself(data: bytes, rng: Random) -> bytes:
    name = rng.choice(("trim", "seed", "images", "faces", "datacentric", "other"))
    return f"{name}: &own {{a: *own, b: [*own, *own]}}\n".encode()


def deeply_nested(data: bytes, rng: Random) -> bytes:
    depth = rng.choice((150, 1000, 20_000))
    begin, end = rng.choice((("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")))
    return b"trim: " + (begin * depth + "1" + end * depth).encode() + b"\n"


def foreign_tag(data: bytes, rng: Random) -> bytes:
    """Tags that a careless loader turns into objects and calls."""
    tag = rng.choice(
        (
            "!!python/object/apply:os.system ['touch unpickled.txt']",
            "!!python/object/new:os.system ['touch unpickled.txt']",
            "!!python/name:os.system",
            "!!python/module:os",
            "!!binary '@@@'",
            "!!timestamp 2001-99-99",
            "2001-02-31",
            "!!float x",
            "!!int 0o999",
            "!!bool maybe",
            "!!null x",
            "!!set {a, b}",
            "!!omap [a]",
            "!!pairs [a]",
            "!!map [1]",
            "!unknown 1",
        )
    )
    content = yaml.safe_load(data)
    text = yaml.safe_dump(with_value(content, rng.choice(places(content)), "HERE"))
    return text.replace("HERE", tag, 1).encode()


def strange_scalar(data: bytes, rng: Random) -> bytes:
    content = yaml.safe_load(data)
    text = yaml.safe_dump(with_value(content, rng.choice(places(content)), "HERE"))
    value = rng.choice(("9" * 5000, "0x" + "f" * 5000, "1e9999", ".nan", "-.inf", "1:99:99", "\t", "'", "|2"))
    return text.replace("HERE", value, 1).encode()


def strange_keys(data: bytes, rng: Random) -> bytes:
    key = rng.choice(
        ("1", "null", "1.5", "2001-01-01", "? [a, b]\n", "true", "'\\0'", '"\\u202e"', "? {a: 1}\n")
    )
    return data + f"\n{key}: 1\n".encode()


def tabs(data: bytes, rng: Random) -> bytes:
    return data.replace(b"  ", b"\t", rng.randint(1, 20))


def bad_indent(data: bytes, rng: Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = b" " * rng.randint(1, 5) + lines[at]
    return b"\n".join(lines)


def two_documents(data: bytes, rng: Random) -> bytes:
    return data + b"\n---\n" + data


YAML: tuple[Mutation, ...] = (
    *ANY,
    *(wrong_encoding, half_a_letter, tabs, bad_indent, two_documents, merge_bomb),
    *([wrong_setting] * 16 + [alias_bomb] * 2 + [alias_bomb_as_a_value] * 3 + [contains_itself] * 2),
    *([deeply_nested] * 3 + [foreign_tag] * 4 + [strange_scalar] * 4 + [strange_keys] * 2),
)
