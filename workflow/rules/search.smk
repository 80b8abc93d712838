# Searches of the heads' settings over cross-validation. All trials of a search are one job, as each is proposed from
# those before it; they read the one store of features.
from ferflow.settings import Range

SEARCHED = list(dict.fromkeys(S.search.run))


def search_features(head):
    """Feature files to train on, for each number of augmentations that is tried."""
    own = S.temporal.heads[head].augmentations
    most = S.search.greatest(head, "augmentations")
    counts = [own] if most is None else range(most + 1)
    return {
        n: expand(at(layout.FEATURES), augmentation=["none", *S.augment.transformations[:n]], subject=SUBJECTS)
        for n in counts
    }


def search_settings(head):
    """The search's settings as far as they concern `head`."""
    return plain(S.search) | {"run": [head], "space": {head: plain(S.search)["space"][head]}}


if SEARCHED:

    rule search_head:
        """The settings of a head that do best in cross-validation."""
        input:
            features=lambda w: list(search_features(w.head).values())[-1],
            manifest=at(layout.CLIPS),
            trim=at(layout.TRIM),
            splits=at(layout.SPLITS),
        output:
            trials=at(layout.TABLES) + "/search-{head}.csv",
            best=at(layout.SEARCH) + "/best.yaml",
        params:
            features=lambda w: search_features(w.head),
            search=lambda w: search_settings(w.head),
            of=lambda w: plain(S.temporal.heads[w.head]),
            temporal=WITHOUT_HEADS,
            max_frames=S.features.max_frames,
            normalise=S.features.normalise,
            emotions=S.emotions,
            model=lambda w: f"{S.spatial.network}+{w.head}",
            seed=S.seed,
            synthetic=SYNTHETIC,
            protocol=S.protocol,
            # The trials of an interrupted search are kept here; they are nobody's output.
            storage=at(layout.RUN, model="search-{head}") + "/trials.db",
        wildcard_constraints:
            head="|".join(SEARCHED),
        log:
            "logs/search/{head}.log",
        benchmark:
            "benchmarks/search/{head}.tsv"
        threads: S.temporal.threads
        resources:
            mem_mb=more(3000),
            runtime=more(2880),
        priority: 10  # long, and nothing waits for it but the report
        script:
            "../scripts/search_head.py"

    rule figure_of_search:
        input:
            at(layout.TABLES) + "/search-{head}.csv",
        output:
            report(
                at(layout.FIGURES) + "/search-{head}.svg",
                category="2 Cross-validation",
                labels={"shown": "Search of the settings of {head}", "kind": "figure"},
                caption="../report/search.rst",
            ),
        params:
            model=lambda w: f"{S.spatial.network}+{w.head}",
            logarithmic=lambda w: [
                name
                for name, values in S.search.tried(w.head).items()
                if isinstance(values, Range) and values.log
            ],
        wildcard_constraints:
            head="|".join(SEARCHED),
        log:
            "logs/figure_of_search/{head}.log",
        resources:
            mem_mb=more(1000),
            runtime=more(5),
        script:
            "../scripts/figure_of_search.py"


for name in SEARCHED:
    title = f"Settings of {S.spatial.network}+{name} tried over cross-validation"
    SHOWN[f"search-{name}"] = ("head_trials", title, "2 Cross-validation")
    FIGURES.append(figure(f"search-{name}"))
    RESULTS.append(at(layout.SEARCH, head=name) + "/best.yaml")
