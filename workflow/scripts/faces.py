"""Find and track the face through one subject's clips; store the crops and landmarks."""

from common import job

with job(snakemake):
    from ferflow.datasets import manifest
    from ferflow.faces import store
    from ferflow.settings import Faces

    clips = manifest.read(snakemake.input.manifest)
    clips = clips[clips.subject_id == snakemake.wildcards.subject]
    p = snakemake.params
    store.write_subject(clips, snakemake.output[0], p.weights, Faces(**p.faces))
