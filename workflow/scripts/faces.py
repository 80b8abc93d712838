"""Find and track the face through one subject's clips; store the crops and landmarks."""

from common import job

with job(snakemake):
    import pandas as pd

    from ferflow.faces import store
    from ferflow.settings import Faces

    p, given = snakemake.params, snakemake.input
    clips = pd.DataFrame({"clip_id": p.clip_ids, "source": list(given.clips)})
    store.write_subject(clips, snakemake.output[0], p.weights, Faces(**p.faces))
