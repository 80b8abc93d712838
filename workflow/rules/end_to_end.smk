# The networks on the frames themselves (C3D, ConvLSTM), fold by fold and finally, beside the temporal heads.

if STUDY.networks:

    rule end_to_end_fold:
        input:
            faces=STUDY.of_subjects(layout.FACES),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
        output:
            **STUDY.fold_files(layout.END_TO_END_FOLD),
        params:
            **params(
                "end_to_end_fold",
                tested=STUDY.tested,
                name=lambda w: w.network,
                model=lambda w: w.network,
                network=lambda w: as_params(S.end_to_end.of(w.network)),
                plan=as_params(S.end_to_end.plan()),
                run=STUDY.at(layout.RUN, model="fold-{network}-{fold}"),
            ),
        wildcard_constraints:
            network="|".join(STUDY.networks),
        log:
            "logs/end_to_end/{network}-{fold}.log",
        benchmark:
            "benchmarks/end_to_end/{network}-{fold}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.end_to_end.cores
        resources:
            **resources("end_to_end_fold"),
        priority: 5  # the longest jobs of a study
        script:
            "../scripts/step.py"

    rule end_to_end_final:
        input:
            faces=STUDY.of_subjects(layout.FACES),
            early=STUDY.each(f"{layout.END_TO_END_FOLD}/best_epoch.json", fold=STUDY.folds),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
        output:
            **in_folder(STUDY.at(layout.END_TO_END_FINAL), "model.pt", "history.csv", "predictions.csv"),
        params:
            **params(
                "end_to_end_final",
                name=lambda w: w.network,
                network=lambda w: as_params(S.end_to_end.of(w.network)),
                plan=as_params(S.end_to_end.plan()),
                prepared={name: as_params(getattr(S, name)) for name in ("faces", "aus", "trim")},
                run=STUDY.at(layout.RUN, model="final-{network}"),
            ),
        wildcard_constraints:
            network="|".join(STUDY.networks),
        log:
            "logs/end_to_end/{network}-final.log",
        benchmark:
            "benchmarks/end_to_end/{network}-final.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.end_to_end.cores
        resources:
            **resources("end_to_end_final"),
        script:
            "../scripts/step.py"
