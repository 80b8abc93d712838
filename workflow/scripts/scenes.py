"""Render the synthetic scenes in SFEW's layout."""

from common import job

with job(snakemake):
    from ferflow.datasets.scenes import write_scenes
    from ferflow.settings import Synth4d
    from ferflow.settings.scenes import Scenes

    p = snakemake.params
    write_scenes(p.folder, p.weights, Scenes(**p.scenes), Synth4d(**p.synth4d), p.seed)
