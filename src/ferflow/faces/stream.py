"""Detect, track, verify, crop: a stream of frames in, a stream of faces out, one frame in memory at a time.

As in the thesis (section 3.2.1) Haar finds the face in the first frames, the box is extended at the chin
and a tracker follows it. Departures: where Haar finds nobody another detector may (`faces.detector`); every
frame's box is checked by the landmark network's face score, since trackers report success on frames without
a face; a lost face is searched for again; and a box that has drifted away from the landmarks is set back on
them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferflow.errors import InputError
from ferflow.faces.boxes import clip_to, cropped, extend_chin, overlap
from ferflow.faces.detect import Detector, HaarCascade, detectors
from ferflow.faces.landmarks import N_LANDMARKS, LandmarkNet, lean, region_of_box
from ferflow.faces.track import FaceTracker
from ferflow.faces.video import is_blank
from ferflow.settings import Faces

ANCHORS = (33, 133, 362, 263, 168, 6)
"""Eye corners and the bridge of the nose: landmarks that no expression moves, by which a box is placed."""
LOOKS = 4
"""At a face that was found anew, after the one in the detector's box: then its region stays where it is."""
SAME_FACE = 0.3
"""Overlap from which two boxes are hits on the same face."""
HAAR_PLACE = np.array([0.0, 0.55, 5.6, 5.6])
"""Where Haar's box lies on a face (see `relative_to_anchors`): the median over real and rendered faces. Other
detectors' boxes are drawn otherwise; theirs are placed so, and crops show the same whoever found the face."""


@dataclass(frozen=True)
class FaceFrame:
    """One frame and the face in it.

    `box` x y w h float32 [4], `landmarks` float32 [468,3], both in source pixels and NaN where not
    `tracked`; `score` is the landmark network's logit (NaN where nothing was looked at); `crop` is RGB
    uint8 [size,size,3], zeros where not tracked. `blank`: it shows nothing, and was not searched.
    """

    index: int
    frame: np.ndarray
    box: np.ndarray
    tracked: bool
    landmarks: np.ndarray
    score: float
    crop: np.ndarray
    blank: bool = False


@dataclass(frozen=True)
class Sighting:
    """The landmark network's result for one place of a frame."""

    landmarks: np.ndarray
    score: float


class Stream(ABC):
    """Follows one face through a clip. `where` names the clip in messages."""

    def __init__(self, settings: Faces, where: str | Path) -> None:
        self.settings, self.where = settings, where
        self._tracker = FaceTracker(settings.tracker)
        self.reset()

    def reset(self) -> None:
        """Forget the face, before another clip."""
        self.index = 0
        self.detections = 0  # how often a face was found by searching the whole frame
        self._following = False
        self._searched = 0  # frames in a row without a face, blank ones aside

    def run(self, frames: Iterable[np.ndarray]) -> Iterator[FaceFrame]:
        """The faces of `frames`, RGB uint8 [H,W,3] each, from a fresh start."""
        self.reset()
        for frame in frames:
            yield self.step(frame)

    @abstractmethod
    def step(self, frame: np.ndarray) -> FaceFrame:
        """The face in the next frame.

        Raises InputError where several faces are found and `settings.several` is `error`.
        """

    def _next(self, box: np.ndarray | None, blank: bool) -> int:
        """Count a frame that was looked at; its number."""
        self.index += 1
        self._searched = 0 if box is not None else self._searched + (not blank)
        return self.index - 1

    def _face(
        self, frame: np.ndarray, index: int, box: np.ndarray | None, seen: Sighting | None, blank: bool
    ) -> FaceFrame:
        """The result for a frame with the face in `box` (None: without a face)."""
        size = self.settings.size
        return FaceFrame(
            index,
            frame,
            np.full(4, np.nan, np.float32) if box is None else box,
            box is not None,
            seen.landmarks if seen and box is not None else np.full((N_LANDMARKS, 3), np.nan, np.float32),
            float("nan") if seen is None else seen.score,
            np.zeros((size, size, 3), np.uint8) if box is None else cropped(frame, box, size),
            blank,
        )

    def _refuse_several(self, n_faces: int) -> None:
        if n_faces > 1 and self.settings.several == "error":
            problem = f"shows {n_faces} faces in frame {self.index}"
            raise InputError(self.where, problem, "cut it to one person or set faces.several to largest")


