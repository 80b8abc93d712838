# Searches of the heads' settings over cross-validation. All trials of a search are one job, as each is proposed from
# those before it; they read the one store of features.

if S.search.run:

    rule search_head:
        """The settings of a head that do best in cross-validation."""
        input:
            lambda w: list(STUDY.search_features(w.head).values())[-1],
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
        output:
            trials=STUDY.table("search-{head}"),
            best=STUDY.at(layout.SEARCH),
        params:
            **params(
                "search_head",
                features=lambda w: STUDY.search_features(w.head),
                settings=lambda w: STUDY.search(w.head),
                temporal=lambda w: STUDY.temporal(w.head),
                max_frames=S.features.max_frames,
                normalise=S.features.normalise,
                model=lambda w: STUDY.models[w.head],
                synthetic=STUDY.synthetic,
                # The trials of an interrupted search are kept here; they are nobody's output.
                storage=STUDY.at(layout.TRIALS, model="search-{head}"),
            ),
        wildcard_constraints:
            head="|".join(dict.fromkeys(S.search.run)),
        log:
            "logs/search/{head}.log",
        benchmark:
            "benchmarks/search/{head}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.temporal.cores
        resources:
            **resources("search_head"),
        priority: 10  # long, and nothing waits for it but the report
        script:
            "../scripts/step.py"
