"""Predictions of clips on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ferflow.apps.recognise import Model, Recognised
from ferflow.apps.terminal import bar
from ferflow.evaluation.clip_answer import deciding

WIDE = 100
"""Columns of a terminal that take the table of frames with valence and arousal; others get a shorter one."""
ROWS = 24
"""Lines that the frames of a clip may take; longer clips are shown in stretches of frames."""
INDENT = (0, 0, 0, 2)
"""Of the lines about a clip, below its name: the same as of the bars."""
EVEN = 0.45
"""Share of the frames from which on it is nothing special that they hold half of the weight."""
NAMED = 4
"""Stretches of deciding frames that are named, the longest ones; the table marks all of them."""


def show_model(console: Console, model: Model, *notes: str) -> None:
    """Print which model answers, the `notes` on it, and whether it was trained on synthetic data."""
    console.print(f"model: {model.name} ({model.path})", soft_wrap=True)
    for note in filter(None, notes):
        console.print(note, soft_wrap=True)
    if model.synthetic:
        console.print(
            "This model was trained on synthetic data: its answers on real faces mean little.", style="yellow"
        )


def show_clip(console: Console, clip: Recognised) -> None:
    """One clip: its classes with a bar each, then its frames."""
    n_frames, faces = len(clip.tracked), int(clip.tracked.sum())
    length = f", {n_frames / clip.fps:.1f} s" if clip.fps > 0 else ""
    console.print()
    about = f"  {n_frames} frame{'s' * (n_frames > 1)}{length}, a face in {faces}"
    console.print(Text.assemble((clip.source, "bold"), about), soft_wrap=True)
    for line in clip.warnings:
        console.print(f"  warning: {line}", style="yellow")
    if clip.clip_probabilities is not None:
        kept = clip.kept
        head = f"the head saw frames {kept.begin}–{kept.end - 1} ({kept.reason})"
        console.print(Padding(Text(head if clip.by_head else f"the clip is the {kept.reason}"), INDENT))
        if clip.weights is not None:
            console.print(Padding(Text(decided(clip.weights)), INDENT))
        _bars(console, clip.clip_classes, clip.clip_probabilities)
    for line in affect_lines(clip):
        console.print(line, soft_wrap=True)
    if clip.frame_classes:
        _frames(console, clip)


def decided(weights: np.ndarray) -> str:
    """Which frames hold half of the `weights` [T] of a clip, in words; the longest stretches of them."""
    parts = _standing_out(weights)
    if not parts:
        return "its frames weigh about the same"
    named = sorted(sorted(parts, key=lambda part: part[0] - part[1])[:NAMED])
    frames = ", ".join(f"{begin}–{end - 1}" if end - begin > 1 else str(begin) for begin, end in named)
    more = " and others" if len(parts) > NAMED else ""
    count, whole = sum(end - begin for begin, end in parts), int((weights > 0).sum())
    return f"half of the weight lies on {count} of {whole} frames: {frames}{more}"


def _standing_out(weights: np.ndarray) -> list[tuple[int, int]]:
    """The stretches with half of the weight; none where it takes nearly half of the frames to hold it."""
    parts = deciding(weights)
    return parts if sum(end - begin for begin, end in parts) < EVEN * (weights > 0).sum() else []


def affect_lines(clip: Recognised) -> list[str]:
    """Valence and arousal: of a single frame its values, of a clip the means and peaks; [] without any."""
    if clip.affect is None:
        return []
    lines, faces = [], np.flatnonzero(clip.tracked)
    for name, course in zip(("valence", "arousal"), clip.affect.T, strict=True):
        seen = course[faces]
        if len(clip.tracked) == 1:
            lines.append(f"  {name:<9}{seen[0]:+6.2f}")
            continue
        peaks = (faces[np.argmin(seen)], faces[np.argmax(seen)])
        lowest, highest = (f"{course[frame]:+.2f} ({_when(clip, int(frame))})" for frame in peaks)
        lines.append(f"  {name:<9}mean {seen.mean():+.2f}, lowest {lowest}, highest {highest}")
    return lines


def _when(clip: Recognised, frame: int) -> str:
    return f"{frame / clip.fps:.1f} s" if clip.fps > 0 else f"frame {frame}"


def _bars(console: Console, names: tuple[str, ...], probabilities: np.ndarray) -> None:
    best, width = int(np.argmax(probabilities)), max(8, *map(len, names))
    for k, (name, value) in enumerate(zip(names, probabilities, strict=True)):
        style = "bold green" if k == best else ""
        console.print(Text(f"  {name:<{width}} {value:6.3f}  {bar(float(value), 30)}", style=style))


def stretches(n_frames: int, rows: int = ROWS) -> list[tuple[int, int]]:
    """Cut `n_frames` into at most `rows` stretches begin:end of equal length (the last may be shorter)."""
    length = -(-n_frames // rows)
    return [(begin, min(begin + length, n_frames)) for begin in range(0, n_frames, length)]


def _frames(console: Console, clip: Recognised) -> None:
    parts = stretches(len(clip.tracked))
    single = parts[0][1] - parts[0][0] == 1
    affect = np.empty((len(clip.tracked), 0)) if clip.affect is None else clip.affect
    short = clip.affect is not None and console.width < WIDE
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("  frame" if single else "  frames")
    if not single:
        table.add_column("faces", justify="right")
    for name in clip.frame_classes:
        table.add_column(name[:4] if short else name, justify="right")
    if not short:
        table.add_column("top")
    for name in ("valence", "arousal")[: affect.shape[1]]:
        table.add_column(name[:3] if short else name, justify="right")
    deciders = np.zeros(len(clip.tracked), bool)
    for begin, end in [] if clip.weights is None else _standing_out(clip.weights):
        deciders[begin:end] = True
    for begin, end in parts:
        tracked = clip.tracked[begin:end]
        probabilities, top = ["–"] * len(clip.frame_classes), "no face"
        pair = ["–"] * affect.shape[1]
        if tracked.any():
            mean = clip.probabilities[begin:end][tracked].mean(axis=0)
            probabilities, top = [f"{value:.2f}" for value in mean], clip.frame_classes[int(mean.argmax())]
            pair = [f"{value:+.2f}" for value in affect[begin:end][tracked].mean(axis=0)]
        frames = ["• " if deciders[begin:end].any() else "  "]
        frames[0] += f"{begin}" if single else f"{begin}–{end - 1}"
        if not single:
            frames.append(f"{tracked.sum()}/{end - begin}")
        table.add_row(*frames, *probabilities, *([] if short else [top]), *pair)
    title = "the image network, frame by frame" if single else "the image network, means over frames"
    marked = " (•: among those with half of the weight)" if deciders.any() else ""
    console.print(f"  {title}{marked}:", style="dim")
    console.print(table)


def show_summary(console: Console, clips: list[Recognised]) -> None:
    """All clips, a line each, under the shortest names that tell them apart."""
    table = Table(title="all clips", title_justify="left", box=None, pad_edge=False, header_style="bold")
    affect = all(clip.affect is not None for clip in clips)
    table.add_column("clip", overflow="fold")
    for column in ["predicted", "probability", "frames", "faces"] + ["valence", "arousal"] * affect:
        table.add_column(column, justify="left" if column == "predicted" else "right", no_wrap=True)
    for clip, label in zip(clips, short_names([clip.source for clip in clips]), strict=True):
        name, probability = clip.predicted
        faces = str(int(clip.tracked.sum()))
        means = [f"{mean:+.2f}" for mean in clip.affect[clip.tracked].mean(axis=0)] if affect else []
        table.add_row(Text(label), name, f"{probability:.3f}", str(len(clip.tracked)), faces, *means)
    console.print()
    console.print(table)


def short_names(sources: Sequence[str]) -> list[str]:
    """For each of `sources` the shortest end of its path, in whole names, that no other one ends in.

    A path that is the end of another one, or is given twice, stays as it is.
    """
    paths = [PurePath(source).parts for source in sources]
    ends = Counter(path[-n:] for path in paths for n in range(1, len(path) + 1))
    names = []
    for path in paths:
        alone = (path[-n:] for n in range(1, len(path)) if ends[path[-n:]] == 1)
        names.append(str(PurePath(*next(alone, path))))
    return names
