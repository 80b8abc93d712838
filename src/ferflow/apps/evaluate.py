"""`ferflow evaluate --dataset`: image networks on a part of a data set, with intervals, copies set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow import __version__, settings, weights
from ferflow.apps.evaluate_screen import Options, publish
from ferflow.apps.terminal import progress_bar
from ferflow.datasets import ckplus
from ferflow.datasets.crops import Crops
from ferflow.datasets.image_sets import read_images
from ferflow.datasets.images import ImageSet
from ferflow.errors import InputError, SettingError, WeightsError
from ferflow.evaluation.copies import PARTS, TRAINING, copies, trained_on
from ferflow.evaluation.ensemble import Candidate, average, choose
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import summarise
from ferflow.evaluation.views import CROP, corners, view_probabilities
from ferflow.faces.detect import DETECTORS
from ferflow.files import sha256

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ferflow.models.network import SpatialNetwork

CROPS = (*DETECTORS, "none")
"""How faces are cut out of whole pictures: by a detector of `faces.detector`, or not at all."""
WHOLE_PICTURES = ("jaffe", "kdef")
"""Sets of pictures that show more than a face, as CK+'s sequences do."""
BATCH = 64
"""Images that go through a network at once; this changes the memory that it takes, not the result."""


@dataclass(frozen=True)
class LoadedNetwork:
    """A network, and the metadata of its file."""

    path: Path
    network: SpatialNetwork
    classes: tuple[str, ...]
    meta: dict
    parameters: int

    def described(self) -> dict[str, object]:
        return {
            "path": str(self.path),
            "network": self.network.name,
            "parameters": self.parameters,
            "sha256": sha256(self.path),
            "synthetic": self.meta["synthetic"],
            "protocol": self.meta.get("protocol"),
        }


def run(options: Options) -> None:
    """Evaluate, write the named files, print a table.

    Raises FerflowError for whatever the user can fix: weights that are no image network or know other
    classes, a data set or a part that is not there.
    """
    networks = load_all(options.models)
    classes = networks[0].classes
    images = read(options)
    part = select_part(images, options.split, classes)
    chosen = None
    if options.choose_on is not None:
        networks, chosen = choose_networks(networks, images, options)
    frame = predict(networks, part, options)
    models = [one.described() | {"copies_learnt": _copies_learnt(one, part, images)} for one in networks]
    report = _about(options, part, networks) | {"models": models, "chosen": chosen}
    publish(report | metrics(frame, part, images, classes, options), frame, options)


def read(options: Options) -> ImageSet:
    """The set of images; of whole pictures the faces, as `options.detector` says.

    Raises SettingError for another detector or one where nothing is to be cut out, and for `peak` missing
    with sequences or given without; InputError for what is wrong with the files.
    """
    crop = options.detector or CROPS[0]
    if crop not in CROPS:
        raise SettingError("--crop", f"{crop} is unknown", f"choose from {', '.join(CROPS)}")
    of_sequences = options.dataset == "ckplus" and ckplus.has_sequences(options.root)
    if of_sequences and options.peak is None:
        raise SettingError(options.root, "holds sequences", "say with --peak N which last images count")
    if not of_sequences and (options.peak is not None or options.neutral):
        raise SettingError("--peak", f"{options.root} holds no sequences", "leave --peak and --neutral out")
    if options.detector and not of_sequences and options.dataset not in WHOLE_PICTURES:
        raise SettingError("--crop", f"{options.root} holds faces already", "leave it out")
    sequences = settings.Sequences(peak=options.peak, neutral=options.neutral) if of_sequences else None
    whole, faces = crop == "none", settings.watching().faces
    if not whole:
        faces = faces.model_copy(update={"detector": crop})
    crops = Crops(options.weights_folder, faces, whole=whole)
    return read_images(options.dataset, options.root, sequences=sequences, crops=crops)


def load_all(paths: Sequence[Path]) -> list[LoadedNetwork]:
    """The networks of `paths`, or the one that ships; WeightsError where they cannot be averaged."""
    from ferflow.models import spatial
    from ferflow.models.network import count

    loaded: list[LoadedNetwork] = []
    for path in paths or [weights.shipped()]:
        if any(path.resolve() == other.path.resolve() for other in loaded):
            raise WeightsError(path, "is given twice", "name each network once")
        network, content = spatial.load(path)
        classes = tuple(content["classes"])
        if loaded and classes != loaded[0].classes:
            knows = f"knows {', '.join(classes)}, but {loaded[0].path} {', '.join(loaded[0].classes)}"
            raise WeightsError(path, knows, "average networks of the same classes")
        loaded.append(LoadedNetwork(path, network, classes, content["meta"], count(network)))
    return loaded


