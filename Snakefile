# The whole study in the order of its data. Settings: params.yaml, with --configfile STUDY laid over it.
from snakemake.utils import min_version

min_version("9.0")


configfile: Path(workflow.basedir) / "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/weights.smk"


if S.kind in ("clips", "images"):

    include: "workflow/rules/spatial.smk"
    include: "workflow/rules/finetune.smk"


if S.kind == "clips":

    include: "workflow/rules/data.smk"
    include: "workflow/rules/faces.smk"
    include: "workflow/rules/features.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/end_to_end.smk"
    include: "workflow/rules/humans.smk"
    include: "workflow/rules/evaluate.smk"
    include: "workflow/rules/figures.smk"
    include: "workflow/rules/pictures.smk"
    include: "workflow/rules/experiments.smk"
    include: "workflow/rules/nested.smk"
    include: "workflow/rules/search.smk"
    include: "workflow/rules/split_kinds.smk"
    include: "workflow/rules/fusion.smk"

elif S.kind == "images":

    include: "workflow/rules/images.smk"
    include: "workflow/rules/sweep.smk"
    include: "workflow/rules/image_results.smk"

    if S.datacentric.studied:

        include: "workflow/rules/datacentric.smk"

elif S.kind == "sfew":

    include: "workflow/rules/sfew.smk"
    include: "workflow/rules/sfew_handmade.smk"
    include: "workflow/rules/sfew_tables.smk"

else:

    include: "workflow/rules/affect.smk"


include: "workflow/rules/shown.smk"


rule all:
    default_target: True
    input:
        RESULTS,
        TABLES,
        FIGURES,


if S.kind == "clips":

    # The coarse stages of dvc.yaml, each a target of the same graph.
    rule all_faces:
        input:
            at(layout.MANIFEST),
            at(layout.TRIM),

    rule all_features:
        input:
            ORIGINALS,
            [head_features(head) for head in HEADS],

    rule all_models:
        input:
            of_finals("model.pt"),
