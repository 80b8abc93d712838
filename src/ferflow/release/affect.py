"""What follows of a study of valence and arousal: from the networks' predictions to its tables."""

from __future__ import annotations

from ferflow import layout
from ferflow.evaluation import affect
from ferflow.release.steps import CURVES, OTHERS, PREDICTIONS, Places, Step
from ferflow.report import affect_tables, reference

JUDGED = ("affect_metrics", "affect_report", "affect_confusion")


def steps(at: Places) -> list[Step]:
    """All predictions, the metrics, Tables 3 to 6, and what stands beside the paper."""
    if not at.settings.affect.models:
        return []
    return [_predictions(at), _metrics(at), _halves(at), _training(at), _models(at), _beside(at)]


def _each(at: Places, file: str) -> dict[str, str]:
    """A file of every network's training, by its name."""
    return {
        model: f"{at.name(layout.AFFECT_MODEL, model=model)}/{file}" for model in at.settings.affect.models
    }


def _predictions(at: Places) -> Step:
    parts = list(_each(at, "predictions.csv").values())

    def make() -> None:
        affect.collect([at.there(one) for one in parts], at.out(at.name(layout.PREDICTIONS)))

    return Step(PREDICTIONS, parts, make)


def _metrics(at: Places) -> Step:
    parts = list(_each(at, "predictions.csv").values())

    def make() -> None:
        affect.evaluate(
            [at.there(one) for one in parts],
            at.out(at.name(layout.METRICS)),
            {name: at.out(at.table(name)) for name in JUDGED},
            at.settings.evaluation,
            at.settings.seed,
        )

    return Step(PREDICTIONS, parts, make)


def _halves(at: Places) -> Step:
    metrics = at.table("affect_metrics")

    def make() -> None:
        outs = [at.out(at.table(f"affect_{half}")) for half in ("classification", "regression")]
        affect_tables.halves(at.best(metrics), *outs)
        affect_tables.variants(at.best(metrics), at.out(at.table("affect_variants")))

    return Step(PREDICTIONS, [metrics], make)


def _training(at: Places) -> Step:
    files = [_each(at, name) for name in ("history.csv", "time.json", "about.csv")]

    def make() -> None:
        trained = {
            model: affect_tables.Trained(*(at.there(one[model]) for one in files))
            for model in at.settings.affect.models
        }
        affect_tables.training(trained, at.out(at.table("affect_training")))
        affect_tables.augmentation(_augment(at), at.out(at.table("affect_augmentation")))

    return Step(CURVES, [name for one in files for name in one.values()], make)


def _models(at: Places) -> Step:
    abouts = list(_each(at, "about.csv").values())

    def make() -> None:
        from ferflow.affect import train

        train.table([at.there(one) for one in abouts], at.out(at.table("affect_models")))

    return Step(OTHERS, abouts, make)


def _beside(at: Places) -> Step:
    names = ("affect_metrics", "affect_report", "affect_training", "affect_augmentation")
    needs = [at.table(name) for name in names]

    def make() -> None:
        dataset, _ = at.settings.data()
        out = at.out(at.table("affect_beside"))
        inputs = {name: at.best(path) for name, path in zip(names, needs, strict=True)}
        reference.write("affectnet", inputs, out, dataset=dataset)

    return Step(PREDICTIONS, needs, make)


def _augment(at: Places) -> dict | None:
    augment = at.settings.affect.loading.augment
    return None if augment is None else augment.model_dump(mode="json")