class FaceStream(Stream):
    """Finds the face by the detectors of the settings and checks it in every frame by its landmarks."""

    def __init__(self, weights_folder: str | Path, settings: Faces, where: str | Path = "clip") -> None:
        super().__init__(settings, where)
        self._net = LandmarkNet(weights_folder, settings.landmarks)
        self._detectors = detectors(
            settings.detector, settings.smallest, settings.smallest_network, weights_folder
        )

    @property
    def network(self) -> str:
        """Which landmark network looks: a row of `landmarks.REACH`."""
        return self._net.name

    @property
    def smallest(self) -> int:
        """Pixels, width of the smallest face that is looked for."""
        haar = self.settings.detector == "haar"
        return self.settings.smallest if haar else self.settings.smallest_network

    def reset(self) -> None:
        super().reset()
        self.recentred = 0  # how often a drifted box was set back
        self.crowd = (1, 0)  # the most faces that a search has seen, and the frame where it did first
        self._last: np.ndarray | None = None  # the box in the last frame with the face
        self._place = np.zeros(4)  # the box relative to the anchors, at detection
        self._region_place = np.zeros(4)  # the same of what the landmark network sees
        self._region = np.zeros(5)  # where that is now: centre, width, height, angle
        self._unsure = 0  # frames in a row with a low score

    def step(self, frame: np.ndarray) -> FaceFrame:
        box, sighting = self._follow(frame) if self._following else (None, None)
        blank = box is None and is_blank(frame)
        if not (box is not None or blank or self._following):
            box, fresh = self._search(frame)
            sighting = fresh or sighting
        self._last = self._last if box is None else box
        return self._face(frame, self._next(box, blank), box, sighting, blank)

    def _search(self, frame: np.ndarray) -> tuple[np.ndarray | None, Sighting | None]:
        """Find a face anew; a hit counts only where the landmark network sees a face too."""
        # After the first frames the search goes on in every frame, but a thorough one only now and then.
        turn, every = divmod(self._searched, self.settings.search_frames)
        quick = turn > 0 and every > 0
        seen: list[tuple[np.ndarray, Sighting]] = []
        best = None
        for detector in self._detectors:
            faces, sighting = self._confirmed(frame, detector, quick, seen)
            seen += faces
            best = sighting if best is None or (sighting and sighting.score > best.score) else best
            if seen and self.settings.several == "largest":
                break
        if not seen:
            return None, best
        if len(seen) > self.crowd[0]:
            self.crowd = (len(seen), self.index)
        self._refuse_several(len(seen))
        hit, sighting = self._same_person(seen)
        height, width = frame.shape[:2]
        box = clip_to(extend_chin(hit, self.settings.extend), width, height)
        self.detections += 1
        self._start(frame, box, sighting)
        return box, sighting

    def _confirmed(
        self, frame: np.ndarray, detector: Detector, quick: bool, known: list[tuple[np.ndarray, Sighting]]
    ) -> tuple[list[tuple[np.ndarray, Sighting]], Sighting | None]:
        """Faces that `detector` finds and the landmark network sees, beside those `known`: box and sighting.

        The largest come first. The second is the best sighting.
        """
        hits = detector.find(frame, quick)
        seen: list[tuple[np.ndarray, Sighting]] = []
        best = None
        for row in hits.largest_first():
            least = self.settings.found_logit
            sighting = self._look_closely(frame, hits.boxes[row], detector.margin, hits.lean(row), least)
            best = sighting if best is None or sighting.score > best.score else best
            if sighting.score < least:
                continue
            haar = detector.name == "haar"
            box = hits.boxes[row] if haar else placed(HAAR_PLACE, sighting.landmarks)
            if any(overlap(box, other) > SAME_FACE for other, _ in known + seen):
                continue
            seen.append((box, sighting))
        return seen, best

    def _same_person(self, seen: list[tuple[np.ndarray, Sighting]]) -> tuple[np.ndarray, Sighting]:
        """Of faces, the largest first, the one nearest to where the face was last; at first the largest."""
        if self._last is None:
            return seen[0]
        last = self._last[:2] + self._last[2:] / 2
        return min(seen, key=lambda one: float(np.hypot(*(one[0][:2] + one[0][2:] / 2 - last))))

    def _look_closely(
        self, frame: np.ndarray, box: np.ndarray, margin: float, angle: float, least: float
    ) -> Sighting:
        """The face in a box: first by the box, then by the landmarks that were found before.

        The looks end with one that scores below `least`, the first one with what a lost face scores.
        """
        sighting = self._look(frame, region_of_box(box, margin, angle))
        bar = self.settings.lost_logit
        for _ in range(LOOKS):
            if sighting.score < bar:
                break
            sighting, bar = (
                self._look(frame, self._net.region(sighting.landmarks, self.settings.landmark_grow)),
                least,
            )
        return sighting

    def _follow(self, frame: np.ndarray) -> tuple[np.ndarray | None, Sighting | None]:
        box = self._tracker.follow(frame)
        sighting = self._look_again(frame, box)
        if sighting.score < self.settings.lost_logit:
            # No face in this frame; the tracker may have one in the next.
            self._unsure += 1
            self._following = box is not None and self._unsure < self.settings.lost_frames
            return None, sighting
        self._unsure = 0
        self._move_region(sighting.landmarks)
        expected = placed(self._place, sighting.landmarks)
        height, width = frame.shape[:2]
        if box is None or overlap(box, expected) < self.settings.drift_overlap:
            # The tracker failed or left the face, but the landmarks still have it.
            self.recentred += 1
            box = clip_to(expected, width, height)
            self._tracker.start(frame, box)
        return clip_to(box, width, height), sighting

    def _look_again(self, frame: np.ndarray, box: np.ndarray | None) -> Sighting:
        """Landmarks from the region that follows the face; from the box if that fails."""
        guided = self._look(frame, self._region)
        if guided.score >= self.settings.lost_logit or box is None:
            return guided
        plain = self._look_closely(frame, box, HaarCascade.margin, self._region[4], self.settings.lost_logit)
        return plain if plain.score > guided.score else guided

    def _look(self, frame: np.ndarray, region: np.ndarray) -> Sighting:
        return Sighting(*self._net(frame, region))

    def _start(self, frame: np.ndarray, box: np.ndarray, sighting: Sighting) -> None:
        self._tracker.start(frame, box)
        self._following, self._unsure = True, 0
        self._region = self._net.region(sighting.landmarks, self.settings.landmark_grow)
        upright = np.concatenate([self._region[:2] - self._region[2:4] / 2, self._region[2:4]])
        self._region_place = relative_to_anchors(upright, sighting.landmarks)
        self._place = relative_to_anchors(box, sighting.landmarks)

    def _move_region(self, landmarks: np.ndarray) -> None:
        """Let the landmark network's region follow the head, slowly.

        The network's answer depends on where its region lies: one that sits the same way on the face in every
        frame gives steady landmarks, one that shakes with the last landmarks' noise does not.
        """
        box = placed(self._region_place, landmarks)
        change = np.array([*(box[:2] + box[2:] / 2), *box[2:], lean(landmarks)]) - self._region
        change[4] = (change[4] + np.pi) % (2 * np.pi) - np.pi
        self._region = self._region + self.settings.landmark_follow * change


def _frame_of(landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and size of the anchors; with depth in the size, so that turning the head does not shrink it."""
    anchors = landmarks[list(ANCHORS)]
    centre = anchors.mean(0)
    return centre[:2], float(np.sqrt(((anchors - centre) ** 2).sum(1).mean()))


def relative_to_anchors(box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """`box` relative to the anchors of `landmarks`; its centre as seen by a face that leans."""
    centre, size = _frame_of(landmarks)
    return np.concatenate([_turned(box[:2] + box[2:] / 2 - centre, -lean(landmarks)) / size, box[2:] / size])


def placed(place: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The upright box that lies on `landmarks` as the first one lay on its own."""
    centre, size = _frame_of(landmarks)
    centre = centre + _turned(place[:2], lean(landmarks)) * size
    return np.concatenate([centre - place[2:] * size / 2, place[2:] * size]).astype(np.float32)


def _turned(point: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * point[0] - sin * point[1], sin * point[0] + cos * point[1]])
