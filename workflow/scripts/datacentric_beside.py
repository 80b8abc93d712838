"""Every number of the data-centric paper beside ours."""

from common import job

with job(snakemake):
    from ferflow.report import reference

    given = snakemake.input
    inputs = {"data_quality": given.quality, "sampling": given.compared}
    reference.write("datacentric", inputs, snakemake.output[0])
