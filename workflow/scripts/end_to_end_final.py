"""Train a network on frames on all training subjects, and judge it once on the test subjects."""

from common import job

with job(snakemake):
    from pathlib import Path

    from end_to_end import training_of
    from ferflow.training.endtoend import train_final

    out = Path(snakemake.output.model).parent
    train_final(training_of(snakemake), snakemake.input.early, out, snakemake.params.prepared)
