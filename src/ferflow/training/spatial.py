"""Phase 1: train a network for single images on FER2013-like stills (thesis, section 3.2.4)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ferflow import files, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import WeightsError
from ferflow.models import spatial as networks
from ferflow.seeds import derive_seed
from ferflow.settings import Spatial
from ferflow.training import checkpoints
from ferflow.training.predictions import write_run
from ferflow.training.stills import TESTED, TRAINED, WATCHED, read


def write(
    stills: str | Path | None,
    out_folder: str | Path,
    settings: Spatial,
    seed: int,
    *,
    synthetic: bool,
    protocol: str,
    near_copies: int | None = None,
    pretrained: str | Path | None = None,
    adopted: str | Path | None = None,
    run: str | Path | None = None,
    further: Sequence[str | Path] = (),
) -> None:
    """Train `settings.network` on the stills' part Training, watch PublicTest, test on PrivateTest once.

    Where `settings.weights` names a network, `adopt` it from the file `adopted` instead.

    `stills` is FER2013 as a CSV, a folder or a tar file. Under `honest`, images that appear again in a later
    part are left out of the earlier ones (FER2013 has 557 such groups), and near copies as `near_copies` says
    (settings.Stills); `published` takes the official parts as they are. `further` are images of other sets
    that part Training is joined by (`stills.read`). `pretrained` is a weights file to start from, `run` a
    folder from which an interrupted run goes on (`images.fit_images`). Writes to `out_folder`, after training
    has ended: `model.pt` (`models.spatial.load` reads it), `history.csv`, `predictions.csv`, and `time.json`
    (`training.checkpoints`; without `run` its seconds are null). Raises InputError for bad images or a part
    without any.
    """
    if settings.weights:
        adopt(adopted, out_folder, settings)
        return
    from ferflow.training.images import train_and_predict

    data = read(stills, protocol, further, near_copies)
    network, history, predictions = train_and_predict(
        settings,
        *(data.parts[side] for side in (TRAINED, WATCHED)),
        data.parts[TESTED].images,
        data.listed[TESTED],
        (settings.network, "test", None, seed),
        derive_seed(seed, "spatial", settings.network),
        settings.network,
        pretrained=pretrained,
        folder=None if run is None else Path(run),
    )
    meta = {
        "synthetic": synthetic or data.rendered,
        "settings": settings.model_dump(mode="json"),
        "seed": seed,
        "protocol": protocol,
        **data.described(),
        "start": None if pretrained is None else networks.origin(pretrained),
    }
    out_folder = Path(out_folder)
    write_run(out_folder, history, predictions)
    checkpoints.write_time(None if run is None else checkpoints.seconds(Path(run)), out_folder / "time.json")
    networks.save(out_folder / "model.pt", network, EMOTIONS_NEUTRAL, meta)


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
    write_run(
        out_folder, *(pd.DataFrame(columns=tables.schema(name).names) for name in ("history", "predictions"))
    )
    checkpoints.write_time(None, out_folder / "time.json")
    with files.atomic_write(out_folder / "model.pt") as partial:
        shutil.copyfile(weights, partial)
