"""Render the synthetic 48x48 stills on which the spatial model is trained, in FER2013's CSV format."""

from common import job

with job(snakemake):
    from ferflow.datasets import synth4d
    from ferflow.settings import Stills, Synth4d

    p = snakemake.params
    synth4d.write_stills(snakemake.output[0], p.weights, Stills(**p.stills), Synth4d(**p.synth4d), p.seed)
