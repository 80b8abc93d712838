"""Action-unit intensities of one subject's clips."""

from common import job

with job(snakemake):
    from ferflow.aus import run
    from ferflow.faces import store
    from ferflow.settings import Aus

    faces, p = snakemake.input.faces, snakemake.params
    run.write_subject(faces, snakemake.output[0], store.with_face(faces), Aus(**p.aus), p.weights)
