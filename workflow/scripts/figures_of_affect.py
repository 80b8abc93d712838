"""Training graphs, confusion matrices, and the plane of valence and arousal of every network."""

from common import job

with job(snakemake):
    from ferflow.classes import EMOTIONS_CONTEMPT
    from ferflow.report import affect_figures, run

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    for model, history, path in zip(p.models, given.histories, out.learning, strict=True):
        about = {"schema": "affect_history", "loss": "loss, as optimised"}
        run.learning_curves([history], path, model, len(EMOTIONS_CONTEMPT), p.synthetic, **about)
    for model, path in zip(p.models, out.confusion, strict=True):
        affect_figures.write_confusion(given.confusion, given.report, path, model)
    for model, path in zip(p.models, out.plane, strict=True):
        affect_figures.write_plane(given.predictions, path, model)
