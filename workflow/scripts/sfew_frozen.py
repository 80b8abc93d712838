"""Ask the frozen stages of one network for all images, once."""

from common import job

with job(snakemake):
    from ferflow import layout
    from ferflow.sfew import frozen
    from ferflow.weights import start_file

    given, p, w = snakemake.input, snakemake.params, snakemake.wildcards
    weights = start_file(w.network, p.start, layout.WEIGHTS)
    own = p.start, weights, p.seed, p.threads
    frozen.write(given.images, w.network, int(w.unfrozen), *own, snakemake.output[0])
