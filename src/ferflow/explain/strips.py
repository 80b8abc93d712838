"""Strips of face crops: a clip in one small JPEG picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ferflow.explain import frames
from ferflow.files import atomic_write

QUALITY = 78
"""JPEG quality; a strip of ten crops of 52 pixels takes some 12 kB."""
_GAP = 3
_TEXT = 11
"""Height of the letters, pixels."""
_DARK, _LIGHT = (11, 46, 79), (127, 140, 153)


def strip(images: Sequence[np.ndarray], numbers: Sequence[int], window: tuple[int, int], text: str):
    """A picture (PIL) of `images` [S,S,3] uint8 beside each other, their frame numbers and `text` below.

    A dark line below a crop says that trimming keeps its frame, `begin <= number < end` of `window`; the
    numbers of the others are grey and in brackets.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    letters = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    font = ImageFont.truetype(str(letters), _TEXT)
    size = images[0].shape[0]
    line = _TEXT + 5
    width = max(len(images) * (size + _GAP) - _GAP, round(font.getlength(text)) + 2)
    picture = Image.new("RGB", (width, size + 4 + 2 * line), "white")
    draw = ImageDraw.Draw(picture)
    for place, (image, number) in enumerate(zip(images, numbers, strict=True)):
        left = place * (size + _GAP)
        picture.paste(Image.fromarray(image), (left, 0))
        kept = window[0] <= number < window[1]
        if kept:
            draw.rectangle((left, size + 1, left + size - 1, size + 3), fill=_DARK)
        name = str(number) if kept else f"({number})"
        draw.text((left + 1, size + 4), name, fill=_DARK if kept else _LIGHT, font=font)
    draw.text((1, size + 4 + line), text, fill=_DARK, font=font)
    return picture


def write_strip(
    path: str | Path, faces: str | Path, clip_id: str, window: tuple[int, int], n: int, size: int, marks: str
) -> None:
    """Write the strip of a clip: `n` of its tracked frames, evenly spaced, each `size` pixels wide.

    `faces` is its subject's file (`faces.store`), `window` what trimming keeps; no other frame is read.
    """
    numbers = frames.evenly(frames.tracked(faces, clip_id), n)
    images = [frames.shrunk(image, size) for image in frames.crops(faces, clip_id, numbers)]
    text = ", ".join(part for part in (clip_id, f"frames {window[0]}–{window[1] - 1} kept", marks) if part)
    with atomic_write(path) as partial:
        strip(images, numbers, window, text).save(partial, format="JPEG", quality=QUALITY)


def file_name(clip_id: str) -> str:
    """The file of a clip's strip, in the folder of strips."""
    return f"{clip_id}.jpg"


def links(folder: str | Path, clips: Iterable[str], seen_from: str | Path) -> dict[str, str]:
    """Paths, relative to the folder `seen_from`, of the strips in `folder` of those `clips` that have one."""
    import os

    folder = Path(folder)
    return {
        clip: Path(os.path.relpath(folder / file_name(clip), seen_from)).as_posix()
        for clip in clips
        if (folder / file_name(clip)).is_file()
    }
