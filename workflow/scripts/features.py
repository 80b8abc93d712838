"""Spatial features of one subject's clips, as they are and augmented."""

from common import job

with job(snakemake):
    from ferflow.features import extract
    from ferflow.settings import Features

    p, given = snakemake.params, snakemake.input
    settings = Features(**p.features)
    extractor = extract.Extractor(given.model, settings)
    for name, out in zip(p.augmentations, snakemake.output, strict=True):
        extract.write_subject(given.faces, out, given.model, name, settings, p.seed, p.listing, extractor)
