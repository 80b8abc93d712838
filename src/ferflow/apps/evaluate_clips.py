"""`ferflow evaluate --clips`: a model with a head, or a network for single images, on labelled clips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ferflow import __version__, tables
from ferflow.apps import evaluate_screen
from ferflow.apps.models import default, load_model
from ferflow.apps.predict import watchers
from ferflow.apps.predict_screen import progress_bar
from ferflow.apps.recognise import Model, Recognised, recognise
from ferflow.classes import match
from ferflow.datasets import listed
from ferflow.datasets.manifest import ListedClip, is_synthetic
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import summarise
from ferflow.faces.video import open_clip
from ferflow.files import sha256, write_text
from ferflow.settings import Evaluation

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HEAD, WEIGHTED, PLAIN = "head", "weighted mean", "plain mean"
"""The answers for a clip; a network for single images has two, of which the first is what `predict` gives."""


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    `root` None: sources are relative to the folder of the table. `model` None: whatever `predict` takes.
    """

    clips: Path
    root: Path | None
    model: Path | None
    weights_folder: Path
    out: Path | None
    predictions: Path | None
    evaluation: Evaluation
    seed: int
    detector: str | None = None


@dataclass(frozen=True)
class Classes:
    """The classes that the table and the model share, in the model's order, and what one of them lacks.

    `shared` maps each class as the table writes it to the model's name for it.
    """

    judged: tuple[str, ...]
    shared: dict[str, str]
    unknown: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """What the model said of N clips: `shares` [N,K] of the judged classes by answer; and clips `refused`."""

    clips: list[ListedClip]
    shares: dict[str, np.ndarray]
    refused: list[tuple[ListedClip, str]]
    n_frames: int
    n_faces: int


def run(options: Options, console=None) -> None:
    """Evaluate, write what was asked for, print a table.

    Raises FerflowError for what the user can mend: a table that is none or lists a file that is not there, a
    model that is not there, no class in common, no clip that can be used.
    """
    listed = listing(options.clips, options.root)

    from rich.console import Console

    console = console or Console()
    path, passed_over = (options.model, "") if options.model is not None else default()
    model = load_model(path)
    classes = in_common([clip.emotion for clip in listed], model.clip_classes, options.clips, path)
    stream, aus, note = watchers(model, options)
    asked = ask([clip for clip in listed if clip.emotion in classes.shared], classes, model, stream, aus)
    if not asked.clips:
        first = asked.refused[0][1]
        raise InputError(options.clips, f"has no clip that can be judged: {first}", "give other clips")
    frames = {name: _predictions(asked, name, classes, model) for name in asked.shares}
    report = {
        **_about(options, model, classes, listed, asked),
        "notes": [line for line in (passed_over, note, own_clips(model, options)) if line],
        "baselines": baselines(next(iter(frames.values())), classes.judged),
        "answers": {name: _judged(frame, asked, classes, options) for name, frame in frames.items()},
    }
    if options.predictions is not None:
        import pandas as pd

        tables.write(pd.concat(frames.values(), ignore_index=True), options.predictions, "predictions")
    if options.out is not None:
        write_text(options.out, json.dumps(report, indent=2, allow_nan=False) + "\n")
    evaluate_screen.show_clips(console, report)
    for path in (options.predictions, options.out):
        if path is not None:
            console.print(f"written: {path}", highlight=False, soft_wrap=True)


def own_clips(model: Model, options: Options) -> str:
    """A line where the clips lie in the folder of the model's own study, else ""."""
    folder = options.clips.parent if options.root is None else options.root
    if not model.has_head or folder.resolve() != Path(model.data_root).resolve():
        return ""
    return f"the model's own study has its clips in {folder}: it may know these by heart"


def listing(table: Path, root: Path | None) -> list[ListedClip]:
    """The clips of the user's table (schema `clips`), with the classes as it writes them."""
    written = tables.read(table, "clips")["emotion"].str.strip()
    found = listed.find(table, table.parent if root is None else root, tuple(dict.fromkeys(written)))
    if not found:
        raise InputError(table, "lists no clip", "add a line for each")
    return found


def in_common(written: Sequence[str], known: Sequence[str], table: Path, model: Path) -> Classes:
    """The classes of `written`, a clip's each, that are among the model's `known`, whatever their spelling.

    Raises InputError where they are fewer than two: then there is nothing to tell apart.
    """
    there = list(dict.fromkeys(written))
    shared = {name: found for name in there if (found := match(name, known)) is not None}
    judged = tuple(name for name in known if name in shared.values())
    if len(judged) < 2:
        common = f"has {', '.join(judged) or 'no class'} in common with {model}"
        raise InputError(table, common, f"list clips of at least two of {', '.join(known)}")
    unknown = tuple(name for name in there if name not in shared)
    return Classes(judged, shared, unknown, tuple(name for name in known if name not in judged))


