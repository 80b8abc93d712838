"""`ferflow plan`: what a study will cost, before it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ferflow import settings as study_settings
from ferflow.apps.estimate import pass_cost, step_cost
from ferflow.errors import InputError
from ferflow.planning import jobs, sizes
from ferflow.planning.plan import Row, plan
from ferflow.planning.rates import Rates, measured
from ferflow.settings import Settings
from ferflow.steps.work import Sizes


def run(
    params: Path, overlays: list[Path], records: Path, everything: bool, times: int, measure: bool
) -> None:
    """Print a row per rule, the totals, and what they rest on.

    `records` is the folder whose earlier runs count; `everything` plans the whole study, not only what is
    left to run; `times` is by how much the subjects are multiplied.
    """
    settings = study_settings.load(params, *overlays)
    snakefile = params.parent / "Snakefile"
    if not snakefile.is_file():
        raise InputError(snakefile, "does not exist", "call it in the folder of the workflow")
    planned = jobs.planned(Path(), overlays, everything, snakefile)
    if not planned:
        print(f"study {settings.study}: nothing to run; --all plans it as a whole")
        return
    size = sizes.of_study(settings, Path())
    step = steps(settings) if measure else None
    rows = plan(planned, settings, size, Rates(measured(records)), times, step)
    print("\n".join(lines(rows, settings, size, times)))


def steps(settings: Settings) -> Callable[[str, str], tuple[float, str] | None]:
    """A function that measures a training step of a network once, as `ferflow estimate` does."""
    costs: dict[str, tuple[float, str] | None] = {}
    trained: set[str] = set()
    if settings.kind == "clips":
        trained = {*settings.temporal.heads, *settings.end_to_end.run, *settings.experiments.trained()}

    def step(rule: str, name: str) -> tuple[float, str] | None:
        of_clips = name in trained
        key = name if of_clips else f"{rule} {name}"
        if key not in costs:
            cost = step_cost(settings, name) if of_clips else pass_cost(settings, rule, name)
            costs[key] = None if cost is None else (cost.seconds, cost.device)
        return costs[key]

    return step


def lines(rows: list[Row], settings: Settings, size: Sizes, times: int) -> list[str]:
    """The plan as text."""
    subjects, clips, frames = (times * n for n in (len(size.subjects), size.clips, size.frames))
    about = f"{subjects:,} subjects, {clips:,} clips, {frames:,} frames"
    assumed = "" if size.known else " (assumed, as there is no manifest yet)"
    images = f"{times * size.images:,} images{assumed}" if settings.kind in ("sfew", "affect") else "images"
    text = [f"study {settings.study}: {about + assumed if size.subjects else images}"]
    head = f"{'rule':26} {'jobs':>9} {'CPU h':>10} {'longest':>9} {'GB':>9} {'MB used':>8} {'asked':>6}"
    text.append(f"{head}  grows")
    for row in rows:
        remark = f" ({row.remark})" if row.remark else ""
        text.append(
            f"{row.rule:26} {row.jobs:9,} {row.seconds / 3600:10,.3f} {_time(row.longest):>9} "
            f"{row.bytes / 1e9:9,.3f} {row.memory:8,.0f} {row.requested:6,.0f}  {row.grows}{remark}"
        )
    seconds, trained = sum(row.seconds for row in rows), sum(row.trained for row in rows)
    gpu = sum(row.gpu for row in rows)
    text.append(
        f"{sum(row.jobs for row in rows):,} jobs, {seconds / 3600:,.2f} CPU hours, "
        f"{sum(row.bytes for row in rows) / 1e9:,.2f} GB, "
        f"at most {max(row.memory for row in rows):,.0f} MB a job"
    )
    if gpu:
        text.append(f"of these {gpu / 3600:,.2f} hours on the GPU of this machine")
    else:
        text.append(
            f"0 GPU hours: no step was measured on a GPU; trainings, {trained / 3600:,.2f} of the CPU hours, "
            "are what one takes over"
        )
    return text


def _time(seconds: float) -> str:
    from ferflow.training.estimate import duration

    return duration(seconds)
