"""Phase 1: train a network for single images on FER2013-like stills (thesis, section 3.2.4)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from ferflow import files, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import WeightsError
from ferflow.evaluation.predictions import table
from ferflow.models import spatial as networks
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Spatial
from ferflow.training import checkpoints
from ferflow.training import stills as stills_of
from ferflow.training.stills import SIDES


def train_spatial(
    stills: str | Path,
    out_folder: str | Path,
    settings: Spatial,
    seed: int,
    *,
    synthetic: bool,
    protocol: str,
    pretrained: str | Path | None = None,
    run: Path | None = None,
) -> None:
    """Train `settings.network` on the stills' part Training, watch PublicTest, judge PrivateTest once.

    `stills` is FER2013 as a CSV, a folder or a tar file. Under `honest`, images that appear again in a later
    part are left out of the earlier ones (FER2013 has 557 such groups); `published` takes the official parts
    as they are. `pretrained` is a weights file to start from, `run` a folder from which an
    interrupted run goes on (`images.fit_images`). Writes to `out_folder`, after training has ended:
    `model.pt` (`models.spatial.load` reads it), `history.csv`, `predictions.csv`, and `time.json` (`training.
    checkpoints`; without `run` its seconds are null). Raises InputError for bad images or a part
    without any.
    """
    from ferflow.training.images import fit_images, probabilities

    data = stills_of.read(stills, protocol)
    start = derive_seed(seed, "spatial", settings.network)
    with reproducible(start, settings.threads):
        network = networks.build(settings.network, len(EMOTIONS_NEUTRAL))
        if pretrained is not None:
            networks.load_pretrained(network, pretrained)
    origin = None if pretrained is None else networks.origin(pretrained)
    training, watched, judged_on = (data.parts[side] for side in SIDES)
    history = fit_images(network, training, watched, settings, start, settings.network, folder=run)
    shares = probabilities(network, judged_on.images, settings.batch)
    judged = data.listed[SIDES[-1]]
    predictions = table(judged, shares, EMOTIONS_NEUTRAL, settings.network, "test", None, seed)
    meta = {
        "synthetic": synthetic,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "protocol": protocol,
        "images_sha256": stills_of.digest(*data.parts.values()),
        "images": {side: len(part.labels) for side, part in data.parts.items()},
        "start": origin,
    }
    out_folder = Path(out_folder)
    tables.write(history, out_folder / "history.csv", "history")
    tables.write(predictions, out_folder / "predictions.csv", "predictions")
    checkpoints.write_time(None if run is None else checkpoints.seconds(run), out_folder / "time.json")
    networks.save(out_folder / "model.pt", network, EMOTIONS_NEUTRAL, meta)


def write(
    stills: str | Path | None,
    pretrained: str | Path | None,
    adopted: str | Path | None,
    out_folder: str | Path,
    settings: Spatial,
    seed: int,
    synthetic: bool,
    protocol: str,
    run: str | Path,
) -> None:
    """`adopt` the network that the settings name the weights of, else `train_spatial`."""
    if settings.weights:
        adopt(adopted, out_folder, settings)
        return
    train_spatial(
        stills,
        out_folder,
        settings,
        seed,
        synthetic=synthetic,
        protocol=protocol,
        pretrained=pretrained,
        run=Path(run),
    )


def adopt(weights: str | Path, out_folder: str | Path, settings: Spatial) -> None:
    """Take over a model that ferflow has trained elsewhere; the tables beside it have no rows.

    Raises WeightsError if it is missing, damaged or of another network than `settings.network`.
    """
    _, description = networks.load(weights)
    if description["network"] != settings.network:
        raise WeightsError(
            weights,
            f"holds {description['network']}, not spatial.network: {settings.network}",
            "correct one of them",
        )
    out_folder = Path(out_folder)
    for name in ("history", "predictions"):
        tables.write(pd.DataFrame(columns=tables.schema(name).names), out_folder / f"{name}.csv", name)
    checkpoints.write_time(None, out_folder / "time.json")
    with files.atomic_write(out_folder / "model.pt") as partial:
        shutil.copyfile(weights, partial)
