"""List the clips that can be used and count the others; end the run where the study leaves none out."""

from common import job

with job(snakemake) as say:
    from ferflow.datasets import usable

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    for line in usable.lines(given.unusable):
        say(line)
    # Not one of the rule's params: which way it goes changes nothing of what was made already.
    policy = snakemake.config["dataset"]["unusable"]
    usable.decide(given.manifest, given.unusable, policy, p.emotions, p.protocol)
    usable.write_counts(given.manifest, given.unusable, out.counts, p.emotions)
    usable.write_used(given.manifest, given.unusable, out.clips)
