"""List the images that have an expression, and count the others."""

from common import job

with job(snakemake):
    from ferflow.datasets import affect_index

    out, p = snakemake.output, snakemake.params
    affect_index.build(p.folder, out.index, out.counts, p.smallest)
