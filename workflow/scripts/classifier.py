"""Phase 1 of fine-tuning: search the best classifier on the frozen base."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.settings import Finetune, Spatial
    from ferflow.training.classifier import search_classifier

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    search_classifier(
        given.frozen,
        given.pretrained,
        Path(out.model).parent,
        out.trials,
        Spatial(**p.known["settings"]),
        Finetune(**p.stages),
        p.known["seed"],
        p.storage,
        synthetic=p.synthetic,
        protocol=p.known["protocol"],
    )
