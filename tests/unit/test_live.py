"""Frames through two threads: order, smoothing, errors, an early end; and the benchmark's arithmetic."""

from __future__ import annotations

import json
import sys
import threading

import numpy as np
import pytest
import torch

from ferflow import tables
from ferflow.apps import benchmark
from ferflow.apps.benchmark import STAGES, Smoother, Stopwatch, watch
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import InputError
from ferflow.faces.video import open_clip
from ferflow.models import spatial


class Faces:
    """In place of HaarStream: a face in every frame but those that are black."""

    class settings:
        size = 8

    def reset(self):
        pass

    def locate(self, frame):
        return np.array([0, 0, 4, 4], np.float32) if frame.any() else None


class Brightness:
    """In place of a network: two classes, the share of the crop's brightness and the rest."""

    def frames(self, crops):
        bright = crops.mean((1, 2, 3)) / 255
        return None, np.stack([bright, 1 - bright], 1)


def frames(*values):
    return [np.full((6, 6, 3), value, np.uint8) for value in values]


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "faces"]


def test_frames_come_in_order_smoothed_and_anew_after_a_lost_face():
    seen = list(watch(frames(255, 51, 0, 51, 51), Faces(), Brightness(), 0.25))
    assert [one.frame[0, 0, 0] for one in seen] == [255, 51, 0, 51, 51]
    first = [None if one.probabilities is None else one.probabilities[0] for one in seen]
    assert first == pytest.approx([1, 0.25 * 0.2 + 0.75 * 1, None, 0.2, 0.2])
    assert seen[2].box is None and seen[3].box.tolist() == [0, 0, 4, 4]
    assert not threads()


def test_a_weight_of_one_does_not_smooth():
    smooth = Smoother(1.0)
    assert [float(smooth(np.array([v]))[0]) for v in (0.1, 0.9)] == [0.1, 0.9]


def test_an_error_of_the_other_thread_is_raised_here_after_what_came_before():
    def broken():
        yield from frames(255, 255)
        raise InputError("a.mp4", "is cut in the middle", "copy it again")

    seen = []
    with pytest.raises(InputError, match="cut in the middle"):
        seen.extend(watch(broken(), Faces(), Brightness(), 0.5))
    assert not threads()


def test_who_stops_early_stops_the_other_thread_too():
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield frames(255)[0]

    seen = watch(endless(), Faces(), Brightness(), 0.5)
    for _ in range(3):
        next(seen)
    seen.close()
    assert not threads() and len(asked) <= 3 + benchmark.AHEAD + 3


def test_the_stopwatch_counts_each_stage():
    stopwatch = Stopwatch()
    list(watch(frames(*[255] * 20), Faces(), Brightness(), 0.5, stopwatch))
    assert set(stopwatch.seconds) == set(STAGES) and all(v > 0 for v in stopwatch.seconds.values())


def test_the_table_of_the_benchmark(tmp_path, capsys):
    from rich.console import Console

    stages = dict(zip(STAGES, (1.0, 3.0, 0.5, 4.0, 0.1), strict=True))
    way = {"frames": 300, "faces": 299, "fps": 150.04, "free_fps": 222.2, "stages": stages}
    ways = [way | {"interval": 1, "fps": 20}, way | {"interval": 5}]
    report = {"model": "m.pt", "video": "v.mp4", "width": 640, "height": 480, "machine": "x", "processors": 2}
    benchmark.show(Console(width=80), report | {"ways": ways})
    said = capsys.readouterr().out
    benchmark.write(tmp_path / "speed.csv", report | {"ways": ways})
    written = tables.read(tmp_path / "speed.csv", "speed")
    assert written["fps"].tolist() == [150.04, 20]
    assert (
        written["note"][0] == "cascade at every 5th frame, tracked in between; v.mp4, 640x480; 2 processors"
    )
    assert "every 5th, tracked" in said and "4.00 ms 47 %" in said
    assert "150.0" in said and "15.0" in said and "2.0" in said and "299/300" in said


@pytest.mark.wheel
def test_the_benchmark_on_a_real_video(real_faces, tmp_path, monkeypatch, capsys):
    model, out, threads = tmp_path / "m.pt", tmp_path / "b.json", torch.get_num_threads()
    spatial.save(model, spatial.build("compact", 7), EMOTIONS_NEUTRAL, {"synthetic": False})
    arguments = [str(real_faces / "single_face.mp4"), "--model", str(model), "--frames", "60"]
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, "--out", str(out)])
    try:
        benchmark.main()
    finally:
        torch.set_num_threads(threads)
    found = json.loads(out.read_text())
    assert (found["width"], found["height"]) == (640, 480)
    every, tracked = found["ways"]
    assert (every["interval"], tracked["interval"], tracked["faces"]) == (1, 5, 60)
    assert every["stages"]["detect"] > 3 * tracked["stages"]["detect"]
    assert every["stages"]["network"] == pytest.approx(tracked["stages"]["network"], rel=1)
    finding = sum(tracked["stages"][stage] for stage in benchmark.FINDING)
    assert tracked["free_fps"] <= 1000 / finding + 1e-9
    assert "frames a second, measured" in capsys.readouterr().out


def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark", str(tmp_path / "gone.mp4"), "--model", "gone.pt"])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith("benchmark: error: gone.pt: does not exist")


@pytest.mark.wheel
def test_a_scaled_video_has_the_frames_asked_for(real_faces, tmp_path):
    clip = open_clip(benchmark.scaled(real_faces / "single_face.mp4", tmp_path, 12))
    assert (clip.info.width, clip.info.height, sum(1 for _ in clip)) == (640, 480, 12)
