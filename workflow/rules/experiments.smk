# Cross-validations that compare settings: each run is a model like the study's own, without a final one.
RUNS = S.experiments.trained()
HEAD_RUNS = [name for name, run in RUNS.items() if run.of in HEADS]
FRAME_RUNS = [name for name in RUNS if name not in HEAD_RUNS]
COMPARISONS = S.experiments.chosen()


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)) or "none",


def run_files(name, file):
    """A file of every fold of a run, or of a model of the study."""
    pattern = layout.EXPERIMENT_FOLD
    if name in HEADS:
        pattern = layout.FOLD
    elif name in END_TO_END:
        pattern = layout.END_TO_END_FOLD
    return expand(f"{at(pattern)}/{file}", run=name, head=name, network=name, fold=FOLDS)


def run_features(w):
    names = ["none", *S.augment.transformations[: S.of_run(w.run).augmentations]]
    layer = RUNS[w.run].layer or S.features.layer
    return expand(at(layout.FEATURES, layer=layer), augmentation=names, subject=SUBJECTS)


if HEAD_RUNS:

    rule experiment_fold:
        input:
            features=run_features,
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            history=at(layout.EXPERIMENT_FOLD) + "/history.csv",
            predictions=at(layout.EXPERIMENT_FOLD) + "/predictions.csv",
        params:
            tested=False,
            of=lambda w: RUNS[w.run].of,
            head=lambda w: plain(S.of_run(w.run)),
            temporal=WITHOUT_HEADS,
            finalize=None,
            max_frames=S.features.max_frames,
            normalise=lambda w: RUNS[w.run].normalise or S.features.normalise,
            emotions=S.emotions,
            model=lambda w: w.run,
            seed=S.seed,
        wildcard_constraints:
            run="|".join(map(re.escape, HEAD_RUNS)),
        log:
            "logs/experiments/{run}-{fold}.log",
        benchmark:
            "benchmarks/experiments/{run}-{fold}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(720),
        script:
            "../scripts/fold.py"


if FRAME_RUNS:

    rule experiment_frames_fold:
        input:
            faces=expand(at(layout.FACES), subject=SUBJECTS),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            history=at(layout.EXPERIMENT_FOLD) + "/history.csv",
            predictions=at(layout.EXPERIMENT_FOLD) + "/predictions.csv",
        params:
            tested=False,
            of=lambda w: RUNS[w.run].of,
            network=lambda w: plain(S.of_run(w.run)),
            plan=plain(S.end_to_end.plan()),
            finalize=None,
            augment=plain(S.augment),
            emotions=S.emotions,
            model=lambda w: w.run,
            seed=S.seed,
        wildcard_constraints:
            run="|".join(map(re.escape, FRAME_RUNS)),
        log:
            "logs/experiments/{run}-{fold}.log",
        benchmark:
            "benchmarks/experiments/{run}-{fold}.tsv"
        threads: S.end_to_end.threads
        resources:
            mem_mb=more(lambda w: end_to_end_memory(RUNS[w.run].of, S.of_run(w.run))),
            runtime=more(1440),
        script:
            "../scripts/end_to_end_fold.py"


if COMPARISONS:
    COMPARED = list(dict.fromkeys(run for one in COMPARISONS.values() for run in one.runs))

    rule experiments:
        """Every run of every comparison: accuracy in cross-validation, and the gap to the training's."""
        input:
            history=[run_files(name, "history.csv") for name in COMPARED],
            predictions=[run_files(name, "predictions.csv") for name in RUNS],
            manifest=at(layout.CLIPS),
        output:
            table=table("experiments"),
            epochs=table("experiment_epochs"),
            results=table("experiment_results"),
            figures=[
                shown_figure(f"experiment-{name}", one.title, "7 Experiments") for name, one in COMPARISONS.items()
            ],
        params:
            compared=COMPARED,
            comparisons={name: plain(one) for name, one in COMPARISONS.items()},
            changes={name: S.told(name) for name in RUNS},
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            synthetic=SYNTHETIC,
            protocol=S.protocol,
            seed=S.seed,
        log:
            "logs/experiments.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/experiments.py"

    SHOWN["experiments"] = ("experiments", "Settings compared in cross-validation", "7 Experiments")
    FIGURES += [figure(f"experiment-{name}") for name in COMPARISONS]
