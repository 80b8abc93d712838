# Networks for single images: the stills that they learn from, and one training job for each.
from ferflow.settings import SHIPPED
from ferflow.weights import shipped

if S.kind == "clips":
    TRAINED, START = {S.spatial.network: (S.spatial, S.seed)} if S.sees_images() else {}, {}
else:
    TRAINED = {
        name: (model.recipe(), S.seed if model.seed is None else model.seed)
        for name, model in S.images.trained().items()
    }
    START = {name: model.start for name, model in S.images.trained().items()}


wildcard_constraints:
    model="|".join(TRAINED) or "none",


if SYNTHETIC_STILLS:

    rule stills:
        input:
            weights("au_to_mesh.npz"),
            weights("face_tessellation.json"),
        output:
            S.stills.path,
        params:
            stills=plain(S.stills),
            synth4d=plain(S.synth4d),
            seed=S.seed,
            weights=layout.WEIGHTS,
        log:
            "logs/stills.log",
        benchmark:
            "benchmarks/stills.tsv"
        resources:
            mem_mb=more(1000),
            runtime=more(10),
        priority: 20  # the longest chain of jobs begins here
        script:
            "../scripts/stills.py"


def recipe(w):
    return TRAINED[w.model][0]


def adopted(w):
    weights = recipe(w).weights
    return shipped() if weights == SHIPPED else weights or []


def start(w):
    first = START.get(w.model)
    if first is not None:
        return at(layout.SPATIAL, model=first) + "/model.pt"
    return weights(recipe(w).pretrained) if recipe(w).pretrained else []


rule spatial:
    input:
        stills=lambda w: S.stills.path if recipe(w).weights is None else [],
        pretrained=start,
        adopted=adopted,
    output:
        model=at(layout.SPATIAL) + "/model.pt",
        history=at(layout.SPATIAL) + "/history.csv",
        predictions=at(layout.SPATIAL) + "/predictions.csv",
        time=at(layout.SPATIAL) + "/time.json",
    params:
        spatial=lambda w: plain(recipe(w)),
        seed=lambda w: TRAINED[w.model][1],
        synthetic=SYNTHETIC_STILLS,
        protocol=S.protocol,
        # An interrupted training goes on from its checkpoints here; they are nobody's output.
        run=at(layout.RUN),
    wildcard_constraints:
        # The others are fine-tuned in steps of their own.
        model="|".join(n for n, (own, _) in TRAINED.items() if own.method == "train" or own.weights) or "none",
    log:
        "logs/spatial/{model}.log",
    benchmark:
        "benchmarks/spatial/{model}.tsv"
    threads: lambda w: recipe(w).threads
    resources:
        mem_mb=more(4000),
        runtime=more(600),
    priority: 20  # what hangs on it is long
    script:
        "../scripts/spatial.py"
