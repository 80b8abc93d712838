"""Time the way from a camera or video to probabilities: decode, detect the face, crop, network, smooth.

python -m ferflow.apps.benchmark VIDEO [--model FILE] [--frames 500] [--out benchmarks/speed.csv]

VIDEO is a file, or a camera's number. A file is first brought to 640x480 (a camera is taken as it comes) and
then played over and over. The model is a network for single images, by default the one that ships. Two
threads are used, each on one processor: one for faces, one for the network. Two ways are measured: the
cascade on every whole frame, as in the compact study (Dao 2021, section 5.2: up to 10 frames a second), and
every few frames with a tracker in between (`haar` of `settings.watching`).

OpenCV and torch release Python's global lock while they compute, so that the threads run at the same time.
Besides the wall clock it prints the processor time of each stage, which other work on the machine disturbs
less, and how many frames a second those times allow where both processors are free. --out writes the wall
clock's figures as the table that the compact study shows (.csv, schema `speed`), or everything (.json).
"""

from __future__ import annotations

import json
import os
import platform
import queue
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ferflow import settings, tables, weights
from ferflow.apps.models import Single
from ferflow.apps.sink import frame_sink
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.faces.boxes import cropped
from ferflow.faces.haar import HaarStream
from ferflow.faces.quiet import opencv
from ferflow.faces.video import Clip, open_clip
from ferflow.files import write_text

if TYPE_CHECKING:
    from rich.console import Console

AHEAD = 2
"""Frames that may wait for the network: more would only delay what is shown."""
STAGES = ("decode", "detect", "crop", "network", "smooth")
FINDING = STAGES[:3]
"""The stages of the first thread; the others are the second's."""
SIZE = (640, 480)
"""Width and height, pixels."""
PUBLISHED = 10.0
"""Frames a second (Dao 2021, section 5.2: no GPU, Haar cascade)."""
WARM_UP = 20
"""Frames that are not timed."""


@dataclass(frozen=True)
class Seen:
    """One frame, RGB uint8 [H,W,3]; the face's box [4] and smoothed probabilities [K], or None for both."""

    frame: np.ndarray
    box: np.ndarray | None
    probabilities: np.ndarray | None


class Smoother:
    """A running mean in which the newest probabilities weigh `weight`; a lost face restarts it."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._mean: np.ndarray | None = None

    def __call__(self, probabilities: np.ndarray | None) -> np.ndarray | None:
        """The mean [K] with `probabilities` [K] in it; None where there is no face."""
        if probabilities is None or self._mean is None:
            self._mean = probabilities
        else:
            self._mean = self.weight * probabilities + (1 - self.weight) * self._mean
        return self._mean


class Stopwatch:
    """Processor seconds that each stage has taken, in whichever thread it ran."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        begin = time.thread_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.thread_time() - begin


