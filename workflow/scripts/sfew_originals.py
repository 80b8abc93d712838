"""Scale every scene to the networks' size, once."""

from common import job

with job(snakemake):
    from ferflow.sfew import store

    store.write_originals(snakemake.input.manifest, snakemake.output[0])
