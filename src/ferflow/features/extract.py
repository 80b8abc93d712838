"""Spatial features of every tracked frame of a subject's clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import torch

from ferflow import hdf5, seeds
from ferflow.augment import offline
from ferflow.errors import WeightsError
from ferflow.faces import store as faces_store
from ferflow.features import store
from ferflow.files import atomic_write, sha256
from ferflow.models import precision, spatial
from ferflow.models.fuse import placed
from ferflow.settings import Features


class Extractor:
    """A spatial model cut open at some layers, ready for uint8 frames on this machine's best device."""

    def __init__(
        self, model_file: str | Path, settings: Features, layers: Sequence[str] | None = None
    ) -> None:
        """Load `model_file`; `layers` are those wanted (None: the one of `settings`).

        Raises WeightsError where it is missing, damaged or no spatial model.
        """
        self.model_file, self.settings = model_file, settings
        network, self.description = spatial.load(model_file)
        self.device = precision.device()
        self.dtype = precision.resolve(settings.precision, self.device)
        self.widths = {layer: network.layers[layer] for layer in layers or (settings.layer,)}
        self.network = placed(network, self.dtype)

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        """Features float16 [T,F] at each layer of faces uint8 [T,H,W,3] RGB, from one pass.

        Raises WeightsError where they overflow.
        """
        values = {layer: np.empty((len(frames), width), np.float16) for layer, width in self.widths.items()}
        for begin in range(0, len(frames), self.settings.batch):
            batch = spatial.prepare(frames[begin : begin + self.settings.batch], self.network)
            features = self.network.at_layers(batch.to(self.device, self.dtype), list(self.widths))
            for layer, out in values.items():
                out[begin : begin + len(batch)] = features[layer].to(torch.float16).cpu().numpy()
        for layer, out in values.items():
            if not np.isfinite(out).all():
                raise WeightsError(
                    self.model_file,
                    f"gives features at layer {layer} that are not numbers or exceed 65,504",
                    "train it again with a smaller learning rate",
                )
        return values


def write_subject(
    faces: str | Path,
    paths: Mapping[str, str | Path],
    model_file: str | Path,
    transformation: str,
    settings: Features,
    seed: int,
    listing: bool,
    extractor: Extractor | None = None,
) -> None:
    """Write the features of all clips with a face in the file `faces` (format: `features.store`).

    `paths`: a file for each layer that features are taken from, all of them in one pass.
    `transformation`: one of settings.Transformation, or "none". `seed`: the study's. `listing`: see
    `augment.offline.apply`. `extractor`: one made before of the same model file and settings, to save
    loading it again for every transformation. Memory does not grow with the length of a clip; the files
    appear whole or not at all.
    Raises InputError for faces and WeightsError for a model that cannot be used.
    """
    with seeds.threads(settings.threads):
        extractor = extractor or Extractor(model_file, settings, list(paths))
        digest = sha256(model_file)
        with ExitStack() as opened:
            files = {}
            for layer, path in paths.items():
                partial = opened.enter_context(atomic_write(path))
                files[layer] = opened.enter_context(hdf5.create(partial))
                files[layer].attrs.update(
                    ferflow=version("ferflow"),
                    model_sha256=digest,
                    network=extractor.description["network"],
                    synthetic_model=extractor.description["meta"]["synthetic"],
                    layer=layer,
                    n_features=extractor.widths[layer],
                    transformation=transformation,
                    listing=listing,
                    seed=seed,
                    precision=str(extractor.dtype).removeprefix("torch."),
                    device=extractor.device.type,
                    settings=settings.model_copy(update={"layer": layer}).model_dump_json(),
                )
            for clip_id in faces_store.with_face(faces):
                _write_clip(files, faces, clip_id, transformation, seed, listing, extractor)


def write_versions(
    faces: str | Path,
    model: str | Path,
    augmentations: Sequence[str],
    layers: Sequence[str],
    out_features: Sequence[str | Path],
    settings: Features,
    seed: int,
    listing: bool,
) -> None:
    """`write_subject` for several `augmentations`; `out_features`: a file for each and each of `layers`."""
    extractor = Extractor(model, settings, layers)
    for number, name in enumerate(augmentations):
        paths = dict(zip(layers, out_features[number * len(layers) :][: len(layers)], strict=True))
        write_subject(faces, paths, model, name, settings, seed, listing, extractor)


def _write_clip(
    files: dict[str, h5py.File],
    faces: str | Path,
    clip_id: str,
    transformation: str,
    seed: int,
    listing: bool,
    extractor: Extractor,
) -> None:
    tracked = faces_store.read_tracked(faces, clip_id)
    n_frames, step = len(tracked), extractor.settings.batch
    datasets = {}
    for layer, width in extractor.widths.items():
        datasets[layer] = store.create(files[layer], clip_id, n_frames, width)
        datasets[layer].attrs["n_tracked"] = int(tracked.sum())
    clip_seed = offline.clip_seed(seed, clip_id)
    for begin in range(0, n_frames, step):
        real = tracked[begin : begin + step]
        values = {}
        if real.any():
            frames = faces_store.read_frames(faces, clip_id, begin, begin + step)
            if transformation != "none":
                frames = offline.apply(transformation, frames, clip_seed, listing, begin)
            values = extractor(frames[real])
        for layer, dataset in datasets.items():
            rows = np.full((len(real), extractor.widths[layer]), np.nan, np.float16)
            if real.any():
                rows[real] = values[layer]
            dataset[begin : begin + step] = rows
