"""Control: a simple classifier on the true action units of synthetic clips."""

from common import job

with job(snakemake):
    from ferflow.settings import ClipSettings
    from ferflow.training import controls

    controls.true_aus(
        splits=snakemake.input.splits,
        manifest=snakemake.input.manifest,
        truth_folder=snakemake.params.root,
        out=snakemake.output[0],
        settings=ClipSettings(**snakemake.params.settings),
    )
