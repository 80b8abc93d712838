"""Train one run of the sweep over optimisers and schedules."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import Spatial, Sweep
    from ferflow.training import sweep

    given, p = snakemake.input, snakemake.params
    sweep.train(
        snakemake.wildcards.run,
        given.stills,
        Path(snakemake.output.model).parent,
        Sweep(**p.sweep),
        Spatial(**p.spatial),
        p.seed,
        synthetic=p.synthetic,
        protocol=p.protocol,
        best=given.get("best") or None,
        models=given.get("models") or [],
        checkpoints=Path(p.checkpoints),
    )
