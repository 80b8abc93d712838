"""Cross-validation in folds of one sex and of both: the table and its figure."""

from common import job

with job(snakemake):
    from ferflow.evaluation import split_kinds as measured
    from ferflow.report import split_kinds as drawn
    from ferflow.settings import Evaluation

    p, given, out = snakemake.params, snakemake.input, snakemake.output
    evaluation = Evaluation(**p.evaluation)

    def of_each(paths):
        """Paths of each model and scheme in the order in which they are given."""
        pairs = [(model, scheme) for model in p.models for scheme in p.schemes]
        count = len(paths) // len(pairs)
        return {pair: paths[i * count : (i + 1) * count] for i, pair in enumerate(pairs)}

    measured.write(
        of_each(given.predictions),
        of_each(given.history),
        given.manifest,
        out.table,
        evaluation,
        p.seed,
        p.emotions,
        p.protocol,
    )
    drawn.figure(out.table, out.figure, 1 / len(p.emotions), evaluation.confidence)