def select_part(images: ImageSet, split: str | None, classes: Sequence[str]) -> ImageSet:
    """The images of `classes` in the part `split`; InputError where it does not exist or has none.

    Without a `split`, all images of a data set that has no official parts.
    """
    if split is None and images.splits != ("",):
        raise SettingError("--split", "is missing", f"{images.name} has {', '.join(images.splits)}")
    part = (images if split is None else images.part(split)).only(classes)
    if not len(part):
        raise InputError(images.root, f"has no image of {', '.join(classes)}", "give other images or weights")
    return part


def predict(networks: Sequence[LoadedNetwork], images: ImageSet, options: Options) -> pd.DataFrame:
    """The probabilities of `images`, averaged over networks and views: schema `predictions`."""
    protocols = {split: protocol for protocol, split in PARTS.items()}
    probabilities = average([_probabilities(one, images, options) for one in networks])
    first, alone = networks[0], len(networks) == 1
    return table(
        images.table,
        probabilities,
        first.classes,
        "+".join(one.network.name for one in networks),
        protocols.get(options.split, "test"),
        None,
        # The column is for the seed of the training: an average has none.
        first.meta.get("seed") if alone else None,
        role="model" if alone else "ensemble",
        view=options.views,
    )


def _probabilities(one: LoadedNetwork, images: ImageSet, options: Options) -> np.ndarray:
    from ferflow.models.fuse import placed

    crop = CROP
    if options.side is not None:
        height, width = images.pixels.shape[1:3]
        if options.side > min(height, width):
            problem = f"{options.side} is larger than the images"
            raise SettingError("--side", problem, f"they are {width}x{height}")
        crop = options.side / min(height, width)
    network = placed(one.network)
    with progress_bar(str(one.path), len(images)) as advance:
        return view_probabilities(network, images.pixels, options.views, BATCH, crop=crop, progress=advance)


def choose_networks(
    networks: Sequence[LoadedNetwork], images: ImageSet, options: Options
) -> tuple[list[LoadedNetwork], dict[str, object]]:
    """The best set of the networks on the part `choose_on`, and how it was chosen (JSON values)."""
    if options.choose_on == options.split:
        raise SettingError("--choose-on", f"{options.split} is what they are judged on", "name another part")
    classes = networks[0].classes
    validation = select_part(images, options.choose_on, classes)
    names = {str(one.path): one for one in networks}
    labels = validation.table["emotion"].map(list(classes).index).to_numpy()
    candidates = [
        Candidate(name, _probabilities(one, validation, options), one.parameters)
        for name, one in names.items()
    ]
    try:
        best = choose(candidates, labels, validation.table["split"], options.most, options.budget)
    except ValueError as error:
        raise SettingError("--budget", str(error), "raise it or give smaller networks") from None
    return [names[name] for name in best.names], {
        "on": options.choose_on,
        "accuracy": best.accuracy,
        "most": options.most,
        "budget": options.budget,
        "candidates": list(names),
        "sets_tried": best.tried,
    }


def metrics(
    frame: pd.DataFrame, part: ImageSet, images: ImageSet, classes: Sequence[str], options: Options
) -> dict[str, object]:
    """Metrics on all images, and on those without an exact copy in the training part (JSON values).

    `copies` is null where the data set has no training part, or `part` is that part.
    """
    result: dict[str, object] = {"all": summarise(frame, classes, options.evaluation, options.seed)}
    if options.split == TRAINING or TRAINING not in images.splits:
        return result | {"copies": None, "without_copies": None}
    copied = copies(part.table, images.part(TRAINING).table)["clip_id"]
    rest = frame[~frame["clip_id"].isin(copied)]
    honest = summarise(rest, classes, options.evaluation, options.seed) if len(rest) else None
    return result | {"copies": len(copied), "without_copies": honest}


def _about(options: Options, part: ImageSet, networks: Sequence[LoadedNetwork]) -> dict[str, object]:
    height, width = part.pixels.shape[1:3]
    side = None
    if options.views == "ten":
        side = options.side or corners(height, width, CROP)[0][2]
    return {
        "ferflow": __version__,
        "dataset": options.dataset,
        "root": str(options.root),
        "split": options.split,
        "image_size": [height, width],
        "left_out": len(part.omitted),
        "left_out_because": part.omitted.groupby("reason", sort=False)["clip_id"].apply(list).to_dict(),
        "peak": options.peak,
        "neutral": options.neutral,
        "views": options.views,
        "side": side,
        "parameters": sum(one.parameters for one in networks),
        "synthetic_data": part.synthetic,
        "synthetic_models": any(one.meta["synthetic"] for one in networks),
        **options.about(),
    }


def _copies_learnt(one: LoadedNetwork, part: ImageSet, images: ImageSet) -> int | None:
    """How many images of `part` the network was trained on, pixel by pixel.

    None where that is unknown: the network was not trained on these very images.
    """
    try:
        return len(copies(part.table, trained_on(images, one.meta, one.path)))
    except InputError:
        return None
