"""What follows of the SFEW study's predictions: metrics, matrices, and the paper's tables beside ours."""

from __future__ import annotations

from ferflow import layout
from ferflow.release.bundle import manifest_of
from ferflow.release.steps import PREDICTIONS, Places, Step
from ferflow.sfew import results, run
from ferflow.sfew.folds import PROTOCOLS

PAPER = ("sfew_table1", "sfew_table2", "sfew_table3", "sfew_table4")


def steps(at: Places) -> list[Step]:
    """Accuracies of the hand-made features, metrics of all models, and published beside ours."""
    from ferflow import tables
    from ferflow.report import reference, sfew_tables

    settings, manifest = at.settings, manifest_of(at.settings)
    transfer, handmade = settings.sfew.transfer.run(), settings.sfew.handmade
    dataset, synthetic = settings.data()

    def said(protocol: str, cells: list[str]) -> list[str]:
        return [
            f"{at.name(layout.SFEW_CELL, protocol=protocol, cell=cell)}/predictions.csv" for cell in cells
        ]

    own = {name: said(name, list(handmade.run())) if name in handmade.protocols else [] for name in PROTOCOLS}
    trained = {
        name: said(name, [cell for cell, about in transfer.items() if name in about.protocols])
        for name in PROTOCOLS
    }
    everything = {name: trained[name] + own[name] for name in PROTOCOLS}

    def make_handmade() -> None:
        files = {name: [at.there(path) for path in own[name]] for name in handmade.protocols}
        run.write_folds(files, {}, at.there(manifest), at.out(at.table("sfew_handmade")))

    def make_metrics() -> None:
        results.evaluate(
            {name: [at.there(path) for path in paths] for name, paths in everything.items()},
            synthetic,
            settings.evaluation,
            settings.seed,
            settings.protocol,
            at.out(at.name(layout.METRICS)),
            at.out(at.name(layout.PREDICTIONS)),
            at.out(at.table("results")),
            at.out(at.table("confusion")),
        )

    folds = [at.table("sfew_folds"), *([at.table("sfew_handmade")] if handmade.run() else [])]

    def make_beside() -> None:
        inputs = {
            "sfew_folds": [at.best(name) for name in folds],
            "sfew_counts": at.there(at.table("sfew_counts")),
        }
        ours = reference.read("sfew", inputs, dataset=dataset)
        tables.write(reference.compare("sfew", ours), at.out(at.table("sfew_beside")), "reference")
        sfew_tables.write(ours, {name: at.out(at.table(name)) for name in PAPER})

    found = [Step(PREDICTIONS, [path for paths in everything.values() for path in paths], make_metrics)]
    if handmade.run():
        found.insert(
            0,
            Step(PREDICTIONS, [manifest, *(path for paths in own.values() for path in paths)], make_handmade),
        )
    return [*found, Step(PREDICTIONS, [*folds, at.table("sfew_counts")], make_beside)]
