"""`ferflow evaluate --clips`: a model with a head, or a network for single images, on labelled clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ferflow import __version__, tables
from ferflow.apps.evaluate_screen import Options, publish
from ferflow.apps.models import default, load_model
from ferflow.apps.predict import watchers
from ferflow.apps.recognise import Model, Recognised, recognise
from ferflow.apps.terminal import progress_bar
from ferflow.classes import match
from ferflow.datasets import listed
from ferflow.datasets.manifest import ListedClip, is_synthetic
from ferflow.errors import FerflowError, InputError
from ferflow.evaluation.predictions import table
from ferflow.evaluation.results import summarise
from ferflow.faces.video import open_clip
from ferflow.files import sha256

if TYPE_CHECKING:
    import pandas as pd

HEAD, WEIGHTED, PLAIN = "head", "weighted mean", "plain mean"
"""The answers for a clip; a network for single images has two, of which the first is what `predict` gives."""


@dataclass(frozen=True)
class Classes:
    """The classes that the table and the model share, in the model's order, and what one of them lacks.

    `shared` maps each class as the table writes it to the model's name for it.
    """

    judged: tuple[str, ...]
    shared: dict[str, str]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class ClipAnswers:
    """The model's probabilities [N,K] of N clips and the judged classes, by answer; and clips `refused`."""

    clips: list[ListedClip]
    probabilities: dict[str, np.ndarray]
    refused: list[tuple[ListedClip, str]]
    n_frames: int
    n_faces: int


def run(options: Options) -> None:
    """Evaluate, write the named files, print a table.

    Raises FerflowError for what the user can fix: a missing or wrong table, a listed file or a model that
    does not exist, no class in common, no clip that can be used.
    """
    import pandas as pd

    root = options.clips.parent if options.root is None else options.root
    clips = listing(options.clips, root)
    path, passed_over = (options.models[0], "") if options.models else default()
    model = load_model(path)
    classes = classes_in_common([clip.emotion for clip in clips], model.clip_classes, options.clips, path)
    stream, aus, note = watchers(model, options)
    answers = predict([clip for clip in clips if clip.emotion in classes.shared], classes, model, stream, aus)
    if not answers.clips:
        first = answers.refused[0][1]
        raise InputError(options.clips, f"has no clip that can be judged: {first}", "give other clips")
    frames = {name: _predictions(answers, name, classes, model) for name in answers.probabilities}
    notes = [passed_over, note, training_clips(model, root)]
    report = _about(options, root, model, classes, clips, answers) | {
        "notes": [line for line in notes if line],
        "baselines": baselines(next(iter(frames.values())), classes.judged),
        "answers": {name: _metrics(frame, answers, classes, options) for name, frame in frames.items()},
    }
    publish(report, pd.concat(frames.values(), ignore_index=True), options)


def training_clips(model: Model, root: Path) -> str:
    """A line where `root` is the folder of the clips of the model's own study, else ""."""
    if not model.has_head or model.data_root is None or root.resolve() != Path(model.data_root).resolve():
        return ""
    return f"the model's own study has its clips in {root}: it may know these by heart"


def listing(clips_csv: Path, root: Path) -> list[ListedClip]:
    """The clips of the user's table (schema `clips`), with the classes as it writes them."""
    written = tables.read(clips_csv, "clips")["emotion"].str.strip()
    clips = listed.find(clips_csv, root, tuple(dict.fromkeys(written)))
    if not clips:
        raise InputError(clips_csv, "lists no clip", "add a line for each")
    return clips


def classes_in_common(written: Sequence[str], known: Sequence[str], clips_csv: Path, model: Path) -> Classes:
    """The classes of `written`, a clip's each, that are among the model's `known`, whatever their spelling.

    Raises InputError where they are fewer than two: then there is nothing to classify.
    """
    named = {name: match(name, known) for name in dict.fromkeys(written)}
    shared = {name: known_as for name, known_as in named.items() if known_as is not None}
    judged = tuple(name for name in known if name in shared.values())
    if len(judged) < 2:
        common = f"has {', '.join(judged) or 'no class'} in common with {model}"
        raise InputError(clips_csv, common, f"list clips of at least two of {', '.join(known)}")
    return Classes(judged, shared, tuple(name for name in known if name not in judged))


