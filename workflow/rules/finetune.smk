# Networks that are fine-tuned in the thesis's three phases instead of trained from their start (spatial.method).

if STUDY.finetuned:

    rule frozen:
        """Cache the features of the frozen base, for all classifiers that are tried on it."""
        input:
            stills=STUDY.stills,
            pretrained=lambda w: STUDY.start_of(w.model),
        output:
            temp(STUDY.at(layout.FROZEN)),
        params:
            **params(
                "frozen",
                settings=lambda w: as_params(STUDY.recipe(w.model)),
                seed=lambda w: STUDY.seed_of(w.model),
            ),
        wildcard_constraints:
            model="|".join(STUDY.finetuned),
        log:
            "logs/frozen/{model}.log",
        benchmark:
            "benchmarks/frozen/{model}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: lambda w: STUDY.recipe(w.model).threads
        resources:
            **resources("frozen"),
        script:
            "../scripts/step.py"

    rule classifier:
        """Phase 1: the best classifier on the frozen base."""
        input:
            frozen_h5=STUDY.at(layout.FROZEN),
            pretrained=lambda w: STUDY.start_of(w.model),
        output:
            **in_folder(STUDY.at(layout.CLASSIFIER), "model.pt", "history.csv"),
            trials=STUDY.table("trials-{model}"),
        params:
            **params(
                "classifier",
                settings=lambda w: as_params(STUDY.recipe(w.model)),
                seed=lambda w: STUDY.seed_of(w.model),
                synthetic=STUDY.synthetic_stills,
                out_folder=lambda w, output: Path(output.model).parent,
                # The trials of an interrupted search are kept here; they are nobody's output.
                storage=STUDY.at(layout.TRIALS),
            ),
        wildcard_constraints:
            model="|".join(STUDY.finetuned),
        log:
            "logs/classifier/{model}.log",
        benchmark:
            "benchmarks/classifier/{model}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: lambda w: STUDY.recipe(w.model).threads
        resources:
            **resources("classifier"),
        script:
            "../scripts/step.py"

    rule finetune:
        """Phases 2 and 3: the last blocks unfrozen, and refinement."""
        input:
            f"{STUDY.at(layout.CLASSIFIER)}/history.csv",
            f"{STUDY.at(layout.CLASSIFIER)}/model.pt",
            stills=STUDY.stills,
        output:
            **in_folder(
                STUDY.at(layout.SPATIAL), "model.pt", "history.csv", "predictions.csv", "time.json", "phases.csv"
            ),
        params:
            **params(
                "finetune",
                settings=lambda w: as_params(STUDY.recipe(w.model)),
                seed=lambda w: STUDY.seed_of(w.model),
                synthetic=STUDY.synthetic_stills,
                classifier_folder=lambda w, input: Path(input[0]).parent,
                run=f"{STUDY.at(layout.RUN)}/finetune",
            ),
        wildcard_constraints:
            model="|".join(STUDY.finetuned),
        log:
            "logs/finetune/{model}.log",
        benchmark:
            "benchmarks/spatial/{model}.tsv"
        conda:
            "../envs/ferflow.yaml"
        threads: lambda w: STUDY.recipe(w.model).threads
        resources:
            **resources("finetune"),
        priority: 20  # what hangs on it is long
        script:
            "../scripts/step.py"
