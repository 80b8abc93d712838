"""Sheets of images that each network classified rightly and wrongly."""

from common import job

with job(snakemake):
    from ferflow.report import affect_sheets

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    for right, paths in ((True, out.right), (False, out.wrong)):
        for model, path in zip(p.models, paths, strict=True):
            affect_sheets.write(given.predictions, p.root, path, model, right)