def ask(clips: Sequence[ListedClip], classes: Classes, model: Model, stream, aus) -> Asked:
    """What `model` says of each of `clips`; a clip that cannot be used is refused, and the others go on."""
    import numpy as np

    columns = [list(model.clip_classes).index(name) for name in classes.judged]
    used, rows, refused, n_frames, n_faces = [], [], [], 0, 0
    with progress_bar("clips", len(clips)) as advance:
        for clip in clips:
            try:
                found = recognise(open_clip(clip.source, model.faces.missing_frames), model, stream, aus)
                rows.append({name: restricted(s, columns) for name, s in answers(found, clip.source).items()})
            except FerflowError as error:
                refused.append((clip, str(error)))
            else:
                used.append(clip)
                n_frames, n_faces = n_frames + len(found.tracked), n_faces + int(found.tracked.sum())
            advance()
    shares = {name: np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    return Asked(used, shares, refused, n_frames, n_faces)


def answers(found: Recognised, source: Path) -> dict[str, np.ndarray]:
    """The answers [K] for a clip by name; InputError for a single image, of which a head says nothing."""
    if found.clip_shares is None:
        raise InputError(source, "has a single frame, and is no clip", "leave it out")
    if found.by_head:
        return {HEAD: found.clip_shares}
    return {WEIGHTED: found.clip_shares, PLAIN: found.shares[found.tracked].mean(axis=0)}


def restricted(shares: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """The probabilities [K] of `columns` alone, which sum to 1 again; all the same where all are 0."""
    chosen = shares[list(columns)].astype(float)
    return chosen / chosen.sum() if chosen.sum() > 0 else chosen + 1 / len(chosen)


def baselines(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, object]:
    """Chance, and what naming the most frequent class of the judged clips always would be right (0-1)."""
    counts = frame["emotion"].value_counts().reindex(list(classes), fill_value=0)
    return {
        "chance": 1 / len(classes),
        "majority": str(counts.idxmax()),
        "majority_accuracy": float(counts.max() / counts.sum()),
    }


def _predictions(asked: Asked, answer: str, classes: Classes, model: Model) -> pd.DataFrame:
    import pandas as pd

    rows = [(clip.clip_id, clip.subject_id, classes.shared[clip.emotion]) for clip in asked.clips]
    clips = pd.DataFrame(rows, columns=["clip_id", "subject_id", "emotion"])
    name = model.name if answer == HEAD else f"{model.name}, {answer}"
    return table(clips, asked.shares[answer], classes.judged, name, "test", None, None)


def _judged(frame: pd.DataFrame, asked: Asked, classes: Classes, options: Options) -> dict:
    """`summarise`, and the accuracy with each refused clip counted as wrong."""
    found = summarise(frame, classes.judged, options.evaluation, options.seed)
    right = int((frame["emotion"] == frame["predicted"]).sum())
    return found | {"accuracy_of_all_listed": right / (len(frame) + len(asked.refused))}


def _about(
    options: Options, model: Model, classes: Classes, listed: Sequence[ListedClip], asked: Asked
) -> dict[str, object]:
    others = Counter(clip.emotion for clip in listed if clip.emotion not in classes.shared)
    return {
        "ferflow": __version__,
        "clips": str(options.clips),
        "root": str(options.clips.parent if options.root is None else options.root),
        "model": {
            "path": str(model.path),
            "name": model.name,
            "sha256": sha256(model.path),
            "synthetic": model.synthetic,
            "has_head": model.has_head,
            "classes": list(model.clip_classes),
        },
        "classes": list(classes.judged),
        "classes_only_in_table": dict(others),
        "classes_only_in_model": list(classes.absent),
        "n_listed": len(listed),
        "n_judged": len(asked.clips),
        "n_subjects": len({clip.subject_id for clip in asked.clips}),
        "n_frames": asked.n_frames,
        "n_frames_with_a_face": asked.n_faces,
        "refused": [
            {
                "clip_id": clip.clip_id,
                "subject_id": clip.subject_id,
                "emotion": clip.emotion,
                "reason": reason,
            }
            for clip, reason in asked.refused
        ],
        "synthetic_data": any(is_synthetic(clip.source) for clip in asked.clips),
        "confidence": options.evaluation.confidence,
        "bootstrap": options.evaluation.bootstrap,
        "seed": options.seed,
    }
