# The temporal heads fold by fold, the final models, and two controls.
# A head's rules see its own settings, not those of the others.
WITHOUT_HEADS = {name: value for name, value in plain(S.temporal).items() if name != "heads"}
ORIGINALS = expand(at(layout.FEATURES), augmentation="none", subject=SUBJECTS) if HEADS else []


def head_features(head):
    """Feature files that a head trains on: the originals and its share of the augmented versions."""
    count = S.temporal.heads[head].augmentations
    names = ["none", *S.augment.transformations[:count]]
    return expand(at(layout.FEATURES), augmentation=names, subject=SUBJECTS)


def training_settings():
    """All settings that shape a final model; what is done with its predictions, or beside it, does not."""
    settings = plain(S)
    settings |= {"max_parameters": None, "departures": []}
    settings["splits"] |= {"compared": []}
    settings["dataset"] = LISTED
    settings["search"] = {"run": [], "trials": 1, "startup": 1, "pruned_after": None, "space": {}}
    settings["nested"] = {"outer": 2, "inner": 2, "heads": [], "candidates": {"as_set": {}}}
    settings["experiments"] = {"compared": [], "comparisons": {}, "runs": {}, "published": {}}
    settings["fusion"] = {"sets": {}, "rules": ["average"], "stacking": None, "best": None}
    settings["baselines"] |= {"run": []}
    settings["humans"] |= {"annotations": None, "votes": None, "simulated": None, "mistaken": 0}
    settings["calibration"] = {"bins": 2, "binning": "width", "listed": 1}
    settings["evaluation"] |= {"bootstrap": 1, "confidence": 0.95, "by": []}
    settings["pictures"] = dict.fromkeys(settings["pictures"], 100)
    return settings


def head_settings(head):
    """The same for `head`, without those of the other heads."""
    settings = training_settings()
    settings["temporal"]["heads"] = {head: settings["temporal"]["heads"][head]}
    return settings


rule fold:
    input:
        features=lambda w: head_features(w.head),
        manifest=at(layout.CLIPS),
        trim=at(layout.TRIM),
        splits=at(layout.SPLITS),
    output:
        history=at(layout.FOLD) + "/history.csv",
        predictions=at(layout.FOLD) + "/predictions.csv",
        early_history=at(layout.FOLD) + "/early.csv",
        early=at(layout.FOLD) + "/early.json",
        tested=at(layout.FOLD) + "/tested.csv" if TESTED else [],
    params:
        tested=TESTED,
        of=lambda w: w.head,
        head=lambda w: plain(S.temporal.heads[w.head]),
        temporal=WITHOUT_HEADS,
        finalize=plain(S.finalize),
        max_frames=S.features.max_frames,
        normalise=S.features.normalise,
        emotions=S.emotions,
        model=lambda w: f"{S.spatial.network}+{w.head}",
        seed=S.seed,
    log:
        "logs/fold/{head}-{fold}.log",
    benchmark:
        "benchmarks/fold/{head}-{fold}.tsv"
    threads: S.temporal.threads
    resources:
        mem_mb=more(3000),
        runtime=more(720),
    script:
        "../scripts/fold.py"


rule final:
    input:
        features=lambda w: head_features(w.head),
        early=expand(at(layout.FOLD) + "/early.json", fold=FOLDS, allow_missing=True),
        manifest=at(layout.CLIPS),
        trim=at(layout.TRIM),
        splits=at(layout.SPLITS),
        spatial=SPATIAL + "/model.pt",
    output:
        model=at(layout.FINAL) + "/model.pt",
        history=at(layout.FINAL) + "/history.csv",
        predictions=at(layout.FINAL) + "/predictions.csv",
    params:
        settings=lambda w: head_settings(w.head),
    log:
        "logs/final/{head}.log",
    benchmark:
        "benchmarks/final/{head}.tsv"
    threads: S.temporal.threads
    resources:
        mem_mb=more(3000),
        runtime=more(480),
    script:
        "../scripts/final.py"


BASELINES = list(S.baselines.models())


if BASELINES:

    rule baselines:
        """Models without a head over time, in the same folds and on the same test subjects."""
        input:
            # The layer that the network's classifier reads.
            features=expand(at(layout.FEATURES, layer="dense"), augmentation="none", subject=SUBJECTS),
            aus=expand(at(layout.AUS), subject=SUBJECTS),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
            spatial=SPATIAL + "/model.pt",
        output:
            expand(at(layout.BASELINE), baseline=BASELINES),
        params:
            settings=training_settings() | {"baselines": plain(S.baselines)},
        log:
            "logs/baselines.log",
        benchmark:
            "benchmarks/baselines.tsv"
        resources:
            mem_mb=more(3000),
            runtime=more(60),
        script:
            "../scripts/baselines.py"


# They are judged on the test subjects.
CONTROLS = S.evaluation.controls and TESTED


if CONTROLS:

    rule control_neutral:
        """The same cascade on the frames before the expression begins: it must stay at chance."""
        input:
            features=lambda w: head_features(w.head),
            early=expand(at(layout.FOLD) + "/early.json", fold=FOLDS, allow_missing=True),
            truth=expand(SYNTH_TRUTH, subject=SUBJECTS) if SYNTHETIC else [],
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            at(layout.CONTROLS) + "/neutral-{head}.csv",
        params:
            settings=lambda w: head_settings(w.head),
        log:
            "logs/controls/neutral-{head}.log",
        benchmark:
            "benchmarks/controls/neutral-{head}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(480),
        script:
            "../scripts/control_neutral.py"


if CONTROLS and SYNTHETIC:

    rule control_true_aus:
        """A simple classifier on the generator's own action units: the ceiling."""
        input:
            truth=[expand(path, subject=SUBJECTS) for path in SYNTH_AU_TRUTH],
            manifest=at(layout.CLIPS),
            splits=at(layout.SPLITS),
        output:
            at(layout.CONTROLS) + "/true-aus.csv",
        params:
            settings=training_settings(),
            root=f"{S.dataset.root}/truth",
        log:
            "logs/controls/true-aus.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/control_true_aus.py"
