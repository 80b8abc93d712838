"""Train the spatial model on the stills, or take over one that is trained."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import Spatial
    from ferflow.training import spatial

    p, given = snakemake.params, snakemake.input
    settings, folder = Spatial(**p.spatial), Path(snakemake.output.model).parent
    if settings.weights:
        spatial.adopt(given.adopted, folder, settings)
    else:
        spatial.train_spatial(
            given.stills,
            folder,
            settings,
            p.seed,
            synthetic=p.synthetic,
            protocol=p.protocol,
            pretrained=given.get("pretrained") or None,
            run=Path(p.run),
        )
