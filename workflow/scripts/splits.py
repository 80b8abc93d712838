"""Split the subjects into a test set and folds."""

from common import job

with job(snakemake):
    from ferflow.datasets import manifest
    from ferflow.training import splits

    p = snakemake.params
    clips = manifest.read(snakemake.input.clips)
    sexes = dict(zip(clips.subject_id, clips.sex, strict=True))
    split = splits.make(
        p.splits["scheme"],
        sexes,
        p.splits["folds"],
        p.splits["test_share"],
        p.seed,
        p.protocol,
        p.by_name,
    )
    splits.write(split, snakemake.output[0])
