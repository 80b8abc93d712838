"""Train one cell in each fold of one protocol."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings.sfew import Cell, Transfer
    from ferflow.sfew import run

    given, p = snakemake.input, snakemake.params
    run.train_cell(
        given.manifest,
        given.folds,
        given.features,
        Cell(**p.cell),
        Transfer(**p.transfer, protocols=[snakemake.wildcards.protocol], cells={}),
        snakemake.wildcards.protocol,
        given.weights or None,
        p.seed,
        Path(snakemake.output.predictions).parent,
    )
