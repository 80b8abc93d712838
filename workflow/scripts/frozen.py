"""What a frozen base says of every image."""

from common import job

with job(snakemake):
    from ferflow.settings import Spatial
    from ferflow.training.classifier import write_frozen

    given, known = snakemake.input, snakemake.params.known
    settings = Spatial(**known["settings"])
    write_frozen(
        given.stills, given.pretrained, snakemake.output[0], settings, known["seed"], known["protocol"]
    )
