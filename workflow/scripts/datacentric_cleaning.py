"""The cleaned split, what each rule drops, and the counts of what was found."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run
    from ferflow.datacentric.summary import Thresholds

    given, p = dict(snakemake.input.items()), snakemake.params
    thresholds = Thresholds(p.near_distance, p.constant, p.whiskers, p.filter, p.images)
    found = run.found(given)
    run.clean(
        given["manifest"], found, p.cleaning, p.training_only, thresholds, dict(snakemake.output.items())
    )
