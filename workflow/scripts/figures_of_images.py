"""Accuracy of the networks, their learning curves and confusion matrices."""

from common import job

with job(snakemake):
    from ferflow.classes import EMOTIONS_NEUTRAL
    from ferflow.report import image_figures, run

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    n_classes = len(EMOTIONS_NEUTRAL)
    image_figures.write_accuracies(given.accuracies, out.accuracies, p.confidence, n_classes)
    for model, history, path in zip(p.models, given.histories, out.learning, strict=True):
        run.learning_curves([history], path, model, n_classes, p.synthetic, p.protocol)
    for model, path in zip(p.confused, out.confusion, strict=True):
        run.confusion(given.confusion, path, model, things="images")
