"""The thesis's Table 3.4 and ours."""

from common import job

with job(snakemake):
    from ferflow.report.finetune import write_finetuned

    given, p = snakemake.input, snakemake.params
    files = zip(given.models, given.predictions, strict=True)
    write_finetuned(dict(zip(p.names, files, strict=True)), snakemake.output[0], p.protocol)
