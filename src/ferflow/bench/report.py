"""The figures as rows with their targets, as JSON and as a table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ferflow import files
from ferflow.bench import machine

NAMES = ("bench.json", "bench.md")
BUSY = 0.5
"""Load a core above which other work was running."""


@dataclass(frozen=True)
class Figure:
    """A figure: the value and its text, the target in words, whether it is met (None: no target)."""

    part: str
    what: str
    value: float
    shown: str
    target: str = ""
    met: bool | None = None


def spatial_pass(result: dict, amx: bool) -> list[Figure]:
    """Of `spatial_pass.run`. The targets are for processors with AMX alone."""
    part, speed = "spatial pass", result["tflops"]["wall"]["pass"]
    title = "{network}, {size}x{size}, batch {batch}, {precision}, {threads} thread".format(**result)
    rows = [Figure(part, title, speed, f"{speed:.2f} TFLOP/s")]
    for clock, one in (("wall clock", result["wall"]), ("own time", result["own"])):
        share = f"share of the best matrix product (N = {one['best_matrix']}), by the {clock}"
        rows.append(_at_least(part, share, one["share"], 0.6, "{:.0%}", amx))
        times = f"times the float32 loop of one frame at a time, by the {clock}"
        rows.append(_at_least(part, times, one["times_simple"], 3.5, "{:.1f}", amx))
    return rows


def precision_cost(result: dict) -> list[Figure]:
    """Of `precision_cost.run`."""
    part = "bfloat16 against float32"
    rows = []
    for layer, one in result["layers"].items():
        what = f"features at `{layer}`: largest and mean difference, mean feature"
        shown = f"{one['largest']:.3g}, {one['mean']:.2g}, {one['mean_feature']:.2g}"
        rows.append(Figure(part, what, one["largest"], shown))
    changed = f"{result['changed']} of {result['images']}"
    rows.append(Figure(part, "images of another predicted class", result["changed_share"], changed))
    largest = result["probability_largest"]
    rows.append(Figure(part, "largest difference of a probability", largest, f"{largest:.3f}"))
    return rows


def store_speed(result: dict) -> list[Figure]:
    """Of `store_speed.run`."""
    part = f"training from the store ({result['clips']} clips, {result['width']:,} features)"
    epoch = result["epoch"]["wall"]
    rows = [
        Figure(part, f"an epoch of the {result['head']} from {where}", seconds, f"{seconds:.1f} s")
        for where, seconds in (("the store", epoch["store"]), ("memory", epoch["memory"]))
    ]
    for clock, name in (("wall", "wall clock"), ("own", "own time")):
        what = f"speed from the store against from memory, by the {name}"
        rows.append(_at_least(part, what, result["ratio"][clock], 0.8, "{:.0%}"))
    peak, share = result["peak_gb"], result["disk_of_real"]
    what = f"greatest size of the training process, {result['kept_mib']} MiB kept"
    rows.append(Figure(part, what, peak, f"{peak:.2f} GB", "below 3 GB", peak < 3))
    sizes = f"{result['disk_gb']:.2f}, {result['real_gb']:.2f}, {result['padded_gb']:.2f} GB"
    what = "on the disk, its real frames alone, padded to full length"
    return [*rows, Figure(part, what, share, sizes, "at most the real frames", share <= 1)]


def footprint(result: dict, margin: float) -> list[Figure]:
    """Of `footprint.run`: `margin` is the factor by which reckoned memory may exceed that of a real step."""
    part = (
        f"memory of a training step, reckoned / measured ({len(result['rows'])} networks, {result['study']})"
    )
    least, most = result["least"], result["most"]
    return [
        _at_least(part, "least", least, 1.0, "{:.2f}"),
        Figure(
            part, "most, of networks of 300 MiB", most, f"{most:.2f}", f"at most {margin:g}", most <= margin
        ),
        Figure(
            "time of a training step",
            "stated / measured, median",
            result["seconds"],
            f"{result['seconds']:.2f}",
        ),
    ]


def overhead(result: dict) -> list[Figure]:
    """Of `overhead.of_folder`."""
    part = f"workflow ({result['jobs']} jobs, {result['wall'] / 60:.1f} min, {result['cores']} cores)"
    return [
        _at_least(part, "sum of job times / (wall time x cores)", result["share_jobs"], 0.75, "{:.1%}"),
        _at_least(part, "the same by the benchmark files alone", result["share_work"], 0.75, "{:.1%}"),
    ]


def image_network(result: dict) -> list[Figure]:
    """Of `models.benchmark.measure`."""
    part = f"{result['network']}, one image of {result['size']}x{result['size']}, one thread"
    return [Figure(part, way, one["wall"], f"{one['wall']:.2f} ms") for way, one in result["ways"].items()]


def image_training(result: dict) -> list[Figure]:
    """Of `image_training.measure`."""
    part = f"training {result['network']}, batch {result['batch']}, {result['precision']}"
    rows = []
    for way, step in result["steps"].items():
        each = 1000 * (result["loading"] + step) / result["batch"]
        rows.append(Figure(part, f"an image, {way}, loading included", each, f"{each:.2f} ms"))
    return rows


def watching(result: dict) -> list[Figure]:
    """Of `apps.benchmark.run`."""
    part = f"camera to probabilities, {result['width']}x{result['height']}"
    return [
        Figure(part, f"cascade at every {way['interval']}. frame", way["fps"], f"{way['fps']:.1f} frames/s")
        for way in result["ways"]
    ]


def statistics(rows: list[dict]) -> list[Figure]:
    """Of `statistics.run`."""
    figures = []
    for row in rows:
        part = "{subjects} subjects, accuracy {accuracy:g}, effect {effect:g}".format(**row)
        for metric in ("accuracy", "f1", "kappa"):
            old = row[f"cover_{metric}_percentile"]
            what = f"intervals at 95 % that hold, {metric} (percentiles: {old:.1%})"
            figures.append(_at_least(part, what, row[f"cover_{metric}"], 0.93, "{:.1%}"))
        what = "intervals at 95 % that hold, difference of equal models"
        figures.append(_at_least(part, what, row["cover_difference"], 0.93, "{:.1%}"))
        mcnemar, any_of, false = (row[name] for name in ("false_mcnemar", "false_table", "false"))
        what = f"false differences (McNemar: {mcnemar:.1%}; tables with any: {any_of:.1%})"
        figures.append(Figure(part, what, false, f"{false:.1%}", "at most 6.0%", false <= 0.06))
        power = row["power"]
        figures.append(Figure(part, "true differences of 10 points that are found", power, f"{power:.1%}"))
    return figures


def _at_least(part: str, what: str, value: float, target: float, form: str, applies: bool = True) -> Figure:
    """A figure with its target, which `applies` here, or only to processors with AMX."""
    shown, wanted = form.format(value), f"at least {form.format(target)}"
    if applies:
        return Figure(part, what, float(value), shown, wanted, value >= target)
    return Figure(part, what, float(value), shown, f"{wanted} with AMX")


def markdown(described: dict, figures: list[Figure], notes: list[str]) -> str:
    """The table with the machine above it."""
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["# Figures of speed", "", f"{described['date']}: {machine.line(described)}", ""]
    if described["load"] > BUSY * described["cores"]:
        lines += ["Other work was running: the figures by the wall clock are too low, ratios less so.", ""]
    lines += ["| part | figure | measured | target | met |", "|---|---|---|---|---|"]
    lines += [f"| {f.part} | {f.what} | {f.shown} | {f.target} | {words[f.met]} |" for f in figures]
    return "\n".join([*lines, *([""] if notes else []), *(f"- {note}" for note in notes)]) + "\n"


def write(folder: str | Path, described: dict, figures: list[Figure], details: dict, notes: list[str]) -> str:
    """Write `bench.json` and `bench.md` into `folder`; returns the table."""
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
