"""The frames that decide on some test clips, with class-activation maps."""

from common import job

with job(snakemake):
    from ferflow.explain.network_run import deciding_frames
    from ferflow.settings import Pictures

    given, p = snakemake.input, snakemake.params
    deciding_frames(
        given.model,
        given.predictions,
        given.faces,
        given.features,
        given.trim,
        given.manifest,
        snakemake.output[0],
        p.emotions,
        p.threads,
        p.seed,
        Pictures(**p.pictures),
    )
