"""The thesis's numbers and ours, one table per table of the thesis."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.report import image_counts, reference, thesis
    from ferflow.settings import C3dSettings, Evaluation, HeadSettings

    p, given = snakemake.params, snakemake.input
    ours = thesis.load(
        {name: given[name] for name in p.sources},
        given.predictions,
        given.manifest,
        p.emotions,
        given.spatial[0] if given.spatial else None,
        p.synthetic_stills,
        dataset=p.dataset,
        stills=p.stills,
        evaluation=Evaluation(**p.evaluation),
        seed=p.seed,
        spatial=p.network,
        others=p.others,
        experiments=p.experiments,
        image_counts=image_counts.of_stills(given.images[0], p.synthetic_stills) if given.images else None,
        parameters=thesis.counts(
            HeadSettings(**p.heads["lstm"]) if "lstm" in p.heads else None, C3dSettings(**p.c3d)
        ),
    )
    reference.write_each("thesis", ours, Path(snakemake.output[0]).parent)
