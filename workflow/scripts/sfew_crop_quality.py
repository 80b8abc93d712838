"""Count the face crops of each class and what is wrong with them."""

from common import job

with job(snakemake):
    from ferflow.sfew import crops

    crops.write_quality(snakemake.input.manifest, snakemake.input.table, snakemake.output[0])
