"""Compare the three trackers on a few clips, one of each subject in turn."""

from common import job

with job(snakemake):
    from pathlib import Path

    from ferflow.datasets import manifest
    from ferflow.faces import compare
    from ferflow.report import tables
    from ferflow.settings import Faces

    p, out = snakemake.params, snakemake.output
    settings = Faces(**p.faces)
    clips = manifest.read(snakemake.input.manifest)
    chosen = clips.iloc[:: max(1, len(clips) // settings.compared_clips)][: settings.compared_clips]
    sources = {clip.clip_id: Path(clip.source) for clip in chosen.itertuples()}
    compare.write_comparison(compare.compare_trackers(sources, p.weights, settings), out.clips)
    tables.trackers(out.clips, out.summary, p.synthetic)
