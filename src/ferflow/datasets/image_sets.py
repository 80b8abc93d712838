"""The image sets by name: read, or counted by their names or tables alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.datasets import ckplus, fer2013, ferplus, jaffe, kdef
from ferflow.datasets.crops import Crops, cropped
from ferflow.datasets.images import ImageSet, is_synthetic_root, listed_as_omitted, read_pixels
from ferflow.errors import SettingError
from ferflow.layout import MANIFEST, POOL
from ferflow.settings import Sequences

PICTURES = {"jaffe": jaffe.find, "kdef": kdef.find}
"""The sets of whole pictures, and what lists them; kdef is KDEF with AKDEF."""
NAMES = ("fer2013", "ferplus", "ckplus", *PICTURES)
"""The image sets that `read_images` knows."""
BY_SUBJECT = "parts by subject"
"""What tables say of images that have no official parts."""
PARTS_BY_SUBJECT = {
    "Training": "training subjects",
    "PublicTest": "validation subjects",
    "PrivateTest": "test subjects",
}
"""FER2013's names of the parts, and what a reader sees where they are of subjects."""


def read_images(
    name: str,
    root: str | Path,
    *,
    votes: str | Path | None = None,
    sequences: Sequences | None = None,
    crops: Crops | None = None,
) -> ImageSet:
    """Read the image set `name` (one of NAMES) at `root`, a folder or for some sets a file.

    `votes` is the table of FER+ where it does not lie beside the CSV of FER2013. `sequences` says which
    frames of CK+'s sequences count. `crops` is needed by the sets of whole pictures (JAFFE, KDEF, CK+'s
    sequences): their pixels are the crops of the `faces` step; pictures without a face are in `omitted`.

    Raises SettingError for a name that is not known and where `sequences` or `crops` is needed and missing;
    InputError for what is wrong with the files.
    """
    if name not in NAMES:
        raise SettingError("dataset", f"{name!r} is no set of images", f"choose from {', '.join(NAMES)}")
    if name == "fer2013":
        return fer2013.read(root)
    if name == "ferplus":
        return ferplus.read(root, votes)
    if name == "ckplus":
        return ckplus.read(root, sequences, crops)
    listed = PICTURES[name](root)
    if crops is None:
        raise SettingError(root, "holds whole pictures", "say how faces are cropped")
    return cropped(name, root, listed, listed_as_omitted(), crops)


def read_stills(path: str | Path) -> ImageSet:
    """The images of a study with their parts: FER2013 at `path`, or what was unpacked of another set.

    Raises InputError as `fer2013.read` and `images.read_pixels`.
    """
    path = Path(path)
    if path.name != Path(POOL).name:
        return fer2013.read(path)
    return read_pixels(path, path.with_name(Path(MANIFEST).name))


class Counted(NamedTuple):
    """The images of one copy of a data set."""

    images: dict[str, int]
    """By class, in the order of classes.EMOTIONS_CONTEMPT; 0 where there is none."""
    form: str
    """What kind of copy it is, where that bears on the numbers; else empty."""
    synthetic: bool

    @property
    def total(self) -> int:
        return sum(self.images.values())


def count(name: str, root: str | Path, sequences: Sequences) -> Counted:
    """Count the images of `name` (ckplus, jaffe or kdef) at `root`, those without a face included.

    No face is searched for. Raises InputError for what is wrong with the files, SettingError for another
    name.
    """
    root, form = Path(root), ""
    if name == "ckplus" and not ckplus.has_sequences(root):
        emotions = by_class(ckplus.read(root).table["emotion"])
        return Counted(emotions, "faces of 48×48", is_synthetic_root(root))
    if name == "ckplus":
        listed, _ = ckplus.find(root, sequences)
        form = f"the last {sequences.peak} frames of each sequence"
        form += " and its first as neutral" if sequences.neutral else ""
    elif name in PICTURES:
        listed = PICTURES[name](root)
        averages = sum(kdef.is_average(clip) for clip in listed)
        form = f"{len(listed) - averages} of KDEF, {averages} of AKDEF" if name == "kdef" else ""
    else:
        raise SettingError("images.folders", f"{name!r} cannot be counted", "name ckplus, jaffe or kdef")
    return Counted(by_class(clip.emotion for clip in listed), form, is_synthetic_root(root))


def by_class(emotions: Iterable[str]) -> dict[str, int]:
    """How often each of classes.EMOTIONS_CONTEMPT occurs in `emotions`."""
    occurring = Counter(emotions)
    return {emotion: occurring[emotion] for emotion in EMOTIONS_CONTEMPT}
