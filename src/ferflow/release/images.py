"""What follows of a study of single images: from the networks' predictions to its tables."""

from __future__ import annotations

from ferflow import layout
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.datacentric import run as datacentric
from ferflow.evaluation import images
from ferflow.evaluation import run as evaluation
from ferflow.release.bundle import manifest_of
from ferflow.release.steps import OTHERS, PREDICTIONS, Places, Step
from ferflow.report import image_tables, reference
from ferflow.settings import BEST

COMPARED = ("results", "confusion", "class_report")


def steps(at: Places) -> list[Step]:
    """The averages, all predictions, the accuracies, and what stands beside the papers."""
    settings = at.settings
    found = []
    if settings.images.trained():
        found += [*_averages(at), _predictions(at), _metrics(at), _accuracies(at), _beside(at)]
    if settings.datacentric.studied:
        found += _datacentric(at)
    return found


def _asked(at: Places, model: str, file: str) -> str:
    return f"{at.name(layout.VIEWS, model=model)}/{file}.csv"


def _average(at: Places, ensemble: str, file: str) -> str:
    return f"{at.name(layout.ENSEMBLE, ensemble=ensemble)}/{file}.csv"


def _averages(at: Places) -> list[Step]:
    members = at.settings.images.averaged()
    if at.settings.images.best:
        choice = at.there(at.name(layout.ENSEMBLE, ensemble=BEST) + "/choice.json")
        members[BEST] = images.chosen_models(choice) if choice.is_file() else []

    def step(name: str, models: list[str]) -> Step:
        said = [_asked(at, model, "predictions") for model in models]
        copies = [_asked(at, model, "copies") for model in models]

        def make() -> None:
            images.average_models(
                name,
                [at.there(one) for one in said],
                [at.there(one) for one in copies],
                at.out(_average(at, name, "predictions")),
                at.out(_average(at, name, "copies")),
            )

        return Step(PREDICTIONS, [*said, *copies], make)

    return [step(name, models) for name, models in members.items() if models]


def _judged(at: Places, file: str) -> list[str]:
    averaged = [*at.settings.images.averaged(), *([BEST] if at.settings.images.best else [])]
    return [_asked(at, model, file) for model in at.settings.images.trained()] + [
        _average(at, name, file) for name in averaged
    ]


def _predictions(at: Places) -> Step:
    parts, manifest = _judged(at, "predictions"), manifest_of(at.settings)

    def make() -> None:
        out = at.out(at.name(layout.PREDICTIONS))
        evaluation.collect([at.best(one) for one in parts], at.there(manifest), out, EMOTIONS_NEUTRAL)

    return Step(PREDICTIONS, [*parts, manifest], make)


def _metrics(at: Places) -> Step:
    settings, manifest = at.settings, manifest_of(at.settings)
    copies, said = _judged(at, "copies"), at.name(layout.PREDICTIONS)

    def make() -> None:
        images.evaluate(
            [at.there(said)],
            [at.best(one) for one in copies],
            at.there(manifest),
            at.out(at.name(layout.METRICS)),
            {name: at.out(at.table(name)) for name in (*COMPARED, "copies")},
            settings.evaluation,
            settings.seed,
            settings.protocol,
        )

    return Step(PREDICTIONS, [said, *copies, manifest], make)


def _accuracies(at: Places) -> Step:
    best = at.settings.images.best
    choice = at.name(layout.ENSEMBLE, ensemble=BEST) + "/choice.json"
    needs = [at.table("results"), at.table("networks"), *([choice] if best else [])]

    def make() -> None:
        image_tables.accuracies(
            at.best(at.table("results")),
            at.best(at.table("networks")),
            at.settings.images,
            at.out(at.table("accuracies")),
            images.chosen_models(at.there(choice)) if best else (),
        )

    return Step(PREDICTIONS, needs, make)


def _beside(at: Places) -> Step:
    source = at.settings.stills.source
    needs = [at.table(name) for name in ("accuracies", "networks", "image_counts")]

    def make() -> None:
        inputs = dict(zip(("accuracies", "networks", "image_counts"), map(at.best, needs), strict=True))
        optional = {"sweep": at.there(at.table("sweep")), "speed": at.there(layout.SPEED)}
        inputs |= {name: path for name, path in optional.items() if path.is_file()}
        dataset = "synth4d-stills" if source == "synth4d" else source
        reference.write("compact", inputs, at.out(at.table("compact")), dataset=dataset)

    return Step(PREDICTIONS, needs, make)


def _datacentric(at: Places) -> list[Step]:
    settings, own = at.settings, at.settings.datacentric

    def cell(network: str, sampling: str, protocol: str) -> str:
        return at.name(layout.CELL, network=network, sampling=sampling, protocol=protocol)

    def files(folders: list[str]) -> list[str]:
        return [f"{folder}/{name}.csv" for folder in folders for name in ("predictions", "sides")]

    def comparison(name: str, rows: list[tuple[str, str]]) -> Step:
        folders = [cell(*row, protocol) for row in rows for protocol in ("published", "honest")]

        def make() -> None:
            read = [at.there(folder) for folder in folders]
            datacentric.compare(rows, read, settings.evaluation, settings.seed, at.out(at.table(name)))

        return Step(PREDICTIONS, files(folders), make)

    compared = {
        "variants": [(name, "none") for name in own.variants],
        "sampling": [(name, one) for name, samplings in own.networks.items() for one in samplings],
    }
    compared = {name: rows for name, rows in compared.items() if rows}
    found = [comparison(name, rows) for name, rows in compared.items()]
    if own.cleaned:
        # As the workflow lists them: every network's honest row, then its cleaned one.
        folders = [cell(name, "none", protocol) for name in own.cleaned for protocol in ("honest", "cleaned")]

        def cleaned() -> None:
            read, out = [at.there(folder) for folder in folders], at.out(at.table("cleaned_training"))
            datacentric.compare_cleaned(own.cleaned, read, settings.evaluation, settings.seed, out)

        found.append(Step(PREDICTIONS, files(folders), cleaned))
    tables = [at.table("data_quality"), *(at.table(name) for name in compared)]

    def beside() -> None:
        quality, *sampling = (at.best(name) for name in tables)
        inputs = {"data_quality": quality, "sampling": sampling}
        reference.write("datacentric", inputs, at.out(at.table("datacentric")))

    return [*found, Step(OTHERS, tables, beside)]
