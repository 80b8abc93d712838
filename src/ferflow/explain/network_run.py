"""Feature maps and class-activation maps of the networks, from files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from ferflow import tables
from ferflow.errors import InputError
from ferflow.explain import attribution, frames, network_figures
from ferflow.explain.network_figures import Decided, Mosaic
from ferflow.explain.preprocessing_figures import Example
from ferflow.features import store as features_store
from ferflow.models import spatial
from ferflow.report import style
from ferflow.report.names import marks, model_label
from ferflow.report.run import clips_of
from ferflow.seeds import derive_seed, reproducible
from ferflow.settings import Pictures
from ferflow.shards import BySubject
from ferflow.training import data
from ferflow.training.final import FinalModel, load_final


def feature_maps(
    model: str | Path, example: Example, output: str | Path, threads: int, seed: int, settings: Pictures
) -> None:
    """Feature maps of every block of the spatial `model` for a clip's frame of greatest AU score."""
    clip, number, crop = example.peak()
    with reproducible(derive_seed(seed, "pictures"), threads):
        network, description = spatial.load(model)
        image = spatial.prepare(crop[None], network)
        maps = attribution.block_maps(network, image)
    mosaics = []
    for block, values in maps:
        pixels, shown, flat = attribution.mosaic(values, settings.maps, settings.map_size)
        mosaics.append(Mosaic(block, pixels, values.shape, shown, flat))
    pixels = np.rint(image[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    shown = pixels[..., 0] if pixels.shape[2] == 1 else frames.shrunk(pixels, settings.face_size)
    with style.style():
        mark = marks(bool(clip["synthetic"]) or bool(description["meta"]["synthetic"]))
        name = model_label(network.name)
        drawn = network_figures.feature_maps(shown, mosaics, name, f"{example.clip_id}, frame {number}", mark)
        style.save(drawn, output, f"Feature maps of {name}")


def deciding_frames(
    model: str | Path,
    predictions_csv: str | Path,
    faces: Iterable[str | Path],
    features: Iterable[str | Path],
    trim_csv: str | Path,
    manifest_csv: str | Path,
    out: str | Path,
    emotions: Sequence[str],
    threads: int,
    seed: int,
    settings: Pictures,
) -> None:
    """For each emotion a right and a wrong test clip of a cascade, the frame that decides, and where.

    `model` is the cascade's file, `predictions_csv` its predictions for the test clips, `features` the files
    of the clips' features without augmentation. Chosen are the right clip and the mistake with the greatest
    probability.
    """
    clips = clips_of(trim_csv, manifest_csv)
    predictions = tables.read(predictions_csv, "predictions")
    predictions = predictions[predictions["protocol"] == "test"]
    predictions = predictions.drop(columns=["emotion", "subject_id"], errors="ignore")
    predictions = predictions.merge(clips, on="clip_id", validate="one_to_one")
    face_files, feature_files = BySubject(faces), BySubject(features)
    with reproducible(derive_seed(seed, "pictures"), threads):
        final = load_final(model)
        pairs = []
        for emotion in emotions:
            pair = [
                None if clip is None else _decided(final, clip, clips, face_files, feature_files, settings)
                for clip in surest(predictions[predictions["emotion"] == emotion])
            ]
            pairs.append((emotion, *pair))
    with style.style():
        name = model_label(final.name)
        title = f"The frames that decide, and where {name} looks (Grad-CAM)"
        synthetic = final.synthetic or bool(clips["synthetic"].any())
        drawn = network_figures.deciding_frames(pairs, title, marks(synthetic))
        style.save(drawn, out, f"Class-activation maps of {name}")


def surest(predictions: pd.DataFrame) -> tuple[dict | None, dict | None]:
    """The most confident right and wrong prediction for the clips of one emotion, None where there is none.

    Of several the first by name; the confidence is added as `probability`.
    """
    rows = predictions.sort_values("clip_id").to_dict("records")
    for row in rows:
        row["probability"] = row[f"p_{row['predicted']}"]
    sides = ([], [])
    for row in rows:
        sides[row["predicted"] != row["emotion"]].append(row)
    right, wrong = (max(side, key=lambda row: row["probability"], default=None) for side in sides)
    return right, wrong


def _decided(
    final: FinalModel,
    clip: dict,
    clips: pd.DataFrame,
    faces: BySubject,
    features: BySubject,
    settings: Pictures,
) -> Decided:
    """The attribution of one clip, a row of predictions and of schema `trim`; `clips` are the study's."""
    name, subject = clip["clip_id"], clip["subject_id"]
    path = features[subject]
    longest = final.extraction.max_frames
    numbers = frames.tracked(faces[subject], name, int(clip["begin"]), int(clip["end"]))[:longest]
    normalise = final.extraction.normalise
    of_classes = clips[clips["emotion"].isin(final.classes)]
    windows = {row.clip_id: (row.begin, row.end) for row in of_classes.itertuples()}
    offset = data.offset(normalise, path, name, subject, of_classes, windows, longest)
    less = 0 if offset is None else offset
    rows = _features(path, name, numbers) - less
    # The face before the expression: the same first frames that the action units count from.
    first = frames.tracked(faces[subject], name)[: final.aus.neutral_frames]
    neutral = _features(path, name, first).mean(0) - less
    wanted = final.classes.index(clip["predicted"])
    added, _ = attribution.contributions(final.head, rows, neutral, wanted, settings.steps)
    place = int(np.argmax(added))
    face = frames.crops(faces[subject], name, [int(numbers[place])])[0]
    sequence = torch.from_numpy(rows)[None]

    def ask(features_of_frame: torch.Tensor) -> torch.Tensor:
        """The head's logit with the features of the frame in their place."""
        placed = (features_of_frame - torch.as_tensor(less))[None]
        clip_features = torch.cat([sequence[:, :place], placed, sequence[:, place + 1 :]], dim=1)
        return attribution.logit(final.head, clip_features, wanted)

    seen = attribution.class_map(final.spatial, spatial.prepare(face[None], final.spatial), final.layer, ask)
    if not np.isfinite(seen).all():
        raise InputError(path, f"clip {name} gives gradients that are not numbers", "train the model again")
    small = frames.shrunk(face, settings.face_size)
    greatest = seen.max()
    seen = seen / greatest if greatest > 0 else seen
    seen = cv2.resize(seen, small.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return Decided(
        name,
        clip["emotion"],
        clip["predicted"],
        clip["probability"],
        numbers,
        added,
        int(numbers[place]),
        small,
        seen,
    )


def _features(path: Path, clip_id: str, numbers: np.ndarray) -> np.ndarray:
    """Features float32 [T,F] of the tracked frames `numbers` of a clip; none behind the last is read."""
    rows = features_store.read(path, clip_id, int(numbers[0]), int(numbers[-1]) + 1)
    if len(rows) != len(numbers):
        problem = f"clip {clip_id} has features of {len(rows)} frames, and faces in {len(numbers)}"
        raise InputError(path, problem, "run the features step again")
    return rows.astype(np.float32)
