"""Find the frames to keep of every clip (thesis, Algorithm 1)."""

from common import job

with job(snakemake):
    from ferflow.aus.trim import write_trim
    from ferflow.settings import Trim

    given = snakemake.input
    write_trim(given.aus, given.clips, snakemake.output[0], Trim(**snakemake.params.trim))
