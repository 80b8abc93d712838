"""Train a network on frames without one fold, and judge it on that fold."""

from common import job

with job(snakemake) as say:
    from pathlib import Path

    from end_to_end import training_of
    from ferflow.training.endtoend import run_fold

    out = Path(snakemake.output.history).parent
    run_fold(training_of(snakemake), int(snakemake.wildcards.fold), out, say, snakemake.params.tested)
