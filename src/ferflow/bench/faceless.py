"""False faces: how often one is tracked in generated cluttered scenes and in videos without a face.

python -m ferflow.bench.faceless [params.yaml] [VIDEO ...] [--scenes 500] [--seed N] [--detector auto haar]

Each scene is searched like a clip's first frame; each VIDEO is followed as in the `faces` step. Tracked
faces are counted. The scenes hold textures, blobs, ellipses, boxes, checks, shapes of the colour of skin
with dark spots, and text; they are the same for the same seed. No face is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ferflow import layout, settings
from ferflow.apps.terminal import arguments, errors_in_one_line
from ferflow.faces.detect import DETECTORS
from ferflow.faces.quiet import opencv
from ferflow.faces.stream import FaceStream
from ferflow.faces.video import open_clip

SIZES = ((360, 270), (640, 480), (1280, 720))
"""Width and height of the scenes, pixels, in turn."""
SKIN = np.array(((224, 172, 105), (141, 85, 36), (255, 219, 172), (198, 134, 66)))
"""Colours of skin, RGB."""
WORDS = ("EXIT", "open 24h", "face", "No. 7", "o_o", ":-)", "8)", "STOP", "(..)")


def scene(seed: int, number: int) -> np.ndarray:
    """A cluttered picture without a face, RGB uint8 [H,W,3]."""
    rng = np.random.default_rng((seed, number))
    width, height = SIZES[number % len(SIZES)]
    picture = _texture(rng, height, width)
    for _ in range(int(rng.integers(6, 25))):
        THINGS[int(rng.integers(len(THINGS)))](picture, rng)
    noise = rng.normal(0, rng.uniform(0, 8), picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Smooth noise of a random grain between two colours."""
    cv2 = opencv()
    grain = int(rng.integers(2, 60))
    small = rng.random((height // grain + 2, width // grain + 2, 1)).astype(np.float32)
    share = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    low, high = _colour(rng), _colour(rng)
    return np.clip(low + share * (high - low), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> np.ndarray:
    return SKIN[rng.integers(len(SKIN))] if rng.random() < 0.3 else rng.integers(0, 256, 3)


def _place(picture: np.ndarray, rng: np.random.Generator) -> tuple[tuple[int, int], int, tuple[int, ...]]:
    """Where a thing is put, how large it is, pixels, and its colour."""
    height, width = picture.shape[:2]
    size = int(np.exp(rng.uniform(np.log(10), np.log(0.4 * height))))
    at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
    return at, size, tuple(int(c) for c in _colour(rng))


def _ellipse(picture: np.ndarray, rng: np.random.Generator) -> None:
    at, size, colour = _place(picture, rng)
    axes = (size // 2 + 1, int(size * rng.uniform(0.3, 1)) + 1)
    opencv().ellipse(picture, at, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)


def _box(picture: np.ndarray, rng: np.random.Generator) -> None:
    (x, y), size, colour = _place(picture, rng)
    opencv().rectangle(picture, (x, y), (x + size, y + int(size * rng.uniform(0.3, 2))), colour, -1)


def _checks(picture: np.ndarray, rng: np.random.Generator) -> None:
    (x, y), size, colour = _place(picture, rng)
    step = max(2, size // int(rng.integers(2, 9)))
    part = picture[y : y + size, x : x + size]
    rows, columns = np.indices(part.shape[:2]) // step
    part[(rows + columns) % 2 == 0] = colour


def _blob(picture: np.ndarray, rng: np.random.Generator) -> None:
    cv2 = opencv()
    (x, y), size, colour = _place(picture, rng)
    part = picture[y : y + size, x : x + size]
    rows, columns = np.indices(part.shape[:2]) - size / 2
    share = np.exp(-(rows**2 + columns**2) / (0.15 * size**2))[..., None]
    part[:] = cv2.convertScaleAbs(part * (1 - share) + np.array(colour) * share)


def _skin(picture: np.ndarray, rng: np.random.Generator) -> None:
    """An ellipse of the colour of skin, with up to three dark spots wherever they fall."""
    cv2 = opencv()
    (x, y), size, _ = _place(picture, rng)
    skin = tuple(int(c) for c in SKIN[rng.integers(len(SKIN))])
    axes = (size // 2 + 2, int(rng.uniform(0.4, 0.7) * size) + 2)
    cv2.ellipse(picture, (x, y), axes, float(rng.normal(0, 40)), 0, 360, skin, -1)
    for _ in range(int(rng.integers(0, 4))):
        spot = (x + int(rng.uniform(-0.5, 0.5) * size), y + int(rng.uniform(-0.5, 0.5) * size))
        spread = [int(rng.uniform(0.02, 0.12) * size) + 1 for _ in range(2)]
        cv2.ellipse(picture, spot, spread, float(rng.uniform(0, 180)), 0, 360, (40, 25, 25), -1)


def _text(picture: np.ndarray, rng: np.random.Generator) -> None:
    at, size, colour = _place(picture, rng)
    word = WORDS[int(rng.integers(len(WORDS)))]
    opencv().putText(picture, word, at, int(rng.integers(0, 8)), size / 30, colour, max(1, size // 20))


THINGS: tuple[Callable[[np.ndarray, np.random.Generator], None], ...] = (
    _ellipse,
    _box,
    _checks,
    _blob,
    _skin,
    _text,
)


def seen(stream: FaceStream, n_scenes: int, seed: int) -> list[int]:
    """The numbers of the scenes in which `stream` tracks a face."""
    return [k for k in range(n_scenes) if next(stream.run([scene(seed, k)])).tracked]


def main() -> None:
    """Measure and print."""
    parser = arguments("ferflow.bench.faceless", __doc__)
    parser.add_argument("videos", nargs="*", type=Path, help="videos to follow, and params.yaml")
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20260)
    parser.add_argument("--detector", nargs="+", choices=DETECTORS, default=["auto"])
    parser.add_argument("--weights-folder", default=layout.WEIGHTS)
    options = parser.parse_args()
    with errors_in_one_line():
        files = [path for path in options.videos if path.suffix in (".yaml", ".yml")]
        chosen = settings.load(*(files or [Path("params.yaml")])).faces
        for name in options.detector:
            stream = FaceStream(options.weights_folder, chosen.model_copy(update={"detector": name}))
            false = seen(stream, options.scenes, options.seed)
            count = f"{len(false)} of {options.scenes}"
            print(f"{name}: a face in {count} scenes without one {false}", flush=True)
            for path in options.videos:
                if path not in files:
                    faces = [face.tracked for face in stream.run(open_clip(path, chosen.missing_frames))]
                    where = np.flatnonzero(faces)
                    course = f", from {where[0]} to {where[-1]}" if len(where) else ""
                    print(f"{name}: {path.name}: a face in {sum(faces)} of {len(faces)} frames{course}")


if __name__ == "__main__":
    main()
