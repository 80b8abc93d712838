"""What follows of a study of clips: from predictions and answers to its tables."""

from __future__ import annotations

from ferflow import layout, tables
from ferflow.evaluation import detail, fold_models
from ferflow.evaluation import run as evaluation
from ferflow.evaluation.groups import used
from ferflow.fusion.run import write_fusions
from ferflow.humans import run as humans
from ferflow.release import trained, written
from ferflow.release.steps import ANSWERS, PREDICTIONS, VOTES, Places, Step, manifest_of


def steps(at: Places) -> list[Step]:
    """All that can be made again, in the order in which it builds on one another."""
    return [
        *_humans(at),
        *([_fusion(at)] if at.settings.fusion.any() else []),
        _predictions(at),
        _metrics(at),
        *_spatial(at),
        *_fold_models(at),
        _details(at),
        *trained.steps(at),
        *written.steps(at),
    ]


def _common(at: Places) -> tuple:
    """What ends the arguments of most functions of evaluation."""
    settings = at.settings
    return settings.evaluation, settings.seed, settings.emotions, settings.protocol


def _humans(at: Places) -> list[Step]:
    settings = at.settings
    source = settings.humans.source(settings.dataset.name)
    if source is None:
        return []
    folder, splits, manifest = at.name(layout.HUMANS), at.name(layout.SPLITS), at.name(layout.CLIPS)
    all_clips = manifest_of(settings)
    # All answers about the test clips, under the annotators' pseudonyms.
    answers = VOTES if source == "votes" else f"{folder}/annotators.csv"
    evaluate = humans.from_votes if source == "votes" else humans.from_annotations

    def make() -> None:
        evaluate(
            at.there(answers),
            at.there(manifest),
            at.there(splits),
            at.made / folder,
            at.made / at.name(layout.TABLES),
            settings.humans.mistaken,
            settings.evaluation,
            settings.emotions,
            settings.seed,
            at.there(all_clips),
        )

    return [Step(ANSWERS, [answers, splits, manifest, all_clips], make)]


def _fusion(at: Places) -> Step:
    manifest = at.name(layout.CLIPS)

    def make() -> None:
        write_fusions(
            [at.there(at.name(layout.PREDICTIONS))],
            at.there(manifest),
            at.out(at.name(layout.FUSION) + "/predictions.csv"),
            at.out(at.table("fusion")),
            at.settings.fusion,
            *_common(at),
        )

    return Step(PREDICTIONS, [at.name(layout.PREDICTIONS), manifest], make)


def _predictions(at: Places) -> Step:
    """All predictions once more, from those of each fold and final model."""
    settings, manifest = at.settings, at.name(layout.CLIPS)
    parts = [*trained.of_folds(at), *(trained.of_finals(at) if settings.splits.tested else [])]
    parts += [at.name(layout.BASELINE, baseline=name) for name in settings.baselines.models()]
    if settings.evaluation.controls and settings.splits.tested:
        folder = at.name(layout.CONTROLS)
        parts += [f"{folder}/neutral-{head}.csv" for head in settings.temporal.heads]
        parts += [f"{folder}/true-aus.csv"] if settings.dataset.name == "synth4d" else []
    if settings.humans.source(settings.dataset.name):
        parts.append(at.name(layout.HUMANS) + "/majority.csv")

    def make() -> None:
        out = at.out(at.name(layout.PREDICTIONS))
        evaluation.collect([at.best(one) for one in parts], at.there(manifest), out, settings.emotions)

    return Step("the predictions of folds, final models and annotators", [*parts, manifest], make)


def _metrics(at: Places) -> Step:
    said, manifest = at.name(layout.PREDICTIONS), at.name(layout.CLIPS)

    def make() -> None:
        evaluation.evaluate(
            [at.there(said)],
            at.there(manifest),
            at.out(at.name(layout.METRICS)),
            at.made / at.name(layout.TABLES),
            *_common(at),
        )

    return Step(PREDICTIONS, [said, manifest], make)


def _spatial(at: Places) -> list[Step]:
    settings = at.settings
    if not settings.trains_spatial():
        return []
    folder = at.name(layout.SPATIAL, model=settings.spatial.network)

    def make() -> None:
        evaluation.evaluate_spatial(
            at.there(f"{folder}/predictions.csv"),
            at.out(f"{folder}/metrics.json"),
            at.made / at.name(layout.TABLES),
            settings.evaluation,
            settings.seed,
            synthetic=settings.stills.source == "synth4d",
            protocol=settings.protocol,
        )

    return [Step(PREDICTIONS, [f"{folder}/predictions.csv"], make)]


def _fold_models(at: Places) -> list[Step]:
    if not at.settings.splits.tested:
        return []
    tested, said = trained.of_folds(at, "tested.csv"), at.name(layout.PREDICTIONS)
    manifest = at.name(layout.CLIPS)

    def make() -> None:
        evaluated, seed, emotions, protocol = _common(at)
        read = [at.there(one) for one in tested]
        out = at.out(at.table("fold_models"))
        fold_models.write(read, at.there(said), at.there(manifest), out, emotions, evaluated, seed, protocol)

    return [Step(PREDICTIONS, [*tested, said, manifest], make)]


def _details(at: Places) -> Step:
    said, manifest = at.name(layout.PREDICTIONS), at.name(layout.CLIPS)
    fused = [at.name(layout.FUSION) + "/predictions.csv"] if at.settings.fusion.any() else []
    asked = at.settings.evaluation.by

    def make() -> None:
        detail.write_details(
            [at.there(said), *map(at.best, fused)],
            at.there(manifest),
            at.made / at.name(layout.TABLES),
            at.settings.calibration,
            *_common(at),
            used(tables.read(at.there(manifest), "manifest").to_dict("list"), asked),
        )

    return Step(PREDICTIONS, [said, *fused, manifest], make)
