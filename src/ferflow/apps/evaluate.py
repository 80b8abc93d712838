"""`ferflow evaluate`: image networks on a part of a data set, with intervals and with copies set apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow import __version__, settings, tables, weights
from ferflow.apps import evaluate_screen
from ferflow.apps.predict_screen import progress_bar
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
from ferflow.files import sha256, write_text
from ferflow.settings import Evaluation, View

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ferflow.models.network import SpatialNetwork

CROPS = ("auto", "haar", "blazeface", "mtcnn", "none")
"""How faces are cut out of whole pictures: a detector of `faces.detector`, or not at all."""
WHOLE_PICTURES = ("jaffe", "kdef")
"""Sets of pictures that show more than a face, as CK+'s sequences do."""
BATCH = 64
"""Images that go through a network at once; they decide the memory it takes, not the result."""


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    `split` None: all images of a data set without official parts. `weights` empty: the network that ships.
    Of sequences the last `peak` images show the emotion, and with `neutral` the first one is neutral. `crop`:
    how faces are cut out of whole pictures, one of CROPS; None: auto. `side`: of the ten crops in pixels of
    the images; None: 44 of 48. `choose_on`: the part on which at
    most `most` of the networks, with fewer than `budget` parameters in all, are chosen.
    """

    dataset: str
    root: Path
    split: str | None
    weights: Sequence[Path]
    peak: int | None
    neutral: bool
    crop: str | None
    weights_folder: Path
    views: View
    side: int | None
    choose_on: str | None
    most: int
    budget: int
    out: Path | None
    predictions: Path | None
    evaluation: Evaluation
    seed: int


@dataclass(frozen=True)
class Asked:
    """A network of a file, what the file says about it, and what `view_probabilities` is asked with."""

    path: Path
    network: SpatialNetwork
    classes: tuple[str, ...]
    meta: dict
    parameters: int


def run(options: Options, console=None) -> None:
    """Evaluate, write what was asked for, print a table.

    Raises FerflowError for whatever the user can mend: weights that are no image network or tell other
    classes apart, a data set or a part that is not there.
    """
    from rich.console import Console

    console = console or Console()
    asked = load_all(options.weights)
    classes = asked[0].classes
    images = read(options)
    judged = part_of(images, options.split, classes)
    choice = None
    if options.choose_on is not None:
        asked, choice = choose_among(asked, images, options)
    frame = predict(asked, judged, options)
    report = {
        **_about(options, judged, asked),
        "models": [{**_described(one), "copies_learnt": _learnt(one, judged, images)} for one in asked],
        "chosen": choice,
        **judge(frame, judged, images, classes, options),
    }
    if options.predictions is not None:
        tables.write(frame, options.predictions, "predictions")
    if options.out is not None:
        write_text(options.out, json.dumps(report, indent=2, allow_nan=False) + "\n")
    evaluate_screen.show(console, report)
    for path in (options.predictions, options.out):
        if path is not None:
            console.print(f"written: {path}", highlight=False, soft_wrap=True)


def read(options: Options) -> ImageSet:
    """The set of images; of whole pictures the faces, as `options.crop` says.

    Raises SettingError for another `crop` or one where nothing is to be cut out, and for `peak` missing with
    sequences or given without; InputError for what is wrong with the files.
    """
    crop = options.crop or CROPS[0]
    if crop not in CROPS:
        raise SettingError("--crop", f"{crop} is unknown", f"choose from {', '.join(CROPS)}")
    of_sequences = options.dataset == "ckplus" and ckplus.has_sequences(options.root)
    if of_sequences and options.peak is None:
        raise SettingError(options.root, "holds sequences", "say with --peak N which last images count")
    if not of_sequences and (options.peak is not None or options.neutral):
        raise SettingError("--peak", f"{options.root} holds no sequences", "leave --peak and --neutral out")
    if options.crop and not of_sequences and options.dataset not in WHOLE_PICTURES:
        raise SettingError("--crop", f"{options.root} holds faces already", "leave it out")
    sequences = settings.Sequences(peak=options.peak, neutral=options.neutral) if of_sequences else None
    faces = settings.watching().faces
    crops = Crops(options.weights_folder, faces, whole=crop == "none")
    if not crops.whole:
        crops = Crops(options.weights_folder, faces.model_copy(update={"detector": crop}))
    return read_images(options.dataset, options.root, sequences=sequences, crops=crops)


def load_all(paths: Sequence[Path]) -> list[Asked]:
    """The networks of `paths`, or the one that ships; WeightsError where they cannot be averaged."""
    from ferflow.models import spatial
    from ferflow.models.network import count

    loaded = []
    for path in paths or [weights.shipped()]:
        if any(path.resolve() == other.path.resolve() for other in loaded):
            raise WeightsError(path, "is given twice", "name each network once")
        network, content = spatial.load(path)
        loaded.append(Asked(path, network, tuple(content["classes"]), content["meta"], count(network)))
    first = loaded[0]
    for other in loaded[1:]:
        if other.classes != first.classes:
            raise WeightsError(
                other.path,
                f"knows {', '.join(other.classes)}, but {first.path} {', '.join(first.classes)}",
                "average networks of the same classes",
            )
    return loaded


def part_of(images: ImageSet, split: str | None, classes: Sequence[str]) -> ImageSet:
    """The images of `classes` in the part `split`; InputError where it does not exist or has none.

    Without a `split`, all images of a data set that has no official parts.
    """
    if split is None and images.splits != ("",):
        raise SettingError("--split", "is missing", f"{images.name} has {', '.join(images.splits)}")
    part = (images if split is None else images.part(split)).only(classes)
    if not len(part):
        raise InputError(images.root, f"has no image of {', '.join(classes)}", "give other images or weights")
    return part


def predict(asked: Sequence[Asked], images: ImageSet, options: Options) -> pd.DataFrame:
    """What the networks say of `images`, averaged over networks and views: schema `predictions`."""
    protocols = {split: protocol for protocol, split in PARTS.items()}
    shares = average([_shares(one, images, options) for one in asked])
    name, alone = "+".join(one.network.name for one in asked), len(asked) == 1
    # The column is for the seed of the training: an average has none.
    seed = asked[0].meta.get("seed") if alone else None
    said = (asked[0].classes, name, protocols.get(options.split, "test"), None, seed)
    role = "model" if alone else "ensemble"
    return table(images.table, shares, *said, role=role, view=options.views)


def _shares(one: Asked, images: ImageSet, options: Options) -> np.ndarray:

    from ferflow.models.fuse import placed

    crop = CROP
    if options.side is not None:
        height, width = images.pixels.shape[1:3]
        if options.side > min(height, width):
            raise SettingError(
                "--side", f"{options.side} is larger than the images", f"they are {width}x{height}"
            )
        crop = options.side / min(height, width)
    network = placed(one.network)
    with progress_bar(str(one.path), len(images)) as advance:
        return view_probabilities(network, images.pixels, options.views, BATCH, crop=crop, progress=advance)


def choose_among(
    asked: Sequence[Asked], images: ImageSet, options: Options
) -> tuple[list[Asked], dict[str, object]]:
    """The best set of the networks on the part `choose_on`, and how it was found (JSON values)."""
    if options.choose_on == options.split:
        raise SettingError("--choose-on", f"{options.split} is what they are judged on", "name another part")
    validation = part_of(images, options.choose_on, asked[0].classes)
    names = {str(one.path): one for one in asked}
    labels = validation.table["emotion"].map(list(asked[0].classes).index).to_numpy()
    candidates = [
        Candidate(name, _shares(one, validation, options), one.parameters) for name, one in names.items()
    ]
    try:
        best = choose(candidates, labels, validation.table["split"], options.most, options.budget)
    except ValueError as error:
        raise SettingError("--budget", str(error), "raise it or give smaller networks") from None
    how = {
        "on": options.choose_on,
        "accuracy": best.accuracy,
        "most": options.most,
        "budget": options.budget,
        "candidates": list(names),
        "sets_tried": best.tried,
    }
    return [names[name] for name in best.names], how


def judge(
    frame: pd.DataFrame, judged: ImageSet, images: ImageSet, classes: Sequence[str], options: Options
) -> dict[str, object]:
    """Metrics on all images, and on those without an exact copy in the training part (JSON values).

    `copies` is null where the data set has no training part, or that part itself is judged.
    """
    found: dict[str, object] = {"all": summarise(frame, classes, options.evaluation, options.seed)}
    if options.split == TRAINING or TRAINING not in images.splits:
        return found | {"copies": None, "without_copies": None}
    copied = copies(judged.table, images.part(TRAINING).table)["clip_id"]
    rest = frame[~frame["clip_id"].isin(copied)]
    honest = summarise(rest, classes, options.evaluation, options.seed) if len(rest) else None
    return found | {"copies": len(copied), "without_copies": honest}


def _about(options: Options, judged: ImageSet, asked: Sequence[Asked]) -> dict[str, object]:
    height, width = judged.pixels.shape[1:3]
    side = None
    if options.views == "ten":
        side = options.side or corners(height, width, CROP)[0][2]
    return {
        "ferflow": __version__,
        "dataset": options.dataset,
        "root": str(options.root),
        "split": options.split,
        "image_size": [height, width],
        "left_out": len(judged.omitted),
        "left_out_because": _reasons(judged),
        "peak": options.peak,
        "neutral": options.neutral,
        "views": options.views,
        "side": side,
        "parameters": sum(one.parameters for one in asked),
        "synthetic_data": judged.synthetic,
        "synthetic_models": any(one.meta["synthetic"] for one in asked),
        "confidence": options.evaluation.confidence,
        "bootstrap": options.evaluation.bootstrap,
        "seed": options.seed,
    }


def _reasons(judged: ImageSet) -> dict[str, list[str]]:
    """The names of the images, or sequences of them, that are left out, by the reason."""
    names: dict[str, list[str]] = {}
    for row in judged.omitted.itertuples():
        names.setdefault(row.reason, []).append(row.clip_id)
    return names


def _described(one: Asked) -> dict[str, object]:
    return {
        "path": str(one.path),
        "network": one.network.name,
        "parameters": one.parameters,
        "sha256": sha256(one.path),
        "synthetic": one.meta["synthetic"],
        "protocol": one.meta.get("protocol"),
    }


def _learnt(one: Asked, judged: ImageSet, images: ImageSet) -> int | None:
    """How many of the judged images the network has learnt from, pixel by pixel; None where nobody knows.

    It is known where the network was trained on these very images.
    """
    try:
        learnt = trained_on(images, one.meta, one.path)
    except InputError:
        return None
    return len(copies(judged.table, learnt))
