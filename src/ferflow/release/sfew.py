"""What follows of a study of faces in scenes: from the predictions of its cells to their tables."""

from __future__ import annotations

from ferflow import layout
from ferflow.release import sfew_results
from ferflow.release.steps import OTHERS, PREDICTIONS, Places, Step, manifest_of
from ferflow.sfew import run


def steps(at: Places) -> list[Step]:
    """Accuracies in all folds, what stands on two sides, and the batch sizes."""
    transfer, manifest = at.settings.sfew.transfer, manifest_of(at.settings)
    cells, protocols = transfer.run(), transfer.under()

    def of_cells(file: str) -> dict[str, list[str]]:
        return {
            protocol: [
                f"{at.name(layout.SFEW_CELL, protocol=protocol, cell=name)}/{file}"
                for name, cell in cells.items()
                if protocol in cell.protocols
            ]
            for protocol in protocols
        }

    said, runs = of_cells("predictions.csv"), of_cells("runs.csv").get("random", [])
    folds = {protocol: at.name(layout.SFEW_FOLDS, protocol=protocol) for protocol in protocols}

    def make_folds() -> None:
        files = {protocol: [at.there(name) for name in names] for protocol, names in said.items()}
        run.write_folds(files, transfer.starts(), at.there(manifest), at.out(at.table("sfew_folds")))

    def make_protocols() -> None:
        files = {protocol: at.there(name) for protocol, name in folds.items()}
        run.write_protocols(at.there(manifest), files, at.out(at.table("sfew_protocols")))

    def make_batches() -> None:
        run.write_batches(
            at.best(at.table("sfew_folds")),
            [at.there(name) for name in runs if _on_originals(name, at)],
            at.out(at.table("sfew_batches")),
        )

    found = [
        Step(PREDICTIONS, [manifest, *(name for names in said.values() for name in names)], make_folds),
        Step(OTHERS, [manifest, *folds.values()], make_protocols),
    ]
    if any(_on_originals(name, at) for name in runs):
        found.append(Step(PREDICTIONS, [at.table("sfew_folds"), *runs], make_batches))
    return [*found, *sfew_results.steps(at)]


def _on_originals(name: str, at: Places) -> bool:
    cell = at.settings.sfew.transfer.run()[name.split("/")[-2]]
    return cell.images == "originals" and not cell.unfrozen
