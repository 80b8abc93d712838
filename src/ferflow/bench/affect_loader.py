"""Whether reading, decoding and augmenting 300,000 images keeps up with the network, and in how much memory.

python -m ferflow.bench.affect_loader --images 300000 --network vgg16|resnet50 [--frozen] [params.yaml]

A few hundred faces are rendered, and a manifest lists them again and again until it is as long as asked. Then
a training step of the study's network and its loader, which gives as many images, are timed in turns on the
same cores; after that both together. The loader's memory is that of a process which does nothing else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import layout, settings, tables, weights
from ferflow.bench import turns
from ferflow.bench.machine import peak
from ferflow.datasets import affectnet
from ferflow.datasets.synth4d import affect
from ferflow.errors import FerflowError
from ferflow.files import write_text
from ferflow.seeds import derive_seed
from ferflow.settings.affect import AffectModel, Loading
from ferflow.training.image_files import Batch, Batches, ImageList

FACES = ("au_to_mesh.npz", "face_tessellation.json")
PEOPLE = 20
MOST_GB = 2.0
"""What the loader may take (10^9 bytes), however many images are listed."""


def render(
    folder: Path, chosen: settings.AffectSettings, faces: int, side: int, weights_folder: Path
) -> None:
    """Render `faces` training images of `side` pixels and one of each class to validate on into `folder`."""
    sizes = {"train": faces, "size": side, "validation_per_class": 1, "subjects": (PEOPLE, 1)}
    synthetic = chosen.affect.synthetic.model_copy(update=sizes)
    affect.write(folder, weights_folder, synthetic, chosen.synth4d, chosen.seed)


def listed(folder: Path, images: int, seed: int) -> Path:
    """A manifest of `images` training images: those in `folder`, again and again, without order."""
    once, again = folder / "once.csv", folder / "manifest.csv"
    affectnet.write_manifest(folder, once, folder / "counts.csv", 1)
    there = tables.read(once, "manifest").query("split == 'train'")
    rng = np.random.default_rng(derive_seed(seed, "bench", "index"))

    def frames() -> Iterator[pd.DataFrame]:
        for begin in range(0, images, tables.SLICE):
            rows = rng.integers(0, len(there), min(tables.SLICE, images - begin))
            yield there.iloc[rows].reset_index(drop=True)

    tables.write_slices(frames(), again, "manifest")
    return again


def loader(manifest_csv: Path, loading: Loading, seed: int) -> Batches:
    """The loader of the study's training."""
    images = ImageList.read(manifest_csv)
    return Batches(
        images, "train", loading.size, loading.batch, loading.augment, seed % 2**32, loading.workers
    )


def last(source: Batches, steps: int) -> Iterator[Batch]:
    """The last `steps` batches of an epoch: nothing is made ahead that nobody takes."""
    source.resume({"epoch": 0, "batch": max(0, len(source) - steps)})
    return iter(source)


def alone(manifest_csv: Path, loading: Loading, seed: int, steps: int) -> dict[str, float]:
    """What it takes to read the manifest and `steps` batches; run it in a process of its own.

    Seconds, and the greatest size of the process in GB (10^9 bytes). It has threads and no other processes.
    """
    begin = time.perf_counter()
    source = loader(manifest_csv, loading, seed)
    read = time.perf_counter() - begin
    images = sum(len(batch.labels) for batch in islice(source, steps))
    return {
        "manifest_seconds": read,
        "images": images,
        "seconds": time.perf_counter() - begin - read,
        "peak_gb": peak(),
    }


def run(
    manifest_csv: Path, model: AffectModel, frozen: bool, loading: Loading, seed: int, steps: int, rounds: int
) -> dict[str, object]:
    """Images a second of network and loader, each alone and both together; their ratio. JSON values."""
    import torch

    # Late: the process whose memory is measured has no need of Lightning.
    from ferflow.bench.affect_speed import stepper
    from ferflow.training.affect import build, task_of

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        loader_alone = other.submit(alone, manifest_csv, loading, seed, 4 * steps).result()
    torch.set_num_threads(model.threads)
    source = loader(manifest_csv, loading, seed)
    network = build(model, None)  # its weights are new ones, which cost as much as any
    network.freeze(frozen)
    step = stepper(network, task_of(model, source.listed.counts("train")), model)
    batch = next(iter(last(source, 1 + (len(source) > 1))))
    amounts: dict[str, int] = {}

    def stepped() -> None:
        step(batch)
        amounts["network"] = len(batch.labels)

    def loaded() -> None:
        amounts["loader"] = sum(len(batch.labels) for batch in last(source, steps))

    def together() -> None:
        amounts["together"] = 0
        for batch in last(source, 2):
            step(batch)
            amounts["together"] += len(batch.labels)

    taken = turns.in_turns({"network": stepped, "loader": loaded, "together": together}, rounds)
    both = amounts["loader"], amounts["network"]
    return {
        "network": model.backbone,
        "frozen": frozen,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "batch": loading.batch,
        "size": loading.size,
        "workers": loading.workers,
        "threads": model.threads,
        "listed": len(source.listed),
        "images_per_second": {name: turns.rate(amounts[name], one) for name, one in taken.items()},
        "ratio": {
            clock: turns.times_as_fast(taken["loader"], taken["network"], both, own=clock == "own")
            for clock in ("wall", "own")
        },
        "loader_alone": loader_alone,
        "peak_gb_of_both": peak(),
    }