def predict(clips: Sequence[ListedClip], classes: Classes, model: Model, stream, aus) -> ClipAnswers:
    """The answers of `model` for `clips`; a clip that cannot be used is refused, and the others go on."""
    columns = [list(model.clip_classes).index(name) for name in classes.judged]
    used, rows, refused, n_frames, n_faces = [], [], [], 0, 0
    with progress_bar("clips", len(clips)) as advance:
        for clip in clips:
            try:
                result = recognise(open_clip(clip.source, model.faces.missing_frames), model, stream, aus)
                whole = clip_answers(result, clip.source)
            except FerflowError as error:
                refused.append((clip, str(error)))
            else:
                used.append(clip)
                rows.append({name: restricted(row, columns) for name, row in whole.items()})
                n_frames += len(result.tracked)
                n_faces += int(result.tracked.sum())
            advance()
    probabilities = {name: np.stack([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    return ClipAnswers(used, probabilities, refused, n_frames, n_faces)


def clip_answers(result: Recognised, source: Path) -> dict[str, np.ndarray]:
    """The answers [K] for a clip by name; InputError for a single image, for which a head has no answer."""
    if result.clip_probabilities is None:
        raise InputError(source, "has a single frame, and is no clip", "leave it out")
    if result.by_head:
        return {HEAD: result.clip_probabilities}
    return {WEIGHTED: result.clip_probabilities, PLAIN: result.probabilities[result.tracked].mean(axis=0)}


def restricted(probabilities: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """The probabilities [K] of `columns` alone, which sum to 1 again; all the same where all are 0."""
    chosen = probabilities[list(columns)].astype(float)
    return chosen / chosen.sum() if chosen.sum() > 0 else chosen + 1 / len(chosen)


def baselines(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, object]:
    """Chance, and the accuracy (0-1) of always naming the most frequent class of the judged clips."""
    counts = frame["emotion"].value_counts().reindex(list(classes), fill_value=0)
    return {
        "chance": 1 / len(classes),
        "majority": str(counts.idxmax()),
        "majority_accuracy": float(counts.max() / counts.sum()),
    }


def _predictions(answers: ClipAnswers, answer: str, classes: Classes, model: Model) -> pd.DataFrame:
    import pandas as pd

    rows = [(clip.clip_id, clip.subject_id, classes.shared[clip.emotion]) for clip in answers.clips]
    clips = pd.DataFrame(rows, columns=["clip_id", "subject_id", "emotion"])
    name = model.name if answer == HEAD else f"{model.name}, {answer}"
    return table(clips, answers.probabilities[answer], classes.judged, name, "test", None, None)


def _metrics(frame: pd.DataFrame, answers: ClipAnswers, classes: Classes, options: Options) -> dict:
    """`summarise`, and the accuracy with each refused clip counted as wrong."""
    summary = summarise(frame, classes.judged, options.evaluation, options.seed)
    right = int((frame["emotion"] == frame["predicted"]).sum())
    return summary | {"accuracy_of_all_listed": right / (len(frame) + len(answers.refused))}


def _about(
    options: Options,
    root: Path,
    model: Model,
    classes: Classes,
    listed: Sequence[ListedClip],
    answers: ClipAnswers,
) -> dict[str, object]:
    others = Counter(clip.emotion for clip in listed if clip.emotion not in classes.shared)
    return {
        "ferflow": __version__,
        "clips": str(options.clips),
        "root": str(root),
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
        "n_judged": len(answers.clips),
        "n_subjects": len({clip.subject_id for clip in answers.clips}),
        "n_frames": answers.n_frames,
        "n_frames_with_a_face": answers.n_faces,
        "refused": [
            {name: getattr(clip, name) for name in ("clip_id", "subject_id", "emotion")} | {"reason": reason}
            for clip, reason in answers.refused
        ],
        "synthetic_data": any(is_synthetic(clip.source) for clip in answers.clips),
        **options.about(),
    }
