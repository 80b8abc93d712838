"""The distance of the landmarks from those of MediaPipe's FaceLandmarker, on the user's clips.

python -m ferflow.bench.landmarks CLIPS_FOLDER --bundle face_landmarker.task [--every 8] [params.yaml ...]

Faces are followed in every frame, as in the `faces` step; MediaPipe sees every eighth frame alone.
Distances are between points of the same number, in % of the distance of the outer corners of the eyes. It
needs the wheel `mediapipe`, which is no dependency (`--site-packages` names a folder where one is
installed), and its bundle; without them it measures nothing and prints why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ferflow import layout, settings
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.datasets.synth4d import facemodel
from ferflow.errors import FerflowError
from ferflow.faces.landmarks import EYE_CORNERS, N_LANDMARKS
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import natural_key, open_clip
from ferflow.settings import Faces

REGIONS = {
    "all": range(N_LANDMARKS),
    "lips": sorted(
        {*facemodel.LIPS_OUTER_UPPER, *facemodel.LIPS_OUTER_LOWER}
        | {*facemodel.LIPS_INNER_UPPER, *facemodel.LIPS_INNER_LOWER}
    ),
    "chin": facemodel.OVAL[12:25],
    "eyes": sorted(set().union(*facemodel.EYE_UPPER.values(), *facemodel.EYE_LOWER.values())),
}
"""MediaPipe's numbers of the points in each."""
LIPS = (13, 14)
"""The inner edges of the upper and the lower lip, in the middle."""
Look = Callable[[np.ndarray], "np.ndarray | None"]


@dataclass(frozen=True)
class Seen:
    """One clip, its points by ferflow and by MediaPipe where both see a face: float32 [n,468,3], pixels."""

    clip: str
    frames: int
    blank: int
    tracked: int
    ferflow: np.ndarray
    mediapipe: np.ndarray


@contextmanager
def mediapipe(bundle: Path) -> Iterator[Look]:
    """A function from a frame to MediaPipe's landmarks float32 [468,3], or None where it sees no face.

    Raises FerflowError where the wheel or the bundle is missing.
    """
    if not bundle.is_file():
        raise FerflowError(bundle, "is not there: nothing measured", "`ferflow weights fetch blendshapes`")
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        remedy = "install it, or name its folder with --site-packages"
        raise FerflowError("mediapipe", f"cannot be imported ({error}): nothing measured", remedy) from None
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(bundle)))

    def look(frame: np.ndarray) -> np.ndarray | None:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        found = landmarker.detect(image).face_landmarks
        if not found:
            return None
        height, width = frame.shape[:2]
        points = [(point.x * width, point.y * height, point.z * width) for point in found[0][:N_LANDMARKS]]
        return np.array(points, np.float32)

    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        yield look


def watch(paths: list[Path], stream: FaceStream, look: Look, every: int) -> Iterator[Seen]:
    """Both landmark networks on each of the clips `paths`; `look` sees every `every`-th frame."""
    for path in paths:
        landmarks, reference = [], []
        frames = blank = tracked = 0
        for face in stream.run(open_clip(path, stream.settings.missing_frames)):
            frames, blank, tracked = frames + 1, blank + face.blank, tracked + face.tracked
            if face.index % every == 0 and face.tracked:
                points = look(face.frame)
                if points is not None:
                    landmarks.append(face.landmarks)
                    reference.append(points)
        shape = (-1, N_LANDMARKS, 3)
        both = np.reshape(landmarks, shape), np.reshape(reference, shape)
        yield Seen(path.stem, frames, blank, tracked, *both)


def distances(landmarks: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """By region the distances of its points [n,468,3], in % of that of the outer eye corners."""
    left, right = EYE_CORNERS
    eyes = np.linalg.norm(reference[:, left, :2] - reference[:, right, :2], axis=1)
    apart = 100 * np.linalg.norm(landmarks[..., :2] - reference[..., :2], axis=2) / eyes[:, None]
    return {name: apart[:, list(points)].ravel() for name, points in REGIONS.items()}


def gap(landmarks: np.ndarray) -> np.ndarray:
    """How far the lips are apart [n], in distances of the outer eye corners, of landmarks [n,468,3]."""
    (upper, lower), (left, right) = LIPS, EYE_CORNERS
    apart = np.linalg.norm(landmarks[:, upper, :2] - landmarks[:, lower, :2], axis=1)
    return apart / np.linalg.norm(landmarks[:, left, :2] - landmarks[:, right, :2], axis=1)


def lines(seen: list[Seen]) -> Iterator[str]:
    """The result as lines to print."""
    frames, blank = sum(one.frames for one in seen), sum(one.blank for one in seen)
    tracked, faced = sum(one.tracked for one in seen), sum(one.tracked > 0 for one in seen)
    share = 100 * tracked / max(1, frames - blank)
    yield (
        f"{faced} of {len(seen)} clips with a face; a face in {tracked} of {frames - blank} frames that are "
        f"not blank ({share:.2f} %; {blank} are blank)"
    )
    landmarks = np.concatenate([one.ferflow for one in seen])
    reference = np.concatenate([one.mediapipe for one in seen])
    if not len(landmarks):
        yield "no frame in which both see a face"
        return
    n_frames = len(landmarks)
    yield f"distance from MediaPipe's points, % of the outer eye corners' distance, in {n_frames} frames:"
    for name, values in distances(landmarks, reference).items():
        median, ninth = np.percentile(values, (50, 90))
        yield f"  {name:5} median {median:5.2f}, of nine in ten below {ninth:.2f}"
    gaps, wanted = gap(landmarks), gap(reference)
    if gaps.std() > 0 and wanted.std() > 0:
        slope = np.polyfit(wanted, gaps, 1)[0]
        yield f"gap of the lips: correlation {np.corrcoef(gaps, wanted)[0, 1]:.3f}, {slope:.2f} times as wide"


def main() -> None:
    """Measure and print."""
    parser = arguments("ferflow.bench.landmarks", __doc__)
    parser.add_argument("folder", type=Path, help="folder of clips (.mp4, .avi, .mov)")
    parser.add_argument("settings", nargs="*", default=["params.yaml"], help="params.yaml and study files")
    parser.add_argument("--bundle", type=Path, default=Path(layout.WEIGHTS) / "face_landmarker.task")
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--landmarks", choices=("wheel", "bundle"), help="our network (default: as set)")
    parser.add_argument("--site-packages", help="a folder in which mediapipe is installed")
    parser.add_argument("--weights-folder", default=layout.WEIGHTS)
    options = parser.parse_args()
    if options.site_packages:
        sys.path.append(options.site_packages)
    with errors_in_one_line():
        faces: Faces = settings.load(*options.settings).faces
        if options.landmarks:
            faces = faces.model_copy(update={"landmarks": options.landmarks})
        names = [path for path in options.folder.iterdir() if path.suffix in (".mp4", ".avi", ".mov")]
        stream = FaceStream(options.weights_folder, faces)
        paths = sorted(names, key=lambda path: natural_key(path.name))
        with mediapipe(options.bundle) as look:
            seen = list(watch(paths, stream, look, options.every))
        print(f"landmarks by: {stream.network}")
        print("\n".join(lines(seen)))


if __name__ == "__main__":
    main()
