# What it does to put women and men in different folds: the study's subjects in folds of the other scheme as well. The
# folds of its own scheme are trained already.

if S.splits.compared:

    rule other_splits:
        input:
            splits_json=STUDY.splits,
            manifest_csv=STUDY.clips,
        output:
            STUDY.at(layout.SPLIT_KIND, scheme=S.splits.other()),
        params:
            **params("other_splits"),
        log:
            "logs/other_splits.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("other_splits"),
        script:
            "../scripts/step.py"

    use rule fold as other_splits_fold with:
        input:
            features=lambda w: STUDY.head_features(w.head),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.at(layout.SPLIT_KIND, scheme=S.splits.other()),
        output:
            **in_folder(
                STUDY.at(layout.SPLIT_KIND_FOLD, scheme=S.splits.other()), "history.csv", "predictions.csv"
            ),
        params:
            **params(
                "other_splits_fold",
                tested=False,
                temporal=lambda w: STUDY.temporal(w.head),
                finalize=None,
                max_frames=S.features.max_frames,
                normalise=S.features.normalise,
                model=lambda w: STUDY.models[w.head],
                run=STUDY.at(layout.RUN, model="split-kind-{head}-{fold}"),
            ),
        wildcard_constraints:
            head="|".join(dict.fromkeys(S.splits.compared)),
        log:
            "logs/split_kinds/{head}-{fold}.log",
        benchmark:
            "benchmarks/split_kinds/{head}-{fold}.tsv"
