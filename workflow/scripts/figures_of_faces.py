"""Figures of the way in: AU curves, clip lengths, agreement with the truth, and the split of subjects."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datasets import manifest
    from ferflow.report import run
    from ferflow.settings import Trim

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    settings = Trim(**p.trim)
    clip = manifest.example(given.manifest, p.example)
    aus = next(path for path in given.aus if Path(path).stem == clip.subject_id)
    known = clip.clip_id == p.example and given.get("truth")
    truth, true_aus = (given.truth, given.true_aus) if known else (None, None)
    run.au_curve(clip.clip_id, aus, given.trim, given.manifest, out.curve, settings, truth, true_aus)
    run.anomalies(given.aus, given.trim, given.manifest, out.anomalies, settings)
    run.lengths(given.trim, given.manifest, out.lengths, p.max_frames)
    run.splits(given.splits, given.manifest, out.splits)
    if given.get("agreement"):
        run.agreement(given.agreement, out.agreement)
