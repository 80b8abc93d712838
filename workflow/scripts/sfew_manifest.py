"""List every scene with its class, film and set, and count those left out."""

from common import job

with job(snakemake):
    from ferflow.datasets import sfew

    p, out = snakemake.params, snakemake.output
    sfew.write_manifest(p.dataset["path"], p.dataset["smallest"], out.manifest, out.dropped, out.counts)
