"""Draw simulated annotators of the test clips from the noise model."""

from common import job

with job(snakemake):
    from ferflow.humans import run
    from ferflow.settings import SimulatedAnnotators

    p, given = snakemake.params, snakemake.input
    run.write_simulated(
        given.manifest,
        given.splits,
        given.truth,
        snakemake.output[0],
        SimulatedAnnotators(**p.simulated),
        p.emotions,
        p.seed,
    )
