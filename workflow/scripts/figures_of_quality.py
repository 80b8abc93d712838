"""Sheets of example images and the box plot of mean grey levels."""

from common import job

with job(snakemake):
    from ferflow.datacentric import run, store

    given, out, p = dict(snakemake.input.items()), dict(snakemake.output.items()), snakemake.params
    run.draw_means(given["pixel_means"], given["pixel_boxes"], p.whiskers, out.pop("pixel_means"))
    run.draw_sheets(store.read(given["pixels"], given["manifest"]), run.found(given, p.margin), p.sheet, out)
