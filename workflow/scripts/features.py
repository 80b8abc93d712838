"""Spatial features of one subject's clips, as they are and augmented, at every layer in one pass."""

from common import job

with job(snakemake):
    from ferflow.features import extract
    from ferflow.settings import Features

    p, given = snakemake.params, snakemake.input
    settings = Features(**p.features)
    extractor = extract.Extractor(given.model, settings, p.layers)
    count = len(p.layers)
    for number, name in enumerate(p.augmentations):
        paths = dict(zip(p.layers, snakemake.output[number * count : (number + 1) * count], strict=True))
        extract.write_subject(given.faces, paths, given.model, name, settings, p.seed, p.listing, extractor)
