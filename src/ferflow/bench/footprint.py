"""The memory and time that networks are reckoned to take against what a real training step of each takes.

`python -m ferflow.bench.footprint` measures one network in a process of its own: JSON from standard input to
standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from ferflow.settings import Settings
from ferflow.short_run import MIB, greatest_memory
from ferflow.steps.computing import STEPS
from ferflow.steps.cost import Costs
from ferflow.steps.passes import Pass, networks
from ferflow.steps.work import Sizes

MARGIN = 3.0
"""What is asked for may exceed what is taken by at most this factor, and is never below it."""
SMALL = 300 * 2**20
"""Bytes below which the process's own memory outweighs a network's, and a factor says nothing."""


def run(settings: Settings, items: int) -> dict[str, object]:
    """Measure each network of the study with at most `items` clips or images a pass; JSON values.

    Every row has the process's bytes `before` the step and at its `peak`, those that the step is reckoned to
    take, and seconds of an item. `least` is of the whole process, `most` of what came to it.
    """
    costs = Costs(settings, lambda: Sizes({}), on="cpu")
    rows = []
    for name, one in _distinct(costs, items):
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(one.described),
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        seconds = costs.an_item(one)
        rows.append({"network": name, "items": one.items, **found})
        rows[-1] |= {"reckoned": costs.memory_of(one), "reckoned_seconds": seconds}
    grown = [(row["peak"] - row["before"], row["reckoned"]) for row in rows]
    factors = [reckoned / measured for measured, reckoned in grown if measured >= SMALL]
    times = [row["reckoned_seconds"] / row["seconds"] for row in rows]
    return {
        "study": settings.study,
        "rows": rows,
        "least": min(((row["reckoned"] + row["before"]) / row["peak"] for row in rows), default=1.0),
        "most": max(factors, default=1.0),
        "seconds": median(times) if times else 1.0,
    }


def _distinct(costs: Costs, items: int) -> Iterator[tuple[str, Pass]]:
    """Networks that differ, by the name of the first of each, with data that take no memory."""
    seen = set()
    for name, rule, wildcards in networks(costs.settings):
        for one in STEPS[rule].passes(wildcards, costs.settings, Sizes({})):
            few = {**one.described, "items": min(items, one.items)}
            key = json.dumps(few, sort_keys=True)
            if key not in seen:
                seen.add(key)
                yield name, replace(one, described=few, batch=few["items"], item=0, kept=0, averaged=False)


def measure(described: Mapping[str, Any]) -> dict[str, float]:
    """This process's bytes before two steps of the network and at most, and seconds of an item."""
    import torch
    from torch.utils._pytree import tree_leaves

    from ferflow.training.footprint import MAKERS
    from ferflow.training.shards import keep_freed_memory

    keep_freed_memory()
    torch.set_num_threads(1)
    before = _peak()
    network, once = MAKERS[described["kind"]](described)
    network.train(described["trained"])
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    adam = torch.optim.Adam(weights) if described["trained"] else None
    for _ in range(2):
        start = time.perf_counter()
        if adam is None:
            with torch.inference_mode():
                once()
        else:
            adam.zero_grad()
            sum(one.float().sum() for one in tree_leaves(once())).backward()
            adam.step()
        taken = time.perf_counter() - start
    return {"before": before, "peak": _peak(), "seconds": taken / described["items"]}


def _peak() -> float:
    return greatest_memory() * MIB


if __name__ == "__main__":
    json.dump(measure(json.load(sys.stdin)), sys.stdout)
