"""The figures as rows with their targets, as JSON and as a table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ferflow import files
from ferflow.bench import machine

NAMES = ("bench.json", "bench.md")


@dataclass(frozen=True)
class Figure:
    """A figure: the value and how it is shown, the target in words, whether it is met (None: none set)."""

    part: str
    what: str
    value: float
    shown: str
    target: str = ""
    met: bool | None = None


def spatial_pass(found: dict, amx: bool) -> list[Figure]:
    """Of `spatial_pass.run`. The targets are for processors with AMX alone."""
    part, wall, own = "spatial pass", found["wall"], found["own"]
    speed = found["tflops"]
    title = (
        f"{found['network']}, {found['size']}x{found['size']}, batch {found['batch']}, {found['precision']}, "
        f"{found['threads']} thread"
    )
    rows = [_plain(part, title, speed["wall"]["pass"], f"{speed['wall']['pass']:.2f} TFLOP/s")]
    for clock, one in (("wall clock", wall), ("own time", own)):
        share = f"share of the best matrix product (N = {one['best_matrix']}), by the {clock}"
        rows.append(_at_least(part, share, one["share"], 0.6, "{:.0%}", amx))
        times = f"times the float32 loop of one frame at a time, by the {clock}"
        rows.append(_at_least(part, times, one["times_simple"], 3.5, "{:.1f}", amx))
    return rows


def precision_cost(found: dict) -> list[Figure]:
    """Of `precision_cost.run`."""
    part = "bfloat16 against float32"
    rows = []
    for layer, one in found["layers"].items():
        rows.append(
            _plain(
                part,
                f"features at `{layer}`: largest and mean difference, mean feature",
                one["largest"],
                f"{one['largest']:.3g}, {one['mean']:.2g}, {one['mean_feature']:.2g}",
            )
        )
    changed = f"{found['changed']} of {found['images']}"
    rows.append(_plain(part, "images of another predicted class", found["changed_share"], changed))
    largest = found["probability_largest"]
    rows.append(_plain(part, "largest difference of a probability", largest, f"{largest:.3f}"))
    return rows


def store_speed(found: dict) -> list[Figure]:
    """Of `store_speed.run`."""
    part = f"training from the store ({found['clips']} clips, {found['width']:,} features)"
    epoch = found["epoch"]["wall"]
    rows = [
        _plain(part, f"an epoch of the {found['head']} {where}", epoch[name], f"{epoch[name]:.1f} s")
        for name, where in (("store", "from the store"), ("memory", "from memory"))
    ]
    for clock, name in (("wall", "wall clock"), ("own", "own time")):
        what = f"speed from the store against from memory, by the {name}"
        rows.append(_at_least(part, what, found["ratio"][clock], 0.8, "{:.0%}"))
    peak = found["peak_gb"]
    what = f"greatest size of the training process, {found['kept_mib']} MiB kept"
    rows.append(Figure(part, what, peak, f"{peak:.2f} GB", "below 3 GB", peak < 3))
    sizes = f"{found['disk_gb']:.2f}, {found['real_gb']:.2f}, {found['padded_gb']:.2f} GB"
    share = found["disk_of_real"]
    rows.append(
        Figure(
            part,
            "on the disk, its real frames alone, padded to full length",
            share,
            sizes,
            "at most the real frames",
            share <= 1,
        )
    )
    return rows


def overhead(found: dict) -> list[Figure]:
    """Of `overhead.of_folder`."""
    part = f"workflow ({found['jobs']} jobs, {found['wall'] / 60:.1f} min, {found['cores']} cores)"
    return [
        _at_least(part, "sum of job times / (wall time x cores)", found["share_jobs"], 0.75, "{:.1%}"),
        _at_least(part, "the same by the benchmark files alone", found["share_work"], 0.75, "{:.1%}"),
    ]


def image_network(found: dict) -> list[Figure]:
    """Of `models.benchmark.measure`."""
    part = f"{found['network']}, one image of {found['size']}x{found['size']}, one thread"
    return [_plain(part, way, one["wall"], f"{one['wall']:.2f} ms") for way, one in found["ways"].items()]


def image_training(found: dict) -> list[Figure]:
    """Of `image_training.measure`."""
    part = f"training {found['network']}, batch {found['batch']}, {found['precision']}"
    load = found["loading"]
    rows = []
    for way, step in found["steps"].items():
        each = 1000 * (load + step) / found["batch"]
        rows.append(_plain(part, f"an image, {way}, loading included", each, f"{each:.2f} ms"))
    return rows


def watching(found: dict) -> list[Figure]:
    """Of `apps.benchmark.run`."""
    part = f"camera to probabilities, {found['width']}x{found['height']}"
    return [
        _plain(part, f"cascade at every {way['interval']}. frame", way["fps"], f"{way['fps']:.1f} frames/s")
        for way in found["ways"]
    ]


def _plain(part: str, what: str, value: float, shown: str) -> Figure:
    return Figure(part, what, float(value), shown)


def _at_least(part: str, what: str, value: float, target: float, form: str, judged: bool = True) -> Figure:
    shown, wanted = form.format(value), f"at least {form.format(target)}"
    if not judged:
        return Figure(part, what, float(value), shown, f"{wanted} with AMX")
    return Figure(part, what, float(value), shown, wanted, value >= target)


def markdown(described: dict, figures: list[Figure], notes: list[str]) -> str:
    """The table with the machine above it."""
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["# Figures of speed", "", f"{described['date']}: {machine.line(described)}", ""]
    if described["load"] > BUSY * described["cores"]:
        lines += ["Other work was running: the figures by the wall clock are too low, ratios less so.", ""]
    lines += ["| part | figure | measured | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {f.part} | {f.what} | {f.shown} | {f.target} | {words[f.met]} |" for f in figures]
    return "\n".join([*lines, *([""] if notes else []), *(f"- {note}" for note in notes)]) + "\n"


BUSY = 0.5
"""Load a core above which a machine was not quiet."""


def write(folder: str | Path, described: dict, figures: list[Figure], details: dict, notes: list[str]) -> str:
    """Write `bench.json` and `bench.md` into `folder`; the table."""
    text = markdown(described, figures, notes)
    content = {
        "machine": described,
        "figures": [asdict(figure) for figure in figures],
        "details": details,
        "notes": notes,
    }
    files.write_text(Path(folder) / NAMES[0], json.dumps(content, indent=2) + "\n")
    files.write_text(Path(folder) / NAMES[1], text)
    return text
