"""Strips of faces of the test clips that any model got wrong."""

from common import job

with job(snakemake) as say:
    from ferflow.explain.mistaken import strips_of
    from ferflow.settings import Pictures

    given, p = snakemake.input, snakemake.params
    n = strips_of(
        given.errors,
        given.faces,
        given.trim,
        given.manifest,
        snakemake.output[0],
        p.models,
        Pictures(**p.pictures),
        p.judged,
    )
    say(f"{n} strips of mistaken clips")
