"""Split the subjects into a test set and folds."""

from common import job

with job(snakemake):
    from ferflow.datasets import manifest
    from ferflow.training import splits

    p = snakemake.params
    own = p.splits
    clips = splits.sides(manifest.read(snakemake.input.clips))
    split = splits.of_clips(
        own["scheme"], clips, own["folds"], own["test_share"], p.seed, p.protocol, p.by_name
    )
    if len(split["folds"]) != own["folds"]:
        raise splits.lost_folds(split, own["folds"])
    splits.write(split, snakemake.output[0])
