"""Feature maps of every block of the spatial network for one face."""

from common import job

with job(snakemake):
    from ferflow.explain.network_run import feature_maps
    from ferflow.explain.way_run import Example
    from ferflow.settings import Pictures

    given, p = snakemake.input, snakemake.params
    clip = Example.of(p.example, given.faces, given.aus, given.trim, given.manifest)
    feature_maps(given.model, clip, snakemake.output[0], p.threads, p.seed, Pictures(**p.pictures))
