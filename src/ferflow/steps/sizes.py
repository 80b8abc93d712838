"""The size of a study's data, and the work of its jobs, by their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ferflow import datasets, layout, tables
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datasets.sfew import PUBLISHED
from ferflow.errors import FerflowError
from ferflow.settings import Settings
from ferflow.steps.computing import STEPS
from ferflow.steps.work import CONSTANT, Sizes, Work

IMAGES = {"fer2013": 35_887, "ckplus": 981, "jaffe": 213, "kdef": 4_900}
"""Images of the sets that networks for single images learn from."""
AFFECTNET_VALIDATION = 3_999
"""Images of AffectNet's validation part with one of the eight classes (Akhtar 2022, Figure 7)."""


def of_job(rule: str, wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> Work:
    """The work of one job of a study with `size`; that of a report's step is always the same."""
    return STEPS[rule].work(wildcards, settings, size) if rule in STEPS else Work(CONSTANT)


def of_study(settings: Settings, folder: Path, subjects: Sequence[str] | None = None) -> Sizes:
    """The size of a study's data, from its manifest, else from its list of clips.

    `subjects`: those of a study of clips, where somebody has listed them already.
    Clips whose manifest is not there yet count `features.max_frames` frames each; synthetic ones the mean
    of the frames that are rendered. Raises InputError where the data set is not there.
    """
    if settings.kind in ("sfew", "affect"):
        return _listed(settings, folder)
    rendered = settings.stills.per_class * len(EMOTIONS_NEUTRAL)
    images = IMAGES.get(settings.stills.source, rendered)
    if settings.kind != "clips":
        return Sizes({}, images)
    manifest = folder / layout.MANIFEST.format(dataset=settings.data()[0])
    names = None if settings.dataset.name != "synth4d" else datasets.subjects(settings)
    if manifest.is_file():
        try:
            clips = tables.read(manifest, "manifest")
        except FerflowError:
            clips = None
        if clips is not None and (names is None or set(clips["subject_id"]) >= set(names)):
            if names is not None:
                clips = clips[clips["subject_id"].isin(names)]
            counted = clips.groupby("subject_id")["n_frames"].agg(["size", "sum"])
            found = {str(s): (int(n), int(frames)) for s, n, frames in counted.itertuples()}
            return Sizes(found, images)
    each = len(settings.emotions)
    frames = sum(settings.synth4d.frames) / 2 if names is not None else settings.features.max_frames
    subjects = datasets.subjects(settings) if subjects is None else subjects
    return Sizes({name: (each, round(each * frames)) for name in subjects}, images, known=False)


def _listed(settings: Settings, folder: Path) -> Sizes:
    """The lines of a manifest of images; before there is one as many as are rendered, or were published."""
    manifest = folder / layout.MANIFEST.format(dataset=settings.data()[0])
    try:
        with manifest.open("rb") as lines:
            return Sizes({}, max(0, sum(1 for _ in lines) - 1))
    except OSError:
        synthetic = settings.data()[1]
        if settings.kind == "sfew":
            share = settings.sfew.scenes.per_class / 100 if synthetic else 1
            images = round(share * sum(PUBLISHED.values()))
        else:
            own = settings.affect.synthetic
            rendered = own.train + len(own.distribution) * own.validation_per_class
            images = rendered if synthetic else sum(own.distribution.values()) + AFFECTNET_VALIDATION
        return Sizes({}, images, known=False)
