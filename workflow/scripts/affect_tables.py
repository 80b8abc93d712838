"""Tables 3 to 6 of the paper, its losses beside others, and its numbers beside ours."""

from common import job

with job(snakemake):
    from ferflow.report import affect_tables, reference

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    left = zip(given.histories, given.times, given.abouts, strict=True)
    trained = {model: affect_tables.Trained(*files) for model, files in zip(p.models, left, strict=True)}
    affect_tables.training(trained, out.training)
    affect_tables.augmentation(p.augment, out.augmentation)
    affect_tables.halves(given.metrics, out.classification, out.regression)
    affect_tables.variants(given.metrics, out.variants)
    inputs = {"affect_metrics": given.metrics, "affect_report": given.report}
    inputs |= {"affect_training": out.training, "affect_augmentation": out.augmentation}
    reference.write("affectnet", inputs, out.beside, dataset=p.dataset)
