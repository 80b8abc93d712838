"""A study of clips: its data set, faces, action units, trimming, and the split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ferflow import layout, shards
from ferflow.datasets import manifest
from ferflow.parts import CROSS_VALIDATION, FACES, shared_out
from ferflow.settings import Online, Pictures, Trim
from ferflow.steps.files import ClipFiles, StudyFiles
from ferflow.steps.step import Figure, ReportStep, Table, as_params


def steps(study: StudyFiles) -> Iterator[ReportStep | Table]:
    if not isinstance(study, ClipFiles):
        return
    settings = study.settings
    yield ReportStep(
        name="dataset",
        call="ferflow.datasets.check:write_check",
        sees=("synth4d",),
        given={"dataset": study.listed()},
        inputs={
            "manifest_csv": study.at(layout.MANIFEST),
            "unusable_csv": study.table("unusable"),
            "splits_json": study.splits,
        },
        outputs={"out": Table("dataset", "The data set: expected and found", FACES)},
    )
    yield ReportStep(
        name="tables_of_trimming",
        call="ferflow.report.tables:trimming",
        sees=("emotions",),
        given={"max_frames": settings.features.max_frames},
        inputs={"trim_csv": study.trim, "manifest_csv": study.clips},
        outputs={
            "summary": Table("trimming", "Frames before and after trimming", FACES),
            "anomalies": Table("anomalies", "Anomalies: clips that are not trimmed by themselves", FACES),
        },
    )
    yield Table("unusable", "Clips that cannot be used", FACES)
    yield ReportStep(
        name="unusable_counts",
        call="ferflow.datasets.usable:write_counts",
        sees=("classes=emotions",),
        inputs={"manifest_csv": study.at(layout.MANIFEST), "unusable_csv": study.table("unusable")},
        outputs={"out": Table("unusable_counts", "Clips used and left out", FACES)},
    )
    yield Table("remarks", "Remarks on clips that are used", FACES)
    if settings.faces.compared_clips:
        yield ReportStep(
            name="tracker_summary",
            call="ferflow.report.tables:trackers",
            given={"synthetic": study.synthetic},
            inputs={"trackers_csv": study.table("trackers")},
            outputs={"out": Table("tracker_summary", "Trackers compared", FACES)},
        )
    if study.synthetic:
        yield from _agreement(study)
    if settings.aus.compared:
        yield _backends(study)
    yield _curves(study)
    yield _pictures(study)


def _agreement(study: ClipFiles) -> Iterator[ReportStep]:
    yield ReportStep(
        name="agreement",
        call=f"{__name__}:agreement",
        inputs={
            "truth": study.rendered(study.rendered_truth, *study.rendered_aus),
            "aus_paths": study.of_subjects(layout.AUS),
            "manifest": study.clips,
            "trim": study.trim,
        },
        outputs={"out": Table("au_agreement")},
    )
    yield ReportStep(
        name="agreement_summary",
        call="ferflow.aus.agreement:write_summary",
        inputs={"agreement_csv": study.table("au_agreement")},
        outputs={"out": Table("au_agreement_summary", "Action units and trimming against the truth", FACES)},
    )


def agreement(truth: Sequence[str], aus_paths: Sequence[str], manifest: str, trim: str, out: str) -> None:
    """Measured action units and trimming against the generator's truth, whose files lie in one folder."""
    from ferflow.aus.agreement import write_agreement

    write_agreement(manifest, aus_paths, trim, Path(truth[0]).parent, out)


def _backends(study: ClipFiles) -> ReportStep:
    compared = {name: study.of_subjects(layout.AUS, backend=name) for name in study.settings.aus.compared}
    if study.synthetic:
        compared["truth"] = study.rendered(*study.rendered_aus)
    return ReportStep(
        name="au_backends",
        call=f"{__name__}:backends",
        given={"backends": list(compared), "synthetic": study.synthetic},
        inputs={"aus": [path for paths in compared.values() for path in paths], "manifest_csv": study.clips},
        outputs={
            "table": Table("au_backends", "Backends for action units on the same clips", FACES),
            "figure": Figure("au_backends", "Backends for action units", FACES),
        },
    )


def backends(
    backends: Sequence[str],
    aus: Sequence[str],
    manifest_csv: str,
    synthetic: bool,
    out_table: str,
    out_figure: str,
) -> None:
    """Compare `backends` on the same clips; `aus` are their files, as many of one as of another."""
    from ferflow.aus.agreement import write_backends
    from ferflow.report import run

    write_backends(manifest_csv, shared_out(backends, aus), out_table)
    run.backends(out_table, out_figure, synthetic)


def example_clip(study: ClipFiles) -> str:
    """The thesis shows M042_happy (its Figure 3.3); where that clip is unusable, another is shown."""
    return min(study.sources[study.subjects[-1]], key=lambda clip: (not clip.endswith("_happy"), clip))


