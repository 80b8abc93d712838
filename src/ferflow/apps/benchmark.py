"""How fast a camera or video becomes probabilities: decode, find the face, crop, ask the network, smooth.

python -m ferflow.apps.benchmark VIDEO [--model FILE] [--frames 500] [--out benchmarks/speed.csv]

VIDEO is a file, or a camera's number. A file is first brought to 640x480 (a camera is taken as it comes) and
then played over and over. The model is a network for single images, without --model the one that ships. Two
threads are used, each on one processor: faces in one, the network in the other. Both ways are measured: the
cascade over every whole frame, as in the compact study (Dao 2021, section 5.2: up to 10 frames a second), and
every few frames with a tracker in between (`haar` in resources/watching.yaml).

Beside the wall clock it prints each stage's own time on a processor, which other work on the machine disturbs
less, and how many frames a second those times allow where both processors are free. --out writes the wall
clock's figures as the table that the compact study shows (.csv, schema `speed`), or everything (.json).
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ferflow import settings, tables, weights
from ferflow.apps.live import FINDING, STAGES, Stopwatch, watch
from ferflow.apps.models import Single
from ferflow.apps.sink import frame_sink
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.faces.haar import HaarStream
from ferflow.faces.quiet import opencv
from ferflow.faces.video import Clip, open_clip
from ferflow.files import write_text

if TYPE_CHECKING:
    from rich.console import Console

SIZE = (640, 480)
"""Width and height, pixels."""
PUBLISHED = 10.0
"""Frames a second (Dao 2021, section 5.2: no GPU, Haar cascade)."""
WARM_UP = 20
"""Frames that are not timed."""


def measure(clip: Clip, model: Single, interval: int, n_frames: int) -> dict[str, object]:
    """Watch `n_frames` of `clip` with the cascade at every `interval`-th frame; JSON values.

    `fps` by the wall clock; `free_fps` what the busier thread's own time allows; `stages` gives milliseconds
    of a processor per frame.
    """
    watching = settings.watching()
    haar = watching.haar.model_copy(update={"interval": interval})

    def seen(n: int, stopwatch: Stopwatch) -> int:
        stream = HaarStream(model.faces, haar, clip.source)
        each = watch(repeated(clip, n), stream, model, watching.smoothing, stopwatch)
        return sum(one.shares is not None for one in each)

    seen(WARM_UP, Stopwatch())
    stopwatch, begin = Stopwatch(), time.perf_counter()
    faces = seen(n_frames, stopwatch)
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


def repeated(clip: Clip, n_frames: int) -> Iterator[np.ndarray]:
    """`clip` over and over until `n_frames` have come."""
    left = n_frames
    while left > 0:
        for frame in clip:
            yield frame
            left -= 1
            if left == 0:
                return


def scaled(source: Path, folder: Path, n_frames: int) -> Path:
    """A video in `folder` of the first `n_frames` of `source`, brought to 640x480.

    It is MPEG-4, which costs about as much to decode as what cameras and telephones write.
    """
    clip = open_clip(source)
    path = folder / "scaled.mp4"
    with frame_sink(path, clip.info.fps) as sink:
        for frame, _ in zip(clip, range(n_frames), strict=False):
            sink.add(opencv().resize(frame, SIZE, interpolation=opencv().INTER_AREA))
    return path


def show(console: Console, report: dict) -> None:
    """Print a report of `run`."""
    from rich import box
    from rich.table import Table

    console.print(f"{report['model']} on {report['video']}, {report['width']}x{report['height']}")
    console.print(f"machine: {report['machine']}, {report['processors']} processors", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("processor time a frame")
    for way in report["ways"]:
        title = "every frame" if way["interval"] == 1 else f"every {way['interval']}th, tracked"
        table.add_column(f"cascade:\n{title}", justify="right")
    for stage in STAGES:
        cells = [f"{w['stages'][stage]:.2f} ms {_share(w, stage):>4}" for w in report["ways"]]
        table.add_row(stage, *cells)
    table.add_section()
    for name, key in (("frames a second, measured", "fps"), ("  on two free processors", "free_fps")):
        table.add_row(name, *(f"{way[key]:.1f}" for way in report["ways"]))
    table.add_row("  times the paper's 10", *(f"{way['fps'] / PUBLISHED:.1f}" for way in report["ways"]))
    table.add_row("frames with a face", *(f"{way['faces']}/{way['frames']}" for way in report["ways"]))
    console.print(table)


def _share(way: dict, stage: str) -> str:
    return f"{100 * way['stages'][stage] / sum(way['stages'].values()):.0f} %"


def run(video: str, model: Path | None, n_frames: int) -> dict[str, object]:
    """Measure both ways; JSON values. FerflowError for a bad video, or a model with a head."""
    import torch

    torch.set_num_threads(1)  # the second processor is for the faces
    asked = Single(weights.shipped() if model is None else model)
    with tempfile.TemporaryDirectory(prefix="ferflow-") as folder:
        camera = video.isdigit() and not Path(video).exists()
        clip = open_clip(int(video) if camera else scaled(Path(video), Path(folder), n_frames))
        ways = [measure(clip, asked, n, n_frames) for n in (1, settings.watching().haar.interval)]
    return {
        "video": video,
        "width": clip.info.width,
        "height": clip.info.height,
        "model": str(asked.path),
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
    place = f"{Path(report['video']).name}, {report['width']}x{report['height']}"
    place += f"; {report['processors']} processors"
    rows = [
        {
            "fps": round(way["fps"], 2),
            "note": f"cascade at every frame; {place}"
            if way["interval"] == 1
            else f"cascade at every {way['interval']}th frame, tracked in between; {place}",
        }
        for way in sorted(report["ways"], key=lambda way: -way["interval"])
    ]
    tables.write(pd.DataFrame(rows), path, "speed")


def main() -> None:
    """Measure, print, and write what was asked."""
    from rich.console import Console

    parser = arguments("ferflow.apps.benchmark", __doc__)
    parser.add_argument("video")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.frames < 1:
        parser.error("--frames must be at least 1")
    if given.out is not None and given.out.suffix.lower() not in (".csv", ".json"):
        parser.error("--out must end in .csv or .json")
    with errors_in_one_line("benchmark"):
        report = run(given.video, given.model, given.frames)
        if given.out is not None:
            write(given.out, report)
    show(Console(), report)


if __name__ == "__main__":
    main()