def watch(
    frames: Iterable[np.ndarray],
    stream: HaarStream,
    model: Single,
    smoothing: float,
    stopwatch: Stopwatch | None = None,
) -> Iterator[Seen]:
    """The faces in `frames`, RGB uint8 [H,W,3] each, and their probabilities by `model`, in order.

    Errors while decoding or detecting are raised here. Stopping early stops the other thread too.
    """
    stopwatch = stopwatch or Stopwatch()
    smooth = Smoother(smoothing)
    results: queue.Queue = queue.Queue(AHEAD)
    stop = threading.Event()
    finder = threading.Thread(
        target=_find, args=(iter(frames), stream, stopwatch, results, stop), name="faces", daemon=True
    )
    finder.start()
    try:
        while (item := results.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            frame, box, crop = item
            probabilities = None
            if crop is not None:
                with stopwatch.time("network"):
                    probabilities = model.frames(crop[None])[1][0]
            with stopwatch.time("smooth"):
                probabilities = smooth(probabilities)
            yield Seen(frame, box, probabilities)
    finally:
        stop.set()
        while finder.is_alive():  # it may wait for a place in the queue
            with suppress(queue.Empty):
                results.get_nowait()
            finder.join(0.01)


def _find(
    frames: Iterator[np.ndarray],
    stream: HaarStream,
    stopwatch: Stopwatch,
    results: queue.Queue,
    stop: threading.Event,
) -> None:
    """Put (frame, box, crop) of every frame into `results`, then None, or the exception that was raised."""
    stream.reset()
    last: BaseException | None = None
    try:
        while not stop.is_set():
            with stopwatch.time("decode"):
                frame = next(frames, None)
            if frame is None:
                break
            with stopwatch.time("detect"):
                box = stream.locate(frame)
            crop = None
            if box is not None:
                with stopwatch.time("crop"):
                    crop = cropped(frame, box, stream.settings.size)
            results.put((frame, box, crop))
    except Exception as error:  # raised again in the other thread
        last = error
    results.put(last)


def measure(clip: Clip, model: Single, interval: int, n_frames: int) -> dict[str, object]:
    """Watch `n_frames` of `clip` with the cascade at every `interval`-th frame; JSON values.

    `fps` by the wall clock; `free_fps` what the busier thread's own time allows; `stages` gives milliseconds
    of a processor per frame.
    """
    watching = settings.watching()
    haar = watching.haar.model_copy(update={"interval": interval})

    def faces_in(n: int, stopwatch: Stopwatch) -> int:
        stream = HaarStream(model.faces, haar, clip.source)
        looped = islice(chain.from_iterable(repeat(clip)), n)
        frames = watch(looped, stream, model, watching.smoothing, stopwatch)
        return sum(frame.probabilities is not None for frame in frames)

    faces_in(WARM_UP, Stopwatch())
    stopwatch, begin = Stopwatch(), time.perf_counter()
    faces = faces_in(n_frames, stopwatch)
    wall = time.perf_counter() - begin
    stages = {stage: 1000 * stopwatch.seconds[stage] / n_frames for stage in STAGES}
    finding = sum(stages[stage] for stage in FINDING)
    return {
        "interval": interval,
        "frames": n_frames,
        "faces": faces,
        "fps": n_frames / wall,
        "free_fps": 1000 / max(finding, sum(stages.values()) - finding),
        "stages": stages,
    }


def scaled(source: Path, folder: Path, n_frames: int) -> Path:
    """A video in `folder` of the first `n_frames` of `source`, brought to 640x480.

    It is MPEG-4, which costs about as much to decode as what cameras and telephones write.
    """
    clip = open_clip(source)
    path = folder / "scaled.mp4"
    with frame_sink(path, clip.info.fps) as sink:
        for frame in islice(clip, n_frames):
            sink.add(opencv().resize(frame, SIZE, interpolation=opencv().INTER_AREA))
    return path


def show(console: Console, report: dict) -> None:
    """Print a report of `run`."""
    from rich import box
    from rich.table import Table

    ways = report["ways"]
    console.print(f"{report['model']} on {report['video']}, {report['width']}x{report['height']}")
    console.print(f"machine: {report['machine']}, {report['processors']} processors", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("processor time a frame")
    for way in ways:
        title = "every frame" if way["interval"] == 1 else f"every {way['interval']}th, tracked"
        table.add_column(f"cascade:\n{title}", justify="right")
    for stage in STAGES:
        cells = []
        for way in ways:
            taken, whole = way["stages"][stage], sum(way["stages"].values())
            cells.append(f"{taken:.2f} ms {f'{100 * taken / whole:.0f} %':>4}")
        table.add_row(stage, *cells)
    table.add_section()
    table.add_row("frames a second, measured", *(f"{way['fps']:.1f}" for way in ways))
    table.add_row("  on two free processors", *(f"{way['free_fps']:.1f}" for way in ways))
    table.add_row("  times the paper's 10", *(f"{way['fps'] / PUBLISHED:.1f}" for way in ways))
    table.add_row("frames with a face", *(f"{way['faces']}/{way['frames']}" for way in ways))
    console.print(table)


def run(video: str, model: Path | None, n_frames: int) -> dict[str, object]:
    """Measure both ways; JSON values. FerflowError for a bad video, or a model with a head."""
    import torch

    torch.set_num_threads(1)  # the second processor is for the faces
    network = Single(weights.shipped() if model is None else model)
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder:
        camera = video.isdigit() and not Path(video).exists()
        clip = open_clip(int(video) if camera else scaled(Path(video), Path(folder), n_frames))
        ways = [measure(clip, network, n, n_frames) for n in (1, settings.watching().haar.interval)]
    return {
        "video": video,
        "width": clip.info.width,
        "height": clip.info.height,
        "model": str(network.path),
        "machine": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "ways": ways,
    }


def write(path: Path, report: dict) -> None:
    """Write a report of `run` to a .json file, or its frames a second to a .csv (the tracked way first)."""
    import pandas as pd

    if path.suffix.lower() != ".csv":
        write_text(path, json.dumps(report, indent=2) + "\n")
        return
    size = f"{report['width']}x{report['height']}; {report['processors']} processors"
    rows = []
    for way in sorted(report["ways"], key=lambda way: -way["interval"]):
        n = way["interval"]
        how = "every frame" if n == 1 else f"every {n}th frame, tracked in between"
        note = f"cascade at {how}; {Path(report['video']).name}, {size}"
        rows.append({"fps": round(way["fps"], 2), "note": note})
    tables.write(pd.DataFrame(rows), path, "speed")


def main() -> None:
    """Measure, print, and write to --out."""
    from rich.console import Console

    parser = arguments("ferflow.apps.benchmark", __doc__)
    parser.add_argument("video")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.frames < 1:
        parser.error("--frames must be at least 1")
    if options.out is not None and options.out.suffix.lower() not in (".csv", ".json"):
        parser.error("--out must end in .csv or .json")
    with errors_in_one_line("benchmark"):
        report = run(options.video, options.model, options.frames)
        if options.out is not None:
            write(options.out, report)
    show(Console(), report)


if __name__ == "__main__":
    main()
