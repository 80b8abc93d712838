"""Accuracies in all folds, and what the protocols put on two sides."""

from common import job

with job(snakemake):
    from ferflow.sfew import run

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    said = {protocol: given.get(f"predictions_{protocol}") for protocol in p.protocols}
    sides = {protocol: given.get(f"folds_{protocol}") for protocol in p.protocols}
    run.write_folds(said, p.starts, given.manifest, out.folds)
    run.write_protocols(given.manifest, sides, out.protocols)