def summary(result: dict) -> str:
    """The result in four lines."""
    rate, ratio, alone = result["images_per_second"], result["ratio"], result["loader_alone"]
    kind = "heads alone" if result["frozen"] else "whole network"
    batch = f"batch {result['batch']} of {result['size']} pixels"
    speed = "keeps up" if ratio["wall"] >= 1 else "TOO SLOW"
    memory = "under" if alone["peak_gb"] < MOST_GB else "OVER"
    return (
        f"network ({result['network']}, {kind}): {rate['network']:.1f} images/s, {batch}, "
        f"{result['threads']} threads on {result['device']}\n"
        f"loader ({result['workers']} threads): {rate['loader']:.1f} images/s; both together "
        f"{rate['together']:.1f} images/s\n"
        f"loader / network: {ratio['wall']:.1f} by the clock, {ratio['own']:.1f} by processor time "
        f"({speed})\n"
        f"loader at {result['listed']:,} listed images: manifest read in {alone['manifest_seconds']:.1f} s, "
        f"at most {alone['peak_gb']:.2f} GB ({memory} {MOST_GB:g} GB); with the network "
        f"{result['peak_gb_of_both']:.2f} GB\n"
    )


def parser() -> argparse.ArgumentParser:
    """The command line, with the sizes of the figures that are quoted."""
    made = argparse.ArgumentParser(
        prog="python -m ferflow.bench.affect_loader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("params", nargs="*", default=["params.yaml"])
    made.add_argument("--images", type=int, default=300_000, help="listed in the manifest")
    made.add_argument("--network", choices=("vgg16", "resnet50", "compact"), default="vgg16")
    made.add_argument("--frozen", action="store_true", help="the heads alone learn: the fastest step")
    made.add_argument("--batch", type=int, help="images (default: the study's)")
    made.add_argument("--faces", type=int, default=200, help="rendered, and listed again and again")
    made.add_argument("--side", type=int, default=224, help="pixels of a rendered face's side")
    made.add_argument("--steps", type=int, default=8, help="batches that the loader gives in a round")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--weights-folder", type=Path, default=Path(layout.WEIGHTS))
    made.add_argument("--out", type=Path, help="JSON file with all figures")
    return made


def main() -> None:
    """Measure and print; a mistake is one line, and a loader that is too slow or too large exit code 1."""
    command = parser()
    options = command.parse_args()
    for name in ("images", "faces", "side", "steps", "rounds"):
        if getattr(options, name) < 1:
            command.error(f"--{name} must be at least 1")
    try:
        chosen = settings.load(*options.params, more={"kind": "affect"})
        loading = chosen.affect.loading
        loading = loading.model_copy(update={"batch": options.batch or loading.batch})
        recipe = chosen.affect.recipe.model_dump()
        changed = {"backbone": options.network, "start": "untrained", "frozen": False}
        model = AffectModel(**recipe | changed, batch=loading.batch, size=loading.size)
        weights.fetch_many(FACES, options.weights_folder)
        with tempfile.TemporaryDirectory(prefix="ferflow-bench-") as folder:
            print(f"ferflow: rendering {options.faces} synthetic faces", file=sys.stderr, flush=True)
            render(Path(folder), chosen, options.faces, options.side, options.weights_folder)
            manifest_csv = listed(Path(folder), options.images, chosen.seed)
            result = run(
                manifest_csv, model, options.frozen, loading, chosen.seed, options.steps, options.rounds
            )
    except FerflowError as error:
        raise SystemExit(f"ferflow: error: {error}") from None
    print(summary(result), end="")
    if options.out:
        write_text(options.out, json.dumps(result, indent=2) + "\n")
    if result["ratio"]["wall"] < 1 or result["loader_alone"]["peak_gb"] >= MOST_GB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
