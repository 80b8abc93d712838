# Nested cross-validation (thesis, Algorithm 2). Every candidate on every inner fold of every outer fold is a job of its
# own; all of them read the one store of features. An outer fold is an ordinary split, so nothing is copied for it.
INNER_RUNS = {"candidate": list(S.nested.tried()), "inner": range(S.nested.inner)}


wildcard_constraints:
    outer=r"\d+",
    inner=r"\d+",
    candidate="|".join(map(re.escape, INNER_RUNS["candidate"])),


if S.nested.heads:

    rule nested_plan:
        """Which subjects stand where: outer x inner folds, stratified by sex."""
        input:
            manifest_csv=STUDY.clips,
        output:
            plan=STUDY.at(layout.NESTED_PLAN),
            splits=STUDY.each(layout.NESTED_SPLITS, outer=range(S.nested.outer)),
        params:
            **params("nested_plan", inner=S.nested.inner),
        log:
            "logs/nested_plan.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("nested_plan"),
        script:
            "../scripts/step.py"

    rule nested_inner:
        """One candidate without one inner fold."""
        input:
            features=lambda w: STUDY.candidate_features(w.head, w.candidate),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.at(layout.NESTED_SPLITS),
        output:
            **STUDY.fold_files(layout.NESTED_INNER, tested=False),
        params:
            **params(
                "nested_inner",
                settings=lambda w: STUDY.nested(w.head, w.candidate),
                model=lambda w: STUDY.models[w.head],
                run=STUDY.at(layout.RUN, model="nested-{outer}-{head}-{candidate}-{inner}"),
            ),
        log:
            "logs/nested/{outer}-{head}-{candidate}-{inner}.log",
        benchmark:
            "benchmarks/nested/{outer}-{head}-{candidate}-{inner}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.temporal.cores
        resources:
            **resources("nested_inner"),
        script:
            "../scripts/step.py"

    rule nested_outer:
        """The candidate that the inner folds chose, tested once on the outer fold."""
        input:
            STUDY.each(f"{layout.NESTED_INNER}/best_epoch.json", **INNER_RUNS),
            lambda w: STUDY.candidates_features(w.head),
            predictions=STUDY.each(f"{layout.NESTED_INNER}/predictions.csv", **INNER_RUNS),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.at(layout.NESTED_SPLITS),
        output:
            **in_folder(
                STUDY.at(layout.NESTED_OUTER), "inner.csv", "choice.json", "history.csv", "predictions.csv"
            ),
        params:
            **params(
                "nested_outer",
                settings=lambda w: STUDY.nested(w.head, *INNER_RUNS["candidate"]),
                model=lambda w: STUDY.models[w.head],
                features=lambda w: {
                    name: STUDY.candidate_features(w.head, name) for name in INNER_RUNS["candidate"]
                },
                run=STUDY.at(layout.RUN, model="nested-{outer}-{head}"),
            ),
        log:
            "logs/nested/{outer}-{head}.log",
        benchmark:
            "benchmarks/nested/{outer}-{head}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.temporal.cores
        resources:
            **resources("nested_outer"),
        script:
            "../scripts/step.py"
