# Optimisers and schedules compared on one network, at a size of the user's choice: `snakemake sweep`.


rule sweep_run:
    input:
        stills=STUDY.stills,
        best=lambda w: STUDY.sweep_before(w.run),
        models=lambda w: STUDY.sweep_starts(w.run),
    output:
        **in_folder(STUDY.at(layout.SWEEP), "model.pt", "history.csv", "predictions.csv", "run.json"),
    params:
        **params(
            "sweep_run",
            settings=lambda w: STUDY.sweep_settings(w.run),
            synthetic=STUDY.synthetic,
            # An interrupted run goes on from its checkpoints here; they are nobody's output.
            checkpoints=f"{STUDY.at(layout.RUN, model='sweep')}/{{run}}",
        ),
    wildcard_constraints:
        run="|".join(STUDY.sweep_runs),
    log:
        "logs/sweep/{run}.log",
    benchmark:
        "benchmarks/sweep/{run}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.spatial.threads
    resources:
        **resources("sweep_run"),
    script:
        "../scripts/step.py"


rule sweep_best:
    """The run of a stage with the greatest accuracy on PublicTest."""
    input:
        run_jsons=lambda w: STUDY.swept("run.json", w.stage),
    output:
        STUDY.at(layout.SWEEP_BEST),
    params:
        **params("sweep_best"),
    wildcard_constraints:
        stage="optimiser|schedule",
    log:
        "logs/sweep/best-{stage}.log",
    conda:
        "../envs/ferflow.yaml"
    resources:
        **resources("sweep_best"),
    script:
        "../scripts/step.py"
