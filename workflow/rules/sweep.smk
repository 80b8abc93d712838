# Optimisers and schedules compared on one network, at a size of the user's choice: `snakemake sweep`.
from ferflow.training import sweep as sweeps

SWEEP_RUNS = sweeps.runs(S.sweep)


def swept(stage, name):
    """A file of every run of a stage."""
    return [f"{at(layout.SWEEP, run=run)}/{name}" for run, r in SWEEP_RUNS.items() if r.stage == stage]


def swept_before(w):
    """What the run goes on with: the best of the stage before."""
    stage = sweeps.BEFORE[SWEEP_RUNS[w.run].stage]
    return at(layout.SWEEP_BEST, stage=stage) if stage else []


def sweep_settings(w):
    """What shapes one run: one more optimiser in the list must not send the others through again."""
    run = SWEEP_RUNS[w.run]
    own = {"optimisers": [run.optimiser or "sgd"], "schedules": [run.schedule]}
    return plain(S.sweep) | own


rule sweep_run:
    input:
        stills=S.stills.path,
        best=swept_before,
        models=lambda w: swept("schedule", "model.pt") if SWEEP_RUNS[w.run].stage == "tuning" else [],
    output:
        model=at(layout.SWEEP) + "/model.pt",
        history=at(layout.SWEEP) + "/history.csv",
        predictions=at(layout.SWEEP) + "/predictions.csv",
        facts=at(layout.SWEEP) + "/run.json",
    params:
        sweep=sweep_settings,
        spatial=plain(S.spatial),
        seed=S.seed,
        synthetic=SYNTHETIC_STILLS,
        protocol=S.protocol,
        # An interrupted run goes on from its checkpoints here; they are nobody's output.
        checkpoints=at(layout.RUN, model="sweep") + "/{run}",
    wildcard_constraints:
        run="|".join(SWEEP_RUNS),
    log:
        "logs/sweep/{run}.log",
    benchmark:
        "benchmarks/sweep/{run}.tsv"
    threads: S.spatial.threads
    resources:
        mem_mb=more(4000),
        runtime=more(600),
    script:
        "../scripts/sweep_run.py"


rule sweep_best:
    """The run of a stage with the greatest accuracy on PublicTest."""
    input:
        lambda w: swept(w.stage, "run.json"),
    output:
        at(layout.SWEEP_BEST),
    wildcard_constraints:
        stage="optimiser|schedule",
    log:
        "logs/sweep/best-{stage}.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/sweep_best.py"


rule sweep_table:
    input:
        runs=expand(at(layout.SWEEP) + "/run.json", run=SWEEP_RUNS),
        best=expand(at(layout.SWEEP_BEST), stage=["optimiser", "schedule"]),
    output:
        table("sweep"),
        report(
            at(layout.TABLES) + "/sweep.html",
            category="4 Optimisers and schedules",
            labels={"shown": "Optimisers and schedules: published and ours", "kind": "table"},
            caption="../report/table.rst",
        ),
        at(layout.TABLES) + "/sweep.md",
        at(layout.TABLES) + "/sweep.tex",
    log:
        "logs/sweep/table.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/sweep_table.py"


rule sweep_figure:
    input:
        table=table("sweep"),
        histories=expand(at(layout.SWEEP) + "/history.csv", run=SWEEP_RUNS),
    output:
        shown_figure("sweep", "Optimisers and schedules by epoch", "4 Optimisers and schedules"),
    params:
        runs=list(SWEEP_RUNS),
    log:
        "logs/sweep/figure.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/sweep_figure.py"


SWEPT = [table("sweep"), f"{at(layout.TABLES)}/sweep.html", figure("sweep")]


rule sweep:
    input:
        SWEPT,


# A target of its own, since it is many runs; once it is there, the study's report shows it.
if all(Path(path).exists() for path in SWEPT):
    RESULTS += SWEPT
