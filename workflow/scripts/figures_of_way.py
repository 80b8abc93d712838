"""Figures of the way in: faces of the data set, a face found, the frames kept, augmentation."""

from common import job

with job(snakemake):
    from ferflow.explain import way_run
    from ferflow.settings import Online, Pictures

    given, out, p = snakemake.input, snakemake.output, snakemake.params
    pictures, online = Pictures(**p.pictures), Online(**p.online)
    tables = given.trim, given.manifest
    clip = way_run.Example.of(p.example, given.faces, given.aus, *tables)
    way_run.samples(given.faces, given.aus, *tables, out.samples, p.emotions, pictures)
    way_run.face(clip, out.face, p.chin, pictures)
    way_run.kept(clip, out.kept, pictures)
    way_run.offline_augmentation(clip, out.offline, p.transformations, p.listing, online, p.seed, pictures)
    way_run.online_augmentation(clip, out.online, online, p.seed, pictures)
