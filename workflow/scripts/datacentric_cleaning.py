"""The cleaned split, what each rule drops, and the counts of what was found."""

from common import job

with job(snakemake):
    from ferflow.classes import EMOTIONS_NEUTRAL
    from ferflow.datacentric import run
    from ferflow.datacentric.label_errors import agreement
    from ferflow.datacentric.summary import Thresholds
    from ferflow.evaluation import predictions

    given, p = dict(snakemake.input.items()), snakemake.params
    agreed = agreement(predictions.read(given["judged"], EMOTIONS_NEUTRAL))
    thresholds = Thresholds(p.near_distance, p.constant, p.whiskers, p.filter, p.images, agreed)
    found = run.found(given, p.margin)
    run.clean(
        given["manifest"], found, p.cleaning, p.training_only, thresholds, dict(snakemake.output.items())
    )
