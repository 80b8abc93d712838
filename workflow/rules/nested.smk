# Nested cross-validation (thesis, Algorithm 2). Every candidate on every inner fold of every outer fold is a job of its
# own; all of them read the one store of features. An outer fold is an ordinary split, so nothing is copied for it.
OUTER, INNER = range(S.nested.outer), range(S.nested.inner)
CANDIDATES = list(S.nested.tried())


wildcard_constraints:
    outer=r"\d+",
    inner=r"\d+",
    candidate="|".join(map(re.escape, CANDIDATES)),


def candidate_features(head, candidate):
    """Feature files that a candidate trains on: as the head's, with its own share of the augmented versions."""
    count = S.nested.tried()[candidate].get("augmentations", S.temporal.heads[head].augmentations)
    names = ["none", *S.augment.transformations[:count]]
    return expand(at(layout.FEATURES), augmentation=names, subject=SUBJECTS)


def all_candidates_features(head):
    """Those of all candidates, each file once."""
    return list(dict.fromkeys(path for name in CANDIDATES for path in candidate_features(head, name)))


def nested_settings(head, *candidates):
    """The head's settings and the candidates' own: another candidate reruns nothing of these."""
    settings = head_settings(head)
    own = {name: plain(S.nested)["candidates"][name] for name in candidates}
    settings["nested"] = {**settings["nested"], "candidates": own, "heads": [head]}
    return settings


if S.nested.heads:

    rule nested_plan:
        """Which subjects stand where: outer x inner folds, stratified by sex."""
        input:
            at(layout.CLIPS),
        output:
            plan=at(layout.NESTED) + "/plan.json",
            splits=expand(at(layout.NESTED_SPLITS), outer=OUTER),
        params:
            inner=S.nested.inner,
            seed=S.seed,
        log:
            "logs/nested_plan.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/nested_plan.py"

    rule nested_inner:
        """One candidate without one inner fold."""
        input:
            features=lambda w: candidate_features(w.head, w.candidate),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.NESTED_SPLITS),
        output:
            history=at(layout.NESTED_INNER) + "/history.csv",
            predictions=at(layout.NESTED_INNER) + "/predictions.csv",
            early_history=at(layout.NESTED_INNER) + "/early.csv",
            early=at(layout.NESTED_INNER) + "/early.json",
        params:
            settings=lambda w: nested_settings(w.head, w.candidate),
            model=lambda w: f"{S.spatial.network}+{w.head}",
        log:
            "logs/nested/{outer}-{head}-{candidate}-{inner}.log",
        benchmark:
            "benchmarks/nested/{outer}-{head}-{candidate}-{inner}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(720),
        script:
            "../scripts/nested_inner.py"

    rule nested_outer:
        """The candidate that the inner folds chose, judged once on the outer fold."""
        input:
            predictions=expand(
                at(layout.NESTED_INNER) + "/predictions.csv",
                candidate=CANDIDATES,
                inner=INNER,
                allow_missing=True,
            ),
            early=expand(
                at(layout.NESTED_INNER) + "/early.json",
                candidate=CANDIDATES,
                inner=INNER,
                allow_missing=True,
            ),
            features=lambda w: all_candidates_features(w.head),
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.NESTED_SPLITS),
        output:
            inner=at(layout.NESTED_OUTER) + "/inner.csv",
            choice=at(layout.NESTED_OUTER) + "/choice.json",
            history=at(layout.NESTED_OUTER) + "/history.csv",
            predictions=at(layout.NESTED_OUTER) + "/predictions.csv",
        params:
            settings=lambda w: nested_settings(w.head, *CANDIDATES),
            model=lambda w: f"{S.spatial.network}+{w.head}",
            features=lambda w: {name: candidate_features(w.head, name) for name in CANDIDATES},
        log:
            "logs/nested/{outer}-{head}.log",
        benchmark:
            "benchmarks/nested/{outer}-{head}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(480),
        script:
            "../scripts/nested_outer.py"

    rule nested_tables:
        input:
            choices=expand(at(layout.NESTED_OUTER) + "/choice.json", head=S.nested.heads, outer=OUTER),
            inner=expand(at(layout.NESTED_OUTER) + "/inner.csv", head=S.nested.heads, outer=OUTER),
            predictions=expand(
                at(layout.NESTED_OUTER) + "/predictions.csv", head=S.nested.heads, outer=OUTER
            ),
            manifest=at(layout.CLIPS),
        output:
            nested=table("nested"),
            inner=table("nested_inner"),
        params:
            evaluation=plain(S.evaluation),
            emotions=S.emotions,
            protocol=S.protocol,
            seed=S.seed,
        log:
            "logs/nested_tables.log",
        resources:
            mem_mb=more(2000),
            runtime=more(30),
        script:
            "../scripts/nested_tables.py"

    SHOWN |= {
        "nested": ("nested", "Nested cross-validation", "2 Cross-validation"),
        "nested_inner": (
            "nested_inner", "Candidates on the inner folds of nested cross-validation", "2 Cross-validation"
        ),
    }
