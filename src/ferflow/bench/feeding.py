"""The share of its time that a training on a GPU waits for features: against a step that takes no processor.

python -m ferflow.bench.feeding [--clips N] [--step SECONDS] [--readers 0 1 2 4] [--scratch FOLDER]

Features of VGG16's last pooling are generated as the features step writes them, and read for epochs as a fold
reads them. In place of a step the program sleeps for as long as a GPU would take. Cold: the files are dropped
from the system's memory before the epoch. It needs as much disk as twice the features take unpacked.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ferflow import readers
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.bench import store_speed
from ferflow.features import staging
from ferflow.training.data import ClipFeatures, Study, loader
from ferflow.training.shards import keep_freed_memory

ZEROS = 0.71
"""Share of zeros in VGG16's last pooling."""
BATCH = 32


@dataclass(frozen=True)
class Waited:
    """An epoch of `batches` steps: seconds waited for them in all, and for the first."""

    batches: int
    seconds: float
    first: float
    nbytes: int

    def share(self, step: float) -> float:
        """Of the epoch's time."""
        return self.seconds / (self.seconds + self.batches * step)


def epoch(items: ClipFeatures, step: float, batch: int = BATCH) -> Waited:
    """Go once through `items`, sleeping for `step` seconds after each batch."""
    waits, nbytes = [], 0
    batches = iter(loader(items, batch, seed=0))
    while True:
        start = time.perf_counter()
        features = next(batches, (None,))[0]
        if features is None:
            return Waited(len(waits), sum(waits), waits[0], nbytes)
        waits.append(time.perf_counter() - start)
        nbytes += features.nbytes
        del features
        time.sleep(step)


def measure(
    study: Study, scratch: Path, step: float, counts: list[int], batch: int = BATCH
) -> dict[tuple[str, str], float]:
    """Print a line for each way of reading, cold and warm; returns the shares."""
    shares = {}

    def row(name: str, items: ClipFeatures, files: list[Path]) -> None:
        for state in ("cold", "warm"):
            if state == "cold":
                for path in files:
                    store_speed.settle(path)
            waited = epoch(items, step, batch)
            took = waited.seconds + waited.batches * step
            speed = waited.nbytes / took / 1e9
            line = (
                f"{name}, {state}: waits {waited.share(step):.1%} of the time ({waited.batches} batches, "
                f"{waited.nbytes / 1e9:.2f} GB, {speed:.2f} GB/s; the first {waited.first * 1e3:.0f} ms)"
            )
            print(line, flush=True)
            shares[name.split(" in ")[0], state] = waited.share(step)

    stored = list(study.files.values())
    for n in counts:
        items = study.features(study.clips, (), 0, n, None)
        started = time.perf_counter()
        if n:
            readers.shared(n).call(len, ())
        begun = time.perf_counter() - started
        row(f"from the store by {n} processes, begun in {begun:.1f} s" if n else "by a thread", items, stored)
    for n in (0, max(counts)):
        with tempfile.TemporaryDirectory(dir=scratch) as place:
            items = study.features(study.clips, (), 0, n, place)
            started = time.perf_counter()
            _ = items.reading
            taken = time.perf_counter() - started
            name = f"staged by {n or 1} process{'es' if n > 1 else ''} in {taken:.1f} s"
            row(name, items, list(Path(place).glob("*/*.h5")))
            staging.staged(Path(place), study.readings()).close()
    return shares


def main() -> None:
    """Generate, measure, print."""
    command = arguments("ferflow.bench.feeding", __doc__)
    command.add_argument("--clips", type=int, default=15 * BATCH)
    command.add_argument("--features", type=int, default=store_speed.WIDTH, help="of a frame")
    command.add_argument("--frames", type=int, nargs=2, default=[100, 100], help="of a clip")
    command.add_argument("--step", type=float, default=0.02, help="seconds of a step")
    command.add_argument("--readers", type=int, nargs="+", default=[0, 1, 2], help="processes")
    command.add_argument("--scratch", type=Path, help="folder for the features (default: the system's)")
    options = command.parse_args()
    keep_freed_memory()
    with errors_in_one_line(), tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        sizes = options.clips, options.features, tuple(options.frames)
        study = store_speed.generate(Path(folder), *sizes, zeros=ZEROS)
        size = sum(path.stat().st_size for path in study.files.values())
        print(f"{readers.cores()} cores, a step of {options.step * 1e3:.0f} ms, {size / 1e9:.2f} GB stored")
        measure(study, Path(folder), options.step, options.readers)


if __name__ == "__main__":
    main()
