"""Settings compared in cross-validation: the table, the curves, and the figure of each comparison."""

from common import job

with job(snakemake):
    from ferflow.evaluation import run
    from ferflow.report import experiments, tables
    from ferflow.settings import Comparison, Evaluation

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    n_folds = len(given.history) // len(p.compared)
    histories = {name: given.history[i * n_folds : (i + 1) * n_folds] for i, name in enumerate(p.compared)}
    comparisons = {name: Comparison(**one) for name, one in p.comparisons.items()}
    tables.cv_epochs(histories, out.epochs, p.synthetic, p.protocol)
    run.tabulate(
        given.predictions,
        given.manifest,
        out.results,
        Evaluation(**p.evaluation),
        p.seed,
        p.emotions,
        p.protocol,
    )
    experiments.write_table(histories, comparisons, p.changes, out.table, p.synthetic, p.protocol)
    for comparison, path in zip(comparisons.values(), out.figures, strict=True):
        experiments.write_figure(histories, comparison, path, len(p.emotions), p.synthetic, p.protocol)
