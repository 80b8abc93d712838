"""Draw a sheet of face crops to look at."""

from common import job

with job(snakemake):
    from ferflow.report import crop_sheet

    i = snakemake.input
    crop_sheet.draw(i.manifest, i.crops, i.table, snakemake.output[0], "Face crops")
