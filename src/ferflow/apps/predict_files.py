"""Predictions of clips as a CSV or JSON file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ferflow import __version__, tables
from ferflow.apps.recognise import MEAN, Model, Recognised
from ferflow.classes import EMOTIONS_CONTEMPT
from ferflow.evaluation.clip_answer import deciding
from ferflow.files import write_text

DECIMALS = 6
"""Of a written probability: a float32 is no more precise."""


def write(path: Path, clips: list[Recognised], model: Model) -> None:
    """Write `clips` to `path`: .json, or .csv (schema `recognised`)."""
    if path.suffix.lower() == ".json":
        write_text(path, json.dumps(as_json(clips, model), indent=2, allow_nan=False) + "\n")
    else:
        tables.write(as_table(clips, model), path, "recognised")


def as_table(clips: list[Recognised], model: Model) -> pd.DataFrame:
    """A row per clip (level `clip`: the head or the mean), followed by its frames (the image network)."""
    return pd.concat([_rows(clip, model) for clip in clips], ignore_index=True)


def _rows(clip: Recognised, model: Model) -> pd.DataFrame:
    n_frames = len(clip.tracked)
    frames = pd.DataFrame(
        {
            "source": clip.source,
            "level": "frame",
            "frame": pd.array(range(n_frames), dtype="Int64"),
            "seconds": _seconds(clip),
            "face": clip.tracked,
            "kept": pd.array(_kept(clip), dtype="boolean"),
            "predicted": [_best(row, clip.frame_classes) for row in clip.probabilities],
            **dict(zip(("x", "y", "width", "height"), np.round(clip.boxes, 2).T, strict=True)),
            "landmark_score": np.round(clip.scores, 4),
            "au_score": np.round(clip.au_score, 4),
            "weight": _weights(clip),
        }
    )
    probabilities = np.round(clip.probabilities.astype(np.float64), DECIMALS)
    for name in _classes(clip):
        there = name in clip.frame_classes
        frames[f"p_{name}"] = probabilities[:, clip.frame_classes.index(name)] if there else np.nan
    if clip.affect is not None:
        frames[["valence", "arousal"]] = np.round(clip.affect.astype(np.float64), DECIMALS)
    if clip.clip_probabilities is not None:
        whole_clip = {
            "source": clip.source,
            "level": "clip",
            "face": bool(clip.tracked.any()),
            "predicted": clip.predicted[0],
        }
        for name, probability in zip(clip.clip_classes, clip.clip_probabilities, strict=True):
            whole_clip[f"p_{name}"] = round(float(probability), DECIMALS)
        whole_clip |= _affect(clip, clip.tracked)
        # Columns that do not apply to a whole clip are empty in its row.
        frames = pd.concat([pd.DataFrame([whole_clip]), frames])[frames.columns]
    frames["model"] = str(model.path)
    frames["synthetic"] = model.synthetic
    return frames


def _classes(clip: Recognised) -> list[str]:
    """The classes of the head, then those of the image network that are not among them.

    Where all are known from papers they stand in the order of their data sets, whatever the network's.
    """
    names = list(dict.fromkeys((*clip.clip_classes, *clip.frame_classes)))
    return sorted(names, key=EMOTIONS_CONTEMPT.index) if set(names) <= set(EMOTIONS_CONTEMPT) else names


def as_json(clips: list[Recognised], model: Model) -> dict:
    """The same as nested values; what is unknown is null."""
    return {
        "ferflow": __version__,
        "model": str(model.path),
        "name": model.name,
        "trained_on_synthetic_data": model.synthetic,
        "clips_are": "the head's probabilities for the kept frames" if model.has_head else f"the {MEAN}",
        "clips": [_clip_json(clip) for clip in clips],
    }


def _affect(clip: Recognised, frames: np.ndarray | slice) -> dict[str, float | None]:
    """Valence and arousal, means over `frames` (null without a face); nothing where the model has none."""
    if clip.affect is None:
        return {}
    means = clip.affect[frames].astype(np.float64).mean(axis=0)
    return {name: _number(v, DECIMALS) for name, v in zip(("valence", "arousal"), means, strict=True)}


def _clip_json(clip: Recognised) -> dict:
    name, probability = clip.predicted
    seconds, kept, weights = _seconds(clip), _kept(clip), _weights(clip)
    stretches = None
    if clip.weights is not None:
        stretches = [{"begin": begin, "end": end} for begin, end in deciding(clip.weights)]
    return {
        "source": clip.source,
        "n_frames": len(clip.tracked),
        "n_faces": int(clip.tracked.sum()),
        "fps": clip.fps,
        "predicted": name,
        "probability": round(probability, DECIMALS),
        "probabilities": _named(clip.clip_probabilities, clip.clip_classes),
        **_affect(clip, clip.tracked),
        "kept": {"begin": clip.kept.begin, "end": clip.kept.end, "reason": clip.kept.reason},
        "half_of_the_weight": stretches,
        "warnings": list(clip.warnings),
        "frames": [
            {
                "frame": i,
                "seconds": _number(seconds[i]),
                "face": bool(clip.tracked[i]),
                "kept": bool(kept[i]),
                "box": [_number(v, 2) for v in clip.boxes[i]] if clip.tracked[i] else None,
                "landmark_score": _number(clip.scores[i], 4),
                "au_score": _number(clip.au_score[i], 4),
                "weight": _number(weights[i], DECIMALS),
                "predicted": _best(clip.probabilities[i], clip.frame_classes),
                "probabilities": _named(clip.probabilities[i], clip.frame_classes, clip.tracked[i]),
                **_affect(clip, slice(i, i + 1)),
            }
            for i in range(len(clip.tracked))
        ],
    }


def _seconds(clip: Recognised) -> np.ndarray:
    """Time of each frame; NaN where the clip has no rate."""
    index = np.arange(len(clip.tracked))
    return np.round(index / clip.fps, 4) if clip.fps > 0 else np.full(len(index), np.nan)


def _kept(clip: Recognised) -> np.ndarray:
    index = np.arange(len(clip.tracked))
    return (index >= clip.kept.begin) & (index < clip.kept.end)


def _weights(clip: Recognised) -> np.ndarray:
    """The weight of each frame in the clip's answer; NaN where there is no mean over frames."""
    return np.full(len(clip.tracked), np.nan) if clip.weights is None else np.round(clip.weights, DECIMALS)


def _best(probabilities: np.ndarray, names: tuple[str, ...]) -> str | None:
    return names[int(np.argmax(probabilities))] if names and np.isfinite(probabilities).all() else None


def _named(
    probabilities: np.ndarray | None, names: tuple[str, ...], known: bool = True
) -> dict[str, float] | None:
    if probabilities is None or not names or not known:
        return None
    return {name: round(float(value), DECIMALS) for name, value in zip(names, probabilities, strict=True)}


def _number(value: float, decimals: int = 4) -> float | None:
    return round(float(value), decimals) if np.isfinite(value) else None
