# What people see in the test clips: annotations, vote counts or, on the embedded data set, simulated annotators.

if STUDY.humans == "simulated":

    rule simulated_annotators:
        input:
            truth_csvs=STUDY.rendered(STUDY.rendered_truth),
            manifest_csv=STUDY.clips,
            splits_json=STUDY.splits,
        output:
            STUDY.human_answers(),
        params:
            **params("simulated_annotators", settings=as_params(S.humans.simulated)),
        log:
            "logs/simulated_annotators.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("simulated_annotators"),
        script:
            "../scripts/step.py"