def _curves(study: ClipFiles) -> ReportStep:
    example = example_clip(study)
    root = study.settings.dataset.root
    split = f"Subjects in the folds{' and the test set' if study.tested else ''}"
    return ReportStep(
        name="figures_of_faces",
        call=f"{__name__}:curves",
        sees=("trim",),
        given={"max_frames": study.settings.features.max_frames, "example": example},
        inputs={
            "aus": study.of_subjects(layout.AUS),
            "trim_csv": study.trim,
            "manifest_csv": study.clips,
            "splits_json": study.splits,
            "agreement": study.table("au_agreement") if study.synthetic else [],
            "truth": study.rendered_truth.format(subject=study.subjects[-1]) if study.synthetic else [],
            "true_aus": f"{root}/truth/{example}.csv" if study.synthetic else [],
        },
        outputs={
            "curve": Figure("au_curve", "AU score curve of a clip", FACES),
            "anomalies": Figure("anomalies", "AU score curves of the anomalies", FACES),
            "lengths": Figure("lengths", "Clip lengths before and after trimming", FACES),
            "splits": Figure("splits", split, CROSS_VALIDATION),
            "agreement": (
                Figure("agreement", "Measured against true action units", FACES) if study.synthetic else []
            ),
        },
    )


def curves(
    aus: Sequence[str],
    trim_csv: str,
    manifest_csv: str,
    splits_json: str,
    agreement: str | None,
    truth: str | None,
    true_aus: str | None,
    example: str,
    trim: Trim,
    max_frames: int,
    out_curve: str,
    out_anomalies: str,
    out_lengths: str,
    out_splits: str,
    out_agreement: str | None,
) -> None:
    """AU scores of an example and of the anomalies, clip lengths, the split, measured against true AUs."""
    from ferflow.report import run

    clip = manifest.example(manifest_csv, example)
    own = shards.BySubject(aus)[clip.subject_id]
    known = (truth, true_aus) if clip.clip_id == example and truth else (None, None)
    run.au_curve(clip.clip_id, own, trim_csv, manifest_csv, out_curve, trim, *known)
    run.anomalies(aus, trim_csv, manifest_csv, out_anomalies, trim)
    run.lengths(trim_csv, manifest_csv, out_lengths, max_frames)
    run.splits(splits_json, manifest_csv, out_splits)
    if agreement and out_agreement:
        run.agreement(agreement, out_agreement)


def example_files(study: ClipFiles) -> dict[str, str | list[str]]:
    """What a figure of an example clip is drawn from."""
    return {
        "faces": study.of_subjects(layout.FACES),
        "aus": study.of_subjects(layout.AUS),
        "trim_csv": study.trim,
        "manifest_csv": study.clips,
    }


def _pictures(study: ClipFiles) -> ReportStep:
    settings = study.settings
    return ReportStep(
        name="figures_of_way",
        call=f"{__name__}:pictures",
        sees=("emotions", "pictures", "seed"),
        given={
            "example": example_clip(study),
            "chin": settings.faces.extend,
            "transformations": settings.augment.transformations,
            "listing": settings.augment.listing,
            "online": as_params(settings.spatial.online),
        },
        inputs=example_files(study),
        outputs={
            "samples": Figure("samples", "Faces of the data set", FACES),
            "face": Figure("face", "The face of a clip: found, followed, resized", FACES),
            "kept": Figure("kept", "Frames of a clip before and after trimming", FACES),
            "offline": Figure("augmentation", "Augmentation, offline and online", FACES),
            "online": Figure("online", "Online augmentation, step by step", FACES),
        },
    )


def pictures(
    faces: Sequence[str],
    aus: Sequence[str],
    trim_csv: str,
    manifest_csv: str,
    example: str,
    emotions: Sequence[str],
    chin: float,
    transformations: Sequence[str],
    listing: bool,
    online: Online,
    pictures: Pictures,
    seed: int,
    out_samples: str,
    out_face: str,
    out_kept: str,
    out_offline: str,
    out_online: str,
) -> None:
    """Faces of the data set, a face found, frames kept, augmentation (thesis, Figures 3.2, 3.5, 3.8, 3.9)."""
    from ferflow.explain import preprocessing_figures

    clip = preprocessing_figures.Example.of(example, faces, aus, trim_csv, manifest_csv)
    preprocessing_figures.samples(faces, aus, trim_csv, manifest_csv, out_samples, emotions, pictures)
    preprocessing_figures.face(clip, out_face, chin, pictures)
    preprocessing_figures.kept(clip, out_kept, pictures)
    preprocessing_figures.offline_augmentation(
        clip, out_offline, transformations, listing, online, seed, pictures
    )
    preprocessing_figures.online_augmentation(clip, out_online, online, seed, pictures)
