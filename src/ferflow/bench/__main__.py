"""Every figure of speed on this machine, into results/bench (JSON and a table).

python -m ferflow.bench [params.yaml [STUDY.yaml ...]] [--parts spatial precision store workflow models]

Ratios are measured in turns within one process, so that other work on the machine disturbs both sides alike;
beside the wall clock stands the process's own time. For figures to quote, run it on a machine that does
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


def spatial(given: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """VGG16's convolutions against matrix products and a simple loop."""
    found = spatial_pass.run(
        given.size,
        given.batch,
        tuple(given.matrices),
        given.rounds,
        n_threads=chosen.features.threads,
        asked=chosen.features.precision,
    )
    return found, report.spatial_pass(found, machine.matrix_units())


def precision(given: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """What bfloat16 costs the network that ships."""
    from ferflow.bench import precision_cost

    weights.fetch_many(FACE_MODEL, given.weights_folder)
    images = precision_cost.rendered(chosen, given.stills, given.weights_folder)
    found = precision_cost.run(images, weights.shipped(), chosen.features)
    return found, report.precision_cost(found)


def store(given: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """Training a head from the store and from memory."""
    with tempfile.TemporaryDirectory(prefix="ferflow-bench-", dir=given.scratch) as folder:
        place = Path(folder)
        study = store_speed.generate(place, given.clips, given.features, tuple(given.frames), chosen.seed)
        found = store_speed.run(place, chosen, study, given.epochs, given.kept)
    return found, report.store_speed(found)


def workflow(given: argparse.Namespace, _: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The newest run of the workflow in the working folder."""
    found = overhead.of_folder(given.folder)
    return found, report.overhead(found)


def models(given: argparse.Namespace, chosen: settings.Settings) -> tuple[dict, list[report.Figure]]:
    """The benchmarks of the single parts: an image, a training step, a video."""
    from ferflow.datasets import synth4d

    weights.fetch_many(FACE_MODEL, given.weights_folder)
    one = image.measure(str(weights.shipped()), given.runs)
    step = image_training.measure(chosen.spatial, given.rounds)
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder:
        subject = synth4d.subjects(chosen.synth4d)[0]
        synth4d.write_subject(subject, folder, given.weights_folder, chosen.synth4d, ["happy"], chosen.seed)
        watched = watching.run(f"{folder}/{subject}_happy_tex.avi", None, given.video_frames)
    watched |= {"video": "a rendered, synthetic clip", "model": Path(str(watched["model"])).name}
    found = {"image": one, "training": step, "watching": watched}
    rows = [*report.image_network(one), *report.image_training(step), *report.watching(watched)]
    return found, rows


FACE_MODEL = ("au_to_mesh.npz", "face_tessellation.json")
PARTS = {"spatial": spatial, "precision": precision, "store": store, "workflow": workflow, "models": models}


def run(given: argparse.Namespace) -> str:
    """Measure the parts asked for and write them; the table.

    Raises FerflowError where one cannot be measured. The workflow's part is left out, and said so, where
    nothing has run in the folder.
    """
    chosen = settings.load(*given.params)
    described, notes = machine.describe(), []
    details: dict[str, dict] = {}
    figures: list[report.Figure] = []
    for name in given.parts:
        print(f"ferflow: measuring {name}", file=sys.stderr, flush=True)
        try:
            details[name], rows = PARTS[name](given, chosen)
        except InputError as error:
            if name != "workflow":
                raise
            notes.append(f"workflow overhead: not measured, {error}")
            continue
        figures += rows
    return report.write(given.out, described, figures, details, notes)


def parser() -> argparse.ArgumentParser:
    """The command line, with the sizes of the figures that are quoted."""
    asked = arguments("ferflow.bench", __doc__)
    asked.add_argument("params", nargs="*", default=["params.yaml"])
    asked.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    asked.add_argument("--out", type=Path, default=Path(layout.BENCH))
    asked.add_argument("--folder", type=Path, default=Path(), help="where the workflow ran")
    asked.add_argument("--weights-folder", type=Path, default=Path(layout.WEIGHTS))
    asked.add_argument("--scratch", type=Path, help="folder for generated features (default: the system's)")
    sizes = asked.add_argument_group("sizes")
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
    sizes.add_argument("--video-frames", type=int, default=300)
    return asked


def main() -> None:
    """Measure, write, print; a mistake is one line and exit code 1."""
    asked = parser()
    given = asked.parse_args()
    counts = ("size", "batch", "rounds", "stills", "clips", "features", "epochs", "runs", "video_frames")
    for name in counts:
        if getattr(given, name) < 1:
            asked.error(f"--{name.replace('_', '-')} must be at least 1")
    if not 1 <= given.frames[0] <= given.frames[1] or min(given.matrices) < 1:
        asked.error("--frames takes the shortest and the longest, --matrices sizes of at least 1")
    with errors_in_one_line():
        print(run(given), end="")


if __name__ == "__main__":
    main()
