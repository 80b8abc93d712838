"""Measured action units and trimming against the generator's truth."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.aus.agreement import write_agreement

    given, out = snakemake.input, snakemake.output
    write_agreement(
        given.manifest, given.aus, given.trim, Path(given.truth[0]).parent, out.clips, out.summary
    )
