"""Render the synthetic faces with valence and arousal, in AffectNet's layout."""

from common import job

with job(snakemake):
    from ferflow.datasets.synth4d import affect
    from ferflow.settings import Synth4d
    from ferflow.settings.affect import AffectSynthetic

    p = snakemake.params
    affect.write(p.folder, p.weights, AffectSynthetic(**p.synthetic), Synth4d(**p.synth4d), p.seed)
