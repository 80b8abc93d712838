"""From a camera or video to smoothed probabilities: one thread finds faces, another runs the network.

OpenCV and torch release Python's global lock while they compute, so two threads keep two processors busy.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from ferflow.apps.models import Single
from ferflow.faces.boxes import cropped
from ferflow.faces.haar import HaarStream

AHEAD = 2
"""Frames that may wait for the network: more would only delay what is shown."""
STAGES = ("decode", "detect", "crop", "network", "smooth")
FINDING = STAGES[:3]
"""The stages of the first thread; the others are the second's."""


@dataclass(frozen=True)
class Seen:
    """One frame, RGB uint8 [H,W,3]; the face's box [4] and smoothed probabilities [K], or None for both."""

    frame: np.ndarray
    box: np.ndarray | None
    shares: np.ndarray | None


class Smoother:
    """A running mean in which the newest probabilities weigh `weight`; a lost face restarts it."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._mean: np.ndarray | None = None

    def __call__(self, shares: np.ndarray | None) -> np.ndarray | None:
        """The mean [K] with `shares` [K] in it; None where there is no face."""
        if shares is None or self._mean is None:
            self._mean = shares
        else:
            self._mean = self.weight * shares + (1 - self.weight) * self._mean
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
            shares = None
            if crop is not None:
                with stopwatch.time("network"):
                    shares = model.frames(crop[None])[1][0]
            with stopwatch.time("smooth"):
                shares = smooth(shares)
            yield Seen(frame, box, shares)
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
