"""The readers of image sets by name."""

from __future__ import annotations

from pathlib import Path

from ferflow.datasets import ckplus, fer2013, ferplus, jaffe, kdef, unpacked
from ferflow.datasets.crops import Crops, cropped
from ferflow.datasets.images import ImageSet, listed_as_omitted
from ferflow.errors import SettingError
from ferflow.layout import MANIFEST, POOL
from ferflow.settings import Sequences

NAMES = ("fer2013", "ferplus", "ckplus", "jaffe", "kdef")
"""The image sets that `read_images` knows; kdef is KDEF with AKDEF."""
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
    listed = (jaffe if name == "jaffe" else kdef).find(root)
    if crops is None:
        raise SettingError(root, "holds whole pictures", "say how faces are cropped")
    return cropped(name, root, listed, listed_as_omitted(), crops)


def read_stills(path: str | Path) -> ImageSet:
    """The images of a study with their parts: FER2013 at `path`, or what was unpacked of another set.

    Raises InputError as `fer2013.read` and `unpacked.read`.
    """
    path = Path(path)
    if path.name != Path(POOL).name:
        return fer2013.read(path)
    return unpacked.read(path, path.with_name(Path(MANIFEST).name))
