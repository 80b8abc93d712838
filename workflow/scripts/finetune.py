"""Phases 2 and 3 of fine-tuning: unfreeze the last blocks, refine."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import Finetune, Spatial
    from ferflow.training.finetune import finetune

    given, p = snakemake.input, snakemake.params
    finetune(
        given.stills,
        Path(given.model).parent,
        Path(snakemake.output.model).parent,
        Spatial(**p.known["settings"]),
        Finetune(**p.stages),
        p.known["seed"],
        p.run,
        synthetic=p.synthetic,
        protocol=p.known["protocol"],
    )
