# Cross-validations that compare settings: each run is a model like the study's own, without a final one.
HEAD_RUNS = [name for name, run in STUDY.runs.items() if run.of in STUDY.heads]
FRAME_RUNS = [name for name in STUDY.runs if name not in HEAD_RUNS]


if HEAD_RUNS:

    use rule fold as experiment_fold with:
        input:
            features=lambda w: STUDY.run_features(w.run),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
        output:
            **in_folder(STUDY.at(layout.EXPERIMENT_FOLD), "history.csv", "predictions.csv"),
        params:
            **params(
                "experiment_fold",
                tested=False,
                head=lambda w: STUDY.runs[w.run].of,
                temporal=lambda w: STUDY.temporal_of_run(w.run),
                finalize=None,
                max_frames=S.features.max_frames,
                normalise=lambda w: STUDY.runs[w.run].normalise or S.features.normalise,
                model=lambda w: w.run,
                run=STUDY.at(layout.RUN, model="experiment-{run}-{fold}"),
            ),
        wildcard_constraints:
            run="|".join(map(re.escape, HEAD_RUNS)),
        log:
            "logs/experiments/{run}-{fold}.log",
        benchmark:
            "benchmarks/experiments/{run}-{fold}.tsv"


if FRAME_RUNS:

    use rule end_to_end_fold as experiment_frames_fold with:
        output:
            **in_folder(STUDY.at(layout.EXPERIMENT_FOLD), "history.csv", "predictions.csv"),
        params:
            **params(
                "experiment_frames_fold",
                tested=False,
                name=lambda w: STUDY.runs[w.run].of,
                model=lambda w: w.run,
                network=lambda w: as_params(S.of_run(w.run)),
                plan=as_params(S.end_to_end.plan()),
                finalize=None,
                run=STUDY.at(layout.RUN, model="experiment-{run}-{fold}"),
            ),
        wildcard_constraints:
            run="|".join(map(re.escape, FRAME_RUNS)),
        log:
            "logs/experiments/{run}-{fold}.log",
        benchmark:
            "benchmarks/experiments/{run}-{fold}.tsv"
        resources:
            **resources("experiment_frames_fold"),
        priority: 0
