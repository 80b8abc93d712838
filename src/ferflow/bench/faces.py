"""Speed and memory of finding faces and action units.

python -m ferflow.bench.faces params.yaml data/weights clip.avi [--processes 2] [--frames 100 10000]

The clip is played over and over. Every process works on one thread, as one subject of the workflow does.
Beside the wall clock it prints the processes' own time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import h5py
import numpy as np

from ferflow import settings
from ferflow.apps.terminal import arguments
from ferflow.aus.clip import intensities, reader
from ferflow.faces import store
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import Clip, open_clip


class Looped(Clip):
    """`clip` over and over until `n_frames` have come."""

    def __init__(self, clip: Clip, n_frames: int) -> None:
        super().__init__(clip.source, clip.info)
        self._clip, self._n_frames = clip, n_frames

    def _frames(self) -> Iterator[np.ndarray]:
        return islice(chain.from_iterable(repeat(self._clip)), self._n_frames)


def work(params: str, weights: str, video: str, n_frames: int) -> tuple[float, float, float]:
    """Faces and action units of `n_frames`: wall seconds, this process's seconds, peak memory in MB."""
    chosen = settings.load(params)
    stream = FaceStream(weights, chosen.faces)
    wall, own = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faces.h5"
        with h5py.File(path, "w") as file:
            store.write_clip(file.create_group("clip"), Looped(open_clip(video), n_frames), stream)
        with store.open_landmarks(path, "clip") as (landmarks, tracked, scores):
            intensities(landmarks, tracked, reader(weights, chosen.aus, stream.network), scores)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    return wall, own, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print frames a second for each number of frames, with the processes side by side."""
    parser = arguments("ferflow.bench.faces", __doc__)
    parser.add_argument("params")
    parser.add_argument("weights")
    parser.add_argument("video")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 1000])
    options = parser.parse_args()
    # Fresh processes: a peak of memory never goes down again.
    context = multiprocessing.get_context("spawn")
    for n_frames in options.frames:
        jobs = [(options.params, options.weights, options.video, n_frames)] * options.processes
        with context.Pool(options.processes, maxtasksperchild=1) as pool:
            walls, owns, peaks = zip(*pool.starmap(work, jobs, chunksize=1), strict=True)
        total = n_frames * options.processes
        print(
            f"{options.processes} x {n_frames} frames: {total / max(walls):.0f} frames/s by the wall clock; "
            f"{1000 * sum(owns) / total:.2f} ms of a processor a frame, that is "
            f"{options.processes * total / sum(owns):.0f} frames/s on {options.processes} free ones; "
            f"at most {max(peaks):.0f} MB a process"
        )


if __name__ == "__main__":
    main()
