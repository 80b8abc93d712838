# Networks for expression, valence and arousal: one training job for each row of the study.
from ferflow.weights import start_file

AFFECT_MODELS = S.affect.models


def affect_start(w):
    """The published or shipped weights that a network starts from; nothing for an untrained start."""
    model = AFFECT_MODELS[w.model]
    file = start_file(model.backbone, model.start, layout.WEIGHTS)
    return [] if file is None else str(file)


rule affect_network:
    """Trained on the training part and judged on the validation part."""
    input:
        index=at(layout.AFFECT_INDEX),
        start=affect_start,
    output:
        model=at(layout.AFFECT_MODEL) + "/model.pt",
        history=at(layout.AFFECT_MODEL) + "/history.csv",
        predictions=at(layout.AFFECT_MODEL) + "/predictions.csv",
        about=at(layout.AFFECT_MODEL) + "/about.csv",
        time=at(layout.AFFECT_MODEL) + "/time.json",
    params:
        model=lambda w: plain(AFFECT_MODELS[w.model]),
        loading=plain(S.affect.loading),
        root=S.affect.dataset.path,
        seed=S.seed,
        synthetic=SYNTHETIC,
        # An interrupted training goes on from its checkpoints here, in the middle of an epoch too.
        run=at(layout.RUN),
    wildcard_constraints:
        model="|".join(map(re.escape, AFFECT_MODELS)),
    log:
        "logs/affect/{model}.log",
    benchmark:
        "benchmarks/affect/{model}.tsv"
    threads: lambda w: AFFECT_MODELS[w.model].threads
    resources:
        mem_mb=more(6000),
        runtime=more(2400),
    priority: 20  # what hangs on it is long
    script:
        "../scripts/affect_network.py"


rule affect_models:
    """What each network starts from, and how large it is."""
    input:
        expand(at(layout.AFFECT_MODEL) + "/about.csv", model=AFFECT_MODELS),
    output:
        table("affect_models"),
    log:
        "logs/affect_models.log",
    resources:
        mem_mb=more(1000),
        runtime=more(5),
    script:
        "../scripts/affect_models.py"


rule affect_speed:
    """Whether decoding and augmentation keep up with each network's training step."""
    input:
        index=at(layout.AFFECT_INDEX),
    output:
        table("affect_speed"),
    params:
        models={name: plain(model) for name, model in AFFECT_MODELS.items()},
        loading=plain(S.affect.loading),
        root=S.affect.dataset.path,
        seed=S.seed,
        synthetic=SYNTHETIC,
    log:
        "logs/affect_speed.log",
    benchmark:
        "benchmarks/affect_speed.tsv"
    # The step and the loader are measured one after the other, on the same cores.
    threads: S.affect.loading.workers
    resources:
        mem_mb=more(6000),
        runtime=more(120),
    script:
        "../scripts/affect_speed.py"


SHOWN |= {
    "affect_models": ("affect_models", "The networks", "2 Networks"),
    "affect_speed": ("affect_speed", "Images a second: training step and loader", "2 Networks"),
}
