"""Cut out the face of each scene that counts."""

from common import job

with job(snakemake):
    import torch

    from ferflow.settings.scenes import Crops
    from ferflow.sfew import crops

    p, out = snakemake.params, snakemake.output
    torch.set_num_threads(snakemake.threads)
    settings, detector = Crops(**p.crops), snakemake.wildcards.detector
    crops.write(snakemake.input.manifest, out.crops, out.table, detector, settings, p.weights)
