# The images of a study, and what each of its networks says of those that it is tested on.
from ferflow.settings import BEST

ENSEMBLES = S.images.averaged()
AVERAGED = [*ENSEMBLES, BEST] if S.images.best else list(ENSEMBLES)


rule image_manifest:
    """Every image with its class, official part and hash."""
    input:
        S.stills.path,
    output:
        at(layout.MANIFEST),
    log:
        "logs/image_manifest.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/image_manifest.py"


rule image_counts:
    """Images per class and data set, beside the numbers that the papers print."""
    input:
        # Folders are read where they are there, and named where they are not.
        [folder for folder in S.images.folders.values() if folder and Path(folder).exists()],
        manifest=at(layout.MANIFEST),
    output:
        table("image_counts"),
    params:
        folders=S.images.folders,
        sequences=plain(S.images.sequences),
    log:
        "logs/image_counts.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/image_counts.py"


rule views:
    """What a network says of both test parts, and which images of them it has learnt from."""
    input:
        stills=S.stills.path,
        model=at(layout.SPATIAL) + "/model.pt",
    output:
        predictions=at(layout.VIEWS) + "/predictions.csv",
        copies=at(layout.VIEWS) + "/copies.csv",
    params:
        views=S.images.views,
        batch=lambda w: recipe(w).batch,
        threads=lambda w: recipe(w).threads,
        seed=lambda w: TRAINED[w.model][1],
    log:
        "logs/views/{model}.log",
    benchmark:
        "benchmarks/views/{model}.tsv"
    threads: lambda w: recipe(w).threads
    resources:
        mem_mb=more(3000),
        runtime=more(60),
    script:
        "../scripts/views.py"


def members(w, name):
    return expand(at(layout.VIEWS) + f"/{name}.csv", model=ENSEMBLES[w.ensemble])


rule ensemble:
    """The mean of the probabilities of several networks."""
    input:
        predictions=lambda w: members(w, "predictions"),
        copies=lambda w: members(w, "copies"),
    output:
        predictions=at(layout.ENSEMBLE) + "/predictions.csv",
        copies=at(layout.ENSEMBLE) + "/copies.csv",
    wildcard_constraints:
        ensemble="|".join(ENSEMBLES) or "none",
    log:
        "logs/ensemble/{ensemble}.log",
    resources:
        mem_mb=more(2000),
        runtime=more(30),
    script:
        "../scripts/ensemble.py"


if S.images.best:
    BEST_CHOICE = at(layout.ENSEMBLE, ensemble=BEST) + "/choice.json"

    rule best_choice:
        """Which networks make the best average: decided on PublicTest."""
        input:
            models=expand(at(layout.SPATIAL) + "/model.pt", model=list(TRAINED)),
            predictions=expand(at(layout.VIEWS) + "/predictions.csv", model=list(TRAINED)),
        output:
            BEST_CHOICE,
        params:
            models=list(TRAINED),
            best=plain(S.images.best),
        log:
            "logs/best_choice.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/best_choice.py"

    rule best_ensemble:
        """The mean of their probabilities."""
        input:
            choice=BEST_CHOICE,
            predictions=expand(at(layout.VIEWS) + "/predictions.csv", model=list(TRAINED)),
            copies=expand(at(layout.VIEWS) + "/copies.csv", model=list(TRAINED)),
        output:
            predictions=at(layout.ENSEMBLE, ensemble=BEST) + "/predictions.csv",
            copies=at(layout.ENSEMBLE, ensemble=BEST) + "/copies.csv",
        params:
            models=list(TRAINED),
        log:
            "logs/best_ensemble.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/best_ensemble.py"
