"""Time of one image on one thread: by torch, by torch optimised for the CPU, and by ONNX Runtime.

python -m ferflow.models.benchmark MODEL.pt [--runs 500]

MODEL.pt is a trained network for images, or the name of one (then with new weights, which take as long).
Prints the medians of the wall clock and of the process's own time, which other work on the machine disturbs
less. All must give the same probabilities to 1e-3 before they are timed.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ferflow.errors import FerflowError
from ferflow.models import spatial
from ferflow.models.export import serialise, session
from ferflow.models.fuse import optimize_for_cpu
from ferflow.models.network import SpatialNetwork, count

TOLERANCE = 1e-3
"""By which a probability may differ."""
WARM_UP = 20
"""Runs that are not timed."""


def ways(network: SpatialNetwork) -> dict[str, Callable[[torch.Tensor], np.ndarray]]:
    """Name to a function from images float32 [N,C,S,S] (0–1) to probabilities [N,K]."""
    quick, runtime = optimize_for_cpu(network), session(serialise(network, {}))

    def plain(images: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return network(images).softmax(1).numpy()

    return {
        "torch": plain,
        "torch, optimize_for_cpu": lambda images: quick(images).softmax(1).numpy(),
        "ONNX Runtime": lambda images: runtime.run(None, {"images": images.numpy()})[0],
    }


def times(way: Callable[[torch.Tensor], np.ndarray], images: torch.Tensor, runs: int) -> tuple[float, float]:
    """Median milliseconds of `runs` calls: by the wall clock, and of this process."""
    for _ in range(WARM_UP):
        way(images)
    walls, processes = [], []
    for _ in range(runs):
        wall, process = time.perf_counter(), time.process_time()
        way(images)
        processes.append(1000 * (time.process_time() - process))
        walls.append(1000 * (time.perf_counter() - wall))
    return statistics.median(walls), statistics.median(processes)


def processor() -> str:
    """The processor's name as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(model: str, runs: int) -> dict[str, object]:
    """Measure; JSON values. `ways` gives of each `wall` and `own` milliseconds (medians) and `difference`.

    Raises WeightsError for a bad file, FerflowError where two ways disagree.
    """
    torch.set_num_threads(1)
    network = spatial.build(model, 7).eval() if model in spatial.NETWORKS else spatial.load(model)[0]
    images = torch.rand(1, *network.image_shape, generator=torch.Generator().manual_seed(0))
    results: dict[str, dict[str, float]] = {}
    reference = None
    for name, way in ways(network).items():
        probabilities = way(images)
        reference = probabilities if reference is None else reference
        difference = float(np.abs(probabilities - reference).max())
        if not difference <= TOLERANCE:
            problem = f"{name} differs by {difference:.1e} in a probability"
            raise FerflowError(model, problem, "report it with the versions above")
        wall, own = times(way, images, runs)
        results[name] = {"wall": wall, "own": own, "difference": difference}
    return {
        "network": network.name,
        "parameters": count(network),
        "size": network.input_size,
        "runs": runs,
        "ways": results,
        "ratio": results["torch, optimize_for_cpu"]["own"] / results["ONNX Runtime"]["own"],
    }


def run(model: str, runs: int) -> None:
    """Print the table. Raises what `measure` does."""
    import onnxruntime

    measured = measure(model, runs)
    print(
        f"{measured['network']}, {measured['parameters']:,} parameters, one image of "
        f"{measured['size']}×{measured['size']}, one thread, {runs} runs; "
        f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}"
    )
    for name, one in measured["ways"].items():
        print(
            f"{name:18}{one['wall']:7.3f} ms by the wall clock, {one['own']:7.3f} ms of a processor, "
            f"probabilities within {one['difference']:.0e}"
        )
    print(f"torch, optimize_for_cpu / ONNX Runtime: {measured['ratio']:.2f}")


def main() -> None:
    """Read the command line and print the table; a mistake is one line and exit code 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL.pt")
    parser.add_argument("--runs", type=int, default=500)
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    try:
        run(arguments.model, arguments.runs)
    except FerflowError as error:
        raise SystemExit(f"ferflow: error: {error}") from None


if __name__ == "__main__":
    main()
