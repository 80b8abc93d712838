"""Count the clips that are left out; end the run where the study leaves none out."""

from common import job

with job(snakemake) as say:
    from ferflow.datasets import usable

    given, p = snakemake.input, snakemake.params
    for line in usable.lines(given.unusable):
        say(line)
    usable.decide(given.manifest, given.unusable, p.policy, p.emotions, p.protocol)
    usable.write_counts(given.manifest, given.unusable, snakemake.output[0], p.emotions)
