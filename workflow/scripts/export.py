"""Export the features in the thesis's own layout, one file per fold."""

from common import job

with job(snakemake):
    from ferflow.features import export

    given, p = snakemake.input, snakemake.params
    tables = (given.manifest, given.trim, given.splits)
    export.write_folds(given.features, *tables, snakemake.output[0], p.max_frames, p.emotions)
