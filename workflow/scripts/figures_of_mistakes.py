"""AU curves of the test clips that each model got wrong."""

from common import job

with job(snakemake):
    from ferflow.explain.mistaken import write_mistaken

    given, p = snakemake.input, snakemake.params
    for model, output in zip(p.models, snakemake.output, strict=True):
        write_mistaken(
            given.errors, given.aus, given.trim, given.manifest, output, model, p.threshold, p.judged
        )
