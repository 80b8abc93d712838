"""Figures of the way in: AU curves, clip lengths, agreement with the truth, and the split of subjects."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.report import run
    from ferflow.settings import Trim

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    settings = Trim(**p.trim)
    aus = next(path for path in given.aus if Path(path).stem == p.example_subject)
    truth, true_aus = given.get("truth") or None, given.get("true_aus") or None
    run.au_curve(p.example, aus, given.trim, given.manifest, out.curve, settings, truth, true_aus)
    run.anomalies(given.aus, given.trim, given.manifest, out.anomalies, settings)
    run.lengths(given.trim, given.manifest, out.lengths, p.max_frames)
    run.splits(given.splits, given.manifest, out.splits)
    if given.get("agreement"):
        run.agreement(given.agreement, out.agreement)
