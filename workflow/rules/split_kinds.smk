# What it does to put women and men in different folds: the study's subjects in folds of the other scheme as well. The
# folds of its own scheme are trained already.
OTHER_SCHEME = S.splits.other()
SPLIT_KIND_HEADS = list(dict.fromkeys(S.splits.compared))


def of_split_kinds(file):
    """A file of every fold, of each head first in the study's own scheme and then in the other."""
    folders = (at(layout.FOLD), at(layout.SPLIT_KIND_FOLD, scheme=OTHER_SCHEME))
    return [
        path
        for head in SPLIT_KIND_HEADS
        for folder in folders
        for path in expand(f"{folder}/{file}", head=head, fold=FOLDS)
    ]


if SPLIT_KIND_HEADS:

    rule other_splits:
        input:
            splits=at(layout.SPLITS),
            manifest=at(layout.CLIPS),
        output:
            at(layout.SPLIT_KIND, scheme=OTHER_SCHEME) + "/splits.json",
        params:
            seed=S.seed,
        log:
            "logs/other_splits.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/other_splits.py"

    rule other_splits_fold:
        input:
            features=lambda w: head_features(w.head),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLIT_KIND, scheme=OTHER_SCHEME) + "/splits.json",
        output:
            history=at(layout.SPLIT_KIND_FOLD, scheme=OTHER_SCHEME) + "/history.csv",
            predictions=at(layout.SPLIT_KIND_FOLD, scheme=OTHER_SCHEME) + "/predictions.csv",
        params:
            tested=False,
            of=lambda w: w.head,
            head=lambda w: plain(S.temporal.heads[w.head]),
            temporal=WITHOUT_HEADS,
            finalize=None,
            max_frames=S.features.max_frames,
            normalise=S.features.normalise,
            emotions=S.emotions,
            model=lambda w: f"{S.spatial.network}+{w.head}",
            seed=S.seed,
        wildcard_constraints:
            head="|".join(SPLIT_KIND_HEADS),
        log:
            "logs/split_kinds/{head}-{fold}.log",
        benchmark:
            "benchmarks/split_kinds/{head}-{fold}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(720),
        script:
            "../scripts/fold.py"

    rule split_kinds:
        """The same heads in folds of one sex and of both."""
        input:
            history=of_split_kinds("history.csv"),
            predictions=of_split_kinds("predictions.csv"),
            manifest=at(layout.CLIPS),
        output:
            table=table("split_kinds"),
            figure=shown_figure("split_kinds", "Folds of one sex and of both", "2 Cross-validation"),
        params:
            models=SPLIT_KIND_HEADS,
            schemes=[S.splits.scheme, OTHER_SCHEME],
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            protocol=S.protocol,
            seed=S.seed,
        log:
            "logs/split_kinds.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/split_kinds.py"

    SHOWN["split_kinds"] = ("split_kinds", "Cross-validation in folds of one sex and of both", "2 Cross-validation")
    FIGURES.append(figure("split_kinds"))
