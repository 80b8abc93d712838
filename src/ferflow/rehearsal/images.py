"""Fabricated sets of single images in their publishers' layouts: FER2013, KDEF, JAFFE, CK+, SFEW, AffectNet.

A few faces are rendered; images differ by noise, since a study leaves copies out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from ferflow.datasets import affectnet, ckplus, fer2013, jaffe, kdef, pixel_csv, sfew
from ferflow.datasets.scenes.write import TRUTH as SCENES_TRUTH
from ferflow.datasets.scenes.write import write_scenes
from ferflow.datasets.synth4d import affect, expression, facemodel, identity, stills
from ferflow.datasets.synth4d.clips import write_notice
from ferflow.datasets.synth4d.render import Renderer
from ferflow.files import atomic_write
from ferflow.settings import Stills, Synth4d
from ferflow.settings.affect import AffectSynthetic
from ferflow.settings.scenes import Scenes

SEED = 13
NOISE = 10
"""Grey levels by which images that show the same rendering differ at most."""
FER2013 = {
    "Training": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "PublicTest": (467, 56, 496, 895, 653, 415, 607),
    "PrivateTest": (491, 55, 528, 879, 594, 416, 626),
}
"""Images of each class, in the order of FER2013's codes: 35,887 in all."""
COPIES, BLANK = 0.04, 2400
"""Share of its training images that are copies of others, some of another class; every which one is grey."""
CKPLUS_SEQUENCES = {
    "angry": 45,
    "contempt": 18,
    "disgust": 59,
    "fear": 25,
    "happy": 69,
    "sad": 28,
    "surprise": 83,
}
CKPLUS_PEOPLE, CKPLUS_UNLABELLED, CKPLUS_FRAMES = 123, 266, 6
JAFFE_PEOPLE = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
AFFECT_RENDERED, AFFECT_LISTED = 600, 12_000
"""Images of AffectNet's training part that are rendered, and that are listed: links to those."""
AFFECT_SIZE, AFFECT_VALIDATION = 224, 40
"""Pixels of a side; images of each class in the validation part."""
SFEW_SCENES = Scenes(per_class=100, films=20, width=720, height=576)
"""The size of SFEW's images, 675 in all."""


