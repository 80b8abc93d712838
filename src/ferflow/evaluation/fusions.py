"""Fusions: several models as one, evaluated and listed like any other; their names begin with `fusion-`.

`fusion-all-maximum` is the set `all` of the settings, fused by maximum. Two are found from cross-validation
and have no rule in their names: `fusion-best` and `fusion-stacking`.
"""

from __future__ import annotations

PREFIX = "fusion-"
STACKING = "stacking"
BEST = "best"
FOUND = (BEST, STACKING)


def fusion_name(name: str, rule: str = "") -> str:
    """`all`, `maximum` as `fusion-all-maximum`; one that is found has no rule in its name."""
    return f"{PREFIX}{name}-{rule}" if rule else f"{PREFIX}{name}"
