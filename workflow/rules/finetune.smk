# Networks that are fine-tuned in the thesis's three phases instead of trained from their start (spatial.method).
FINETUNED = [name for name, (own, _) in TRAINED.items() if own.method == "finetune" and own.weights is None]
FINETUNING = "4 Spatial model" if S.kind == "clips" else "2 Networks"


def finetuned(w):
    """What every step of fine-tuning must know of a network."""
    return {"settings": plain(recipe(w)), "seed": TRAINED[w.model][1], "protocol": S.protocol}


if FINETUNED:

    rule frozen:
        """What the frozen base says of every image, once for all classifiers that are tried on it."""
        input:
            stills=S.stills.path,
            pretrained=lambda w: weights(recipe(w).pretrained),
        output:
            temp(at(layout.FROZEN)),
        params:
            known=finetuned,
        wildcard_constraints:
            model="|".join(FINETUNED),
        log:
            "logs/frozen/{model}.log",
        benchmark:
            "benchmarks/frozen/{model}.tsv"
        threads: lambda w: recipe(w).threads
        resources:
            mem_mb=more(4000),
            runtime=more(240),
        script:
            "../scripts/frozen.py"

    rule classifier:
        """Phase 1: the best classifier on the frozen base."""
        input:
            frozen=at(layout.FROZEN),
            pretrained=lambda w: weights(recipe(w).pretrained),
        output:
            model=at(layout.CLASSIFIER) + "/model.pt",
            history=at(layout.CLASSIFIER) + "/history.csv",
            trials=at(layout.TABLES) + "/trials-{model}.csv",
        params:
            known=finetuned,
            stages=plain(S.finetune),
            synthetic=SYNTHETIC_STILLS,
            # The trials of an interrupted search are kept here; they are nobody's output.
            storage=at(layout.RUN) + "/trials.db",
        wildcard_constraints:
            model="|".join(FINETUNED),
        log:
            "logs/classifier/{model}.log",
        benchmark:
            "benchmarks/classifier/{model}.tsv"
        threads: lambda w: recipe(w).threads
        resources:
            mem_mb=more(6000),
            runtime=more(600),
        script:
            "../scripts/classifier.py"

    rule finetune:
        """Phases 2 and 3: the last blocks unfrozen, and refinement."""
        input:
            stills=S.stills.path,
            model=at(layout.CLASSIFIER) + "/model.pt",
            history=at(layout.CLASSIFIER) + "/history.csv",
        output:
            model=at(layout.SPATIAL) + "/model.pt",
            history=at(layout.SPATIAL) + "/history.csv",
            predictions=at(layout.SPATIAL) + "/predictions.csv",
            time=at(layout.SPATIAL) + "/time.json",
            phases=at(layout.SPATIAL) + "/phases.csv",
        params:
            known=finetuned,
            stages=plain(S.finetune),
            synthetic=SYNTHETIC_STILLS,
            run=at(layout.RUN) + "/finetune",
        wildcard_constraints:
            model="|".join(FINETUNED),
        log:
            "logs/finetune/{model}.log",
        benchmark:
            "benchmarks/spatial/{model}.tsv"
        threads: lambda w: recipe(w).threads
        resources:
            mem_mb=more(8000),
            runtime=more(1440),
        priority: 20  # what hangs on it is long
        script:
            "../scripts/finetune.py"

    rule figures_of_finetune:
        input:
            trials=at(layout.TABLES) + "/trials-{model}.csv",
            phases=at(layout.SPATIAL) + "/phases.csv",
        output:
            trials=report(
                at(layout.FIGURES) + "/trials-{model}.svg",
                category=FINETUNING,
                labels={"shown": "Search of the classifier of {model}", "kind": "figure"},
                caption="../report/trials.rst",
            ),
            phases=report(
                at(layout.FIGURES) + "/phases-{model}.svg",
                category=FINETUNING,
                labels={"shown": "Phases of fine-tuning {model}", "kind": "figure"},
                caption="../report/phases.rst",
            ),
        params:
            network=lambda w: recipe(w).network,
            synthetic=SYNTHETIC_STILLS,
            protocol=S.protocol,
        wildcard_constraints:
            model="|".join(FINETUNED),
        log:
            "logs/figures_of_finetune/{model}.log",
        resources:
            mem_mb=more(1000),
            runtime=more(5),
        script:
            "../scripts/figures_of_finetune.py"


    rule finetuned:
        """The thesis's Table 3.4 and ours."""
        input:
            models=expand(at(layout.SPATIAL) + "/model.pt", model=FINETUNED),
            predictions=expand(at(layout.SPATIAL) + "/predictions.csv", model=FINETUNED),
        output:
            table("finetuned"),
        params:
            names=FINETUNED,
            protocol=S.protocol,
        log:
            "logs/finetuned.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/finetuned.py"

    SHOWN["finetuned"] = ("finetuned", "Fine-tuned networks: published and ours", FINETUNING)


for name in FINETUNED:
    SHOWN[f"trials-{name}"] = ("trials", f"Classifiers tried on the frozen {name}", FINETUNING)
    FIGURES += [figure(f"trials-{name}"), figure(f"phases-{name}")]