def write_fer2013(path: Path, weights_folder: Path, share: float = 1.0) -> None:
    """FER2013's CSV at `path`, with its parts and as many images of each class, or a `share` of them.

    Some are exact copies and some one grey, as in the published file.
    """
    rng = np.random.default_rng(SEED)
    faces = _faces48(weights_folder)
    words = [str(level) for level in range(256)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_notice(path.parent)
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write("emotion,pixels,Usage\n")
        for usage, numbers in FER2013.items():
            codes = np.repeat(np.arange(7), [max(2, round(share * n)) for n in numbers])
            kept: list[str] = []
            for place, code in enumerate(rng.permutation(codes)):
                if usage == "Training" and kept and rng.random() < COPIES:
                    text = kept[int(rng.integers(len(kept)))]
                elif usage == "Training" and place % BLANK == BLANK - 1:
                    text = " ".join([words[int(rng.integers(256))]] * pixel_csv.SIZE**2)
                else:
                    face = faces[code][int(rng.integers(len(faces[code])))]
                    text = " ".join(map(words.__getitem__, _noisy(face, rng).ravel().tolist()))
                kept = [*kept[-50:], text]
                file.write(f"{code},{text},{usage}\n")


def _noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`image` uint8 in another light, with noise."""
    light = rng.uniform(0.8, 1.15)
    noise = rng.integers(-NOISE, NOISE + 1, image.shape, np.int16)
    return np.clip(image * light + noise, 0, 255).astype(np.uint8)


def _faces48(weights_folder: Path) -> list[np.ndarray]:
    """Rendered faces [n,48,48] of each class, by FER2013's codes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stills.csv")
        stills.write_stills(path, weights_folder, Stills(subjects=10, per_class=20), Synth4d(), SEED)
        rows = pixel_csv.read(path, 7, fer2013.USAGES, "")
    return [rows.images[rows.codes == code] for code in range(7)]


def _portraits(
    weights_folder: Path, width: int, height: int, people: int
) -> Iterator[tuple[int, str, np.ndarray]]:
    """A picture BGR [H,W,3] of each of so many people with each class; person and class first."""
    model = facemodel.load(weights_folder)
    still = np.zeros(len(model.names))
    for number in range(people):
        rng = np.random.default_rng((SEED, number))
        person = identity.draw(model, "male" if number % 2 else "female", rng)
        habit, renderer = expression.draw_habit(model, rng), Renderer(model, person, width, height)
        for emotion in fer2013.CODES:
            shown = expression.draw(emotion, habit, model, (0.8, 1.0), 0.0, 0.0, rng)
            yield number, emotion, renderer.frame(shown.strengths, np.zeros(3), np.zeros(2), still)


def write_kdef(root: Path, weights_folder: Path, people: int = 35) -> None:
    """KDEF: so many women and as many men, seven expressions, two sessions, five angles; 562×762."""
    rng = np.random.default_rng(SEED)
    faces = {(n, emotion): picture for n, emotion, picture in _portraits(weights_folder, 562, 762, 4)}
    write_notice(root)
    for sex, number, session in ((s, n, a) for s in "FM" for n in range(1, people + 1) for a in "AB"):
        folder = root / f"{session}{sex}{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        write_notice(folder)
        for code, emotion in kdef.CODES.items():
            face = faces[2 * (number % 2) + (sex == "M"), emotion]
            for angle in kdef.ANGLES:
                picture = cv2.convertScaleAbs(face, alpha=rng.uniform(0.8, 1.15), beta=rng.uniform(-9, 9))
                name = f"{session}{sex}{number:02d}{code}{angle}.JPG"
                _save(folder / name, picture, int(rng.integers(75, 95)))


def write_jaffe(root: Path, weights_folder: Path) -> None:
    """JAFFE: ten women, three grey pictures of 256×256 of each of seven expressions."""
    rng = np.random.default_rng(SEED)
    faces = {(n, emotion): picture for n, emotion, picture in _portraits(weights_folder, 256, 256, 2)}
    write_notice(root)
    numbers = count(1)
    for subject in JAFFE_PEOPLE:
        for code, emotion in jaffe.CODES.items():
            for take in (1, 2, 3):
                face = cv2.cvtColor(faces[0, emotion], cv2.COLOR_BGR2GRAY)
                _save(root / f"{subject}.{code}{take}.{next(numbers)}.tiff", _noisy(face, rng))


def write_ckplus(root: Path, weights_folder: Path) -> None:
    """CK+: 593 sequences of 123 people, from neutral to a peak; 327 have an emotion. Grey, 640×490."""
    rng = np.random.default_rng(SEED)
    faces: dict[str, np.ndarray] = {}
    for _, emotion, picture in _portraits(weights_folder, 640, 490, 1):
        faces[emotion] = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    faces["contempt"] = faces["disgust"]
    emotions = [name for name, n in CKPLUS_SEQUENCES.items() for _ in range(n)]
    emotions = [str(name) for name in rng.permutation([*emotions, *[""] * CKPLUS_UNLABELLED])]
    write_notice(root)
    for number, emotion in enumerate(emotions):
        subject, sequence = f"S{5 + number % CKPLUS_PEOPLE:03d}", f"{1 + number // CKPLUS_PEOPLE:03d}"
        folder = root / ckplus.IMAGES / subject / sequence
        folder.mkdir(parents=True, exist_ok=True)
        for frame in range(1, CKPLUS_FRAMES + 1):
            shown = faces[(emotion or "happy") if frame > CKPLUS_FRAMES // 2 else "neutral"]
            # The frames that a study takes differ from those of others.
            taken = frame == 1 or frame > CKPLUS_FRAMES - 3
            _save(folder / f"{subject}_{sequence}_{frame:08d}.png", _noisy(shown, rng) if taken else shown)
        if emotion:
            place = root / ckplus.LABELS / subject / sequence
            place.mkdir(parents=True, exist_ok=True)
            code = ckplus.SEQUENCE_CODES.index(emotion)
            name = f"{subject}_{sequence}_{CKPLUS_FRAMES:08d}_emotion.txt"
            (place / name).write_text(f"   {code:.7e}\n", encoding="utf-8")


def _save(path: Path, picture: np.ndarray, quality: int = 90) -> None:
    jpeg = path.suffix.lower() == ".jpg"
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if jpeg else []
    path.write_bytes(cv2.imencode(path.suffix.lower(), picture, options)[1].tobytes())


def write_sfew(root: Path, weights_folder: Path, scenes: Scenes = SFEW_SCENES) -> None:
    """SFEW: 675 scenes from films in a folder for each class, with the lists of the SPI protocol.

    Two files have two underscores before their last number, as two of the published ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_scenes(folder, weights_folder, scenes, Synth4d(), SEED)
        Path(folder, SCENES_TRUTH).unlink()
        renamed = {}
        for file in sorted(Path(folder, sfew.NAMES["happy"]).iterdir())[:2]:
            film, time, number = file.stem.split("_")
            renamed[file.name] = f"{film}_{time}__{number}{file.suffix}"
            file.rename(file.with_name(renamed[file.name]))
        for listed in (Path(folder, name) for name in sfew.LISTS.values()):
            text = listed.read_text(encoding="utf-8")
            for old, new in renamed.items():
                text = text.replace(old, new)
            listed.write_text(text, encoding="utf-8")
        shutil.copytree(folder, root, dirs_exist_ok=True)


def write_affectnet(
    root: Path, weights_folder: Path, rendered: int = AFFECT_RENDERED, listed: int = AFFECT_LISTED
) -> None:
    """AffectNet: train_set and val_set, crops of 224×224 with their annotations, which lists `listed` images.

    Beyond those that are `rendered`, training images are links to the same files.
    """
    own = AffectSynthetic(
        subjects=(24, 12), train=rendered, validation_per_class=AFFECT_VALIDATION, size=AFFECT_SIZE
    )
    affect.write(root, weights_folder, own, Synth4d(), SEED)
    (root / affect.TRUTH).unlink()
    folder = root / affectnet.PARTS["train"][0]
    numbers = sorted(int(file.stem) for file in (folder / affectnet.IMAGES).iterdir())
    names = [f"{affectnet.IMAGES}/{{}}.jpg"]
    names += [f"{affectnet.ANNOTATIONS}/{{}}_{answer}.npy" for answer in affectnet.ANSWERS]
    for number in range(1, max(0, listed - len(numbers)) + 1):
        same = numbers[number % len(numbers)]
        for name in names:
            os.link(folder / name.format(same), folder / name.format(numbers[-1] + number))
