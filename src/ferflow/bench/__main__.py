"""Measure speed on this machine, and how often intervals hold; results/bench has both as JSON and a table.

python -m ferflow.bench [params.yaml [STUDY.yaml ...]] [--parts PART ...]

The parts are spatial, precision, store, footprint, workflow, models and statistics, which says how often
intervals hold.

Ratios are measured in turns within one process, so that other work on the machine disturbs both sides
alike, by the wall clock and by the process's own time. For figures to quote, run it on a machine that does
nothing else. The features for `store` need some gigabytes of disk (in --scratch) for a few minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from ferflow import layout, settings, weights
from ferflow.apps import benchmark as watching
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.bench import image_training, machine, report, spatial_pass, store_speed
from ferflow.errors import InputError
from ferflow.models import benchmark as image
from ferflow.runs import overhead


def spatial(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """VGG16's convolutions against matrix products and a simple loop."""
    result = spatial_pass.run(
        options.size,
        options.batch,
        tuple(options.matrices),
        options.rounds,
        n_threads=chosen.features.threads,
        precision_setting=chosen.features.precision,
    )
    return result, report.spatial_pass(result, machine.matrix_units())


def precision(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The loss of accuracy by bfloat16 of the network that ships."""
    from ferflow.bench import precision_cost

    weights.fetch_many(FACE_MODEL, options.weights_folder)
    images = precision_cost.rendered(chosen, options.stills, options.weights_folder)
    result = precision_cost.run(images, weights.shipped(), chosen.features)
    return result, report.precision_cost(result)


def store(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """Training a head from the store and from memory."""
    with tempfile.TemporaryDirectory(prefix="ferflow-bench-", dir=options.scratch) as folder:
        place = Path(folder)
        sizes = options.clips, options.features, tuple(options.frames)
        study = store_speed.generate(place, *sizes, chosen.seed)
        result = store_speed.run(place, chosen, study, options.epochs, options.kept)
    return result, report.store_speed(result)


def footprint(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The memory that a study's networks are reckoned to take against a real step of each."""
    from ferflow.bench import footprint as steps

    result = steps.run(chosen, options.items)
    return result, report.footprint(result, steps.MARGIN)


def workflow(options: argparse.Namespace, _: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The newest run of the workflow in the working folder."""
    result = overhead.of_folder(options.folder)
    return result, report.overhead(result)


def models(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The benchmarks of the single parts: an image, a training step, a video."""
    from ferflow.datasets import synth4d

    weights.fetch_many(FACE_MODEL, options.weights_folder)
    one = image.measure(str(weights.shipped()), options.runs)
    step = image_training.measure(chosen.spatial, options.rounds)
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder:
        subject = synth4d.subjects(chosen.synth4d)[0]
        synth4d.write_subject(subject, folder, options.weights_folder, chosen.synth4d, ["happy"], chosen.seed)
        watched = watching.run(f"{folder}/{subject}_happy_tex.avi", None, options.video_frames)
    watched |= {"video": "a rendered, synthetic clip", "model": Path(str(watched["model"])).name}
    result = {"image": one, "training": step, "watching": watched}
    rows = [*report.image_network(one), *report.image_training(step), *report.watching(watched)]
    return result, rows


def statistics(options: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """How often intervals hold and models are called different, in simulated studies."""
    from ferflow.bench import statistics as simulated

    rows = simulated.run(options.studies, chosen.seed)
    return {"studies": options.studies, "rows": rows}, report.statistics(rows)


FACE_MODEL = ("au_to_mesh.npz", "face_tessellation.json")
PARTS = {
    "spatial": spatial,
    "precision": precision,
    "store": store,
    "footprint": footprint,
    "workflow": workflow,
    "models": models,
    "statistics": statistics,
}


def run(options: argparse.Namespace) -> str:
    """Measure the chosen parts and write them; returns the table.

    Raises FerflowError where one cannot be measured. The workflow's part is left out, with a note,
    where nothing has run in the folder.
    """
    chosen = settings.load(*options.params)
    described, notes = machine.describe(), []
    details: dict[str, dict] = {}
    figures: list[report.Figure] = []
    for name in options.parts:
        print(f"ferflow: measuring {name}", file=sys.stderr, flush=True)
        try:
            details[name], rows = PARTS[name](options, chosen)
        except InputError as error:
            if name != "workflow":
                raise
            notes.append(f"workflow overhead: not measured, {error}")
            continue
        figures += rows
    return report.write(options.out, described, figures, details, notes)


def parser() -> argparse.ArgumentParser:
    """The command line, with the sizes of the figures that are quoted."""
    command = arguments("ferflow.bench", __doc__)
    command.add_argument("params", nargs="*", default=["params.yaml"])
    command.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    command.add_argument("--out", type=Path, default=Path(layout.BENCH))
    command.add_argument("--folder", type=Path, default=Path(), help="where the workflow ran")
    command.add_argument("--weights-folder", type=Path, default=Path(layout.WEIGHTS))
    command.add_argument("--scratch", type=Path, help="folder for generated features (default: the system's)")
    sizes = command.add_argument_group("sizes")
    sizes.add_argument("--size", type=int, default=160, help="pixels of a frame's side")
    sizes.add_argument("--batch", type=int, default=16, help="frames")
    sizes.add_argument("--matrices", type=int, nargs="+", default=[1024, 2048, 4096], metavar="N")
    sizes.add_argument("--rounds", type=int, default=7)
    sizes.add_argument("--stills", type=int, default=100, help="rendered stills of each of seven classes")
    sizes.add_argument("--clips", type=int, default=store_speed.CLIPS)
    sizes.add_argument("--features", type=int, default=store_speed.WIDTH, help="of a frame")
    sizes.add_argument("--frames", type=int, nargs=2, default=list(store_speed.FRAMES), help="of a clip")
    sizes.add_argument("--epochs", type=int, default=2, help="from the store and from memory, in turns")
    sizes.add_argument("--kept", type=int, default=store_speed.KEPT, help="MiB of features in memory")
    sizes.add_argument("--runs", type=int, default=200, help="of one image")
    sizes.add_argument("--items", type=int, default=8, help="clips or images of a step, at most")
    sizes.add_argument("--video-frames", type=int, default=300)
    sizes.add_argument("--studies", type=int, default=1000, help="simulated, of each kind")
    return command


def main() -> None:
    """Measure, write, print; a mistake is one line and exit code 1."""
    command = parser()
    options = command.parse_args()
    counts = ("size", "batch", "rounds", "stills", "clips", "features", "epochs", "runs")
    counts += ("items", "video_frames", "studies")
    for name in counts:
        if getattr(options, name) < 1:
            command.error(f"--{name.replace('_', '-')} must be at least 1")
    if not 1 <= options.frames[0] <= options.frames[1] or min(options.matrices) < 1:
        command.error("--frames takes the shortest and the longest, --matrices sizes of at least 1")
    with errors_in_one_line():
        print(run(options), end="")


if __name__ == "__main__":
    main()
