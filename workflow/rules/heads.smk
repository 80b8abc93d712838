# The temporal heads fold by fold, the final models, models without a head, and two controls.


rule fold:
    input:
        features=lambda w: STUDY.head_features(w.head),
        manifest=STUDY.clips,
        trim=STUDY.trim,
        splits=STUDY.splits,
    output:
        **STUDY.fold_files(layout.FOLD),
    params:
        **params(
            "fold",
            tested=STUDY.tested,
            temporal=lambda w: STUDY.temporal(w.head),
            max_frames=S.features.max_frames,
            normalise=S.features.normalise,
            model=lambda w: STUDY.models[w.head],
            # An interrupted training goes on from its checkpoints here; they are nobody's output.
            run=STUDY.at(layout.RUN, model="fold-{head}-{fold}"),
        ),
    log:
        "logs/fold/{head}-{fold}.log",
    benchmark:
        "benchmarks/fold/{head}-{fold}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.temporal.cores
    resources:
        **resources("fold"),
    script:
        "../scripts/step.py"


rule final:
    input:
        features=lambda w: STUDY.head_features(w.head),
        early=STUDY.each(f"{layout.FOLD}/best_epoch.json", fold=STUDY.folds),
        manifest=STUDY.clips,
        trim=STUDY.trim,
        splits=STUDY.splits,
        spatial=f"{STUDY.spatial}/model.pt",
    output:
        **in_folder(STUDY.at(layout.FINAL), "model.pt", "history.csv", "predictions.csv"),
    params:
        **params(
            "final",
            settings=lambda w: STUDY.trained(w.head),
            run=STUDY.at(layout.RUN, model="final-{head}"),
        ),
    log:
        "logs/final/{head}.log",
    benchmark:
        "benchmarks/final/{head}.tsv"
    conda:
        "../envs/ferflow.yaml"
    threads: S.temporal.cores
    resources:
        **resources("final"),
    script:
        "../scripts/step.py"


if STUDY.baselines:

    rule baselines:
        """Models without a head over time, in the same folds and on the same test subjects."""
        input:
            # The layer that the network's classifier reads.
            features=STUDY.all_features(layer="dense"),
            aus=STUDY.of_subjects(layout.AUS),
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
            spatial=f"{STUDY.spatial}/model.pt",
        output:
            baselines=STUDY.baseline_predictions(),
        params:
            **params("baselines", settings=STUDY.trained(baselines=as_params(S.baselines))),
        log:
            "logs/baselines.log",
        benchmark:
            "benchmarks/baselines.tsv"
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("baselines"),
        script:
            "../scripts/step.py"


if STUDY.controls:

    rule control_neutral:
        """The same cascade on the frames before the expression begins: it must stay at chance."""
        input:
            features=lambda w: STUDY.head_features(w.head),
            early=STUDY.each(f"{layout.FOLD}/best_epoch.json", fold=STUDY.folds),
            truth=STUDY.rendered(STUDY.rendered_truth) if STUDY.synthetic else [],
            manifest=STUDY.clips,
            trim=STUDY.trim,
            splits=STUDY.splits,
        output:
            STUDY.at(layout.CONTROL, control="neutral-{head}"),
        params:
            **params(
                "control_neutral",
                settings=lambda w: STUDY.trained(w.head),
                run=STUDY.at(layout.RUN, model="control-neutral-{head}"),
            ),
        log:
            "logs/controls/neutral-{head}.log",
        benchmark:
            "benchmarks/controls/neutral-{head}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: S.temporal.cores
        resources:
            **resources("control_neutral"),
        script:
            "../scripts/step.py"


if STUDY.controls and STUDY.synthetic:

    rule control_true_aus:
        """A simple classifier on the generator's own action units: the ceiling."""
        input:
            STUDY.rendered(*STUDY.rendered_aus),
            manifest=STUDY.clips,
            splits=STUDY.splits,
        output:
            STUDY.at(layout.CONTROL, control="true-aus"),
        params:
            **params(
                "control_true_aus",
                settings=STUDY.trained(),
                truth_folder=lambda w, input: Path(input[0]).parent,
            ),
        log:
            "logs/controls/true-aus.log",
        conda:
            "../envs/ferflow.yaml"
        resources:
            **resources("control_true_aus"),
        script:
            "../scripts/step.py"
