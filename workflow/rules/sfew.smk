# Transfer learning on faces in scenes (SFEW).
#
# The scenes of the embedded set and the face crops come from sfew_crops.smk, the hand-made features from
# sfew_handmade.smk, tables and figures of the paper from sfew_tables.smk.
from ferflow.networks import NETWORKS, SHIPPED_NETWORK, TRANSFERRED

T = S.sfew.transfer
CELLS = T.run()
SFEW_PROTOCOLS = T.under()
# Of the embedded set its mark, which is written last.
SCENES = f"{S.sfew.dataset.path}/SYNTHETIC.txt" if SYNTHETIC else S.sfew.dataset.path
MANIFEST = at(layout.MANIFEST)
IMAGES_OF = {"originals": at(layout.SFEW_ORIGINALS), "crops": at(layout.SFEW_CROPS, detector=T.crops)}


def of_cells(file):
    """This file of every cell under each of its protocols; protocol: paths."""
    return {
        protocol: [
            f"{at(layout.SFEW_CELL, protocol=protocol, cell=name)}/{file}"
            for name, cell in CELLS.items()
            if protocol in cell.protocols
        ]
        for protocol in SFEW_PROTOCOLS
    }


def start_of(network):
    """The published weights of a network, where the study starts from them."""
    return weights(NETWORKS[network].pretrained[0]) if T.start_of(network) == "imagenet" else []


def of_cell(w, pattern):
    """A file of features by the cell's network and images."""
    cell = CELLS[w.cell]
    return at(pattern, network=cell.network, unfrozen=cell.unfrozen, images=cell.images)


wildcard_constraints:
    network="|".join([*TRANSFERRED, SHIPPED_NETWORK]),
    unfrozen="[012]",
    images="originals|crops",
    detector="|".join(DETECTORS),
    protocol="random|film|spi",
    cell="|".join(re.escape(name) for name in CELLS) or "none",


rule sfew_manifest:
    """Every scene with its class, film and set; those left out, and how many of each class there are."""
    input:
        SCENES,
    output:
        manifest=MANIFEST,
        dropped=table("sfew_dropped"),
        counts=table("sfew_counts"),
    params:
        dataset=plain(S.sfew.dataset),
    log:
        "logs/sfew/manifest.log",
    benchmark:
        "benchmarks/sfew/manifest.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/sfew_manifest.py"


rule sfew_originals:
    """Whole scenes as the networks take them."""
    input:
        manifest=MANIFEST,
    output:
        IMAGES_OF["originals"],
    log:
        "logs/sfew/originals.log",
    benchmark:
        "benchmarks/sfew/originals.tsv"
    resources:
        mem_mb=more(1000),
        runtime=more(30),
    script:
        "../scripts/sfew_originals.py"


rule sfew_folds_of:
    """In which fold each image is judged."""
    input:
        manifest=MANIFEST,
    output:
        at(layout.SFEW_FOLDS),
    params:
        folds=T.folds,
        seed=S.seed,
    log:
        "logs/sfew/folds-{protocol}.log",
    resources:
        mem_mb=more(1000),
        runtime=more(10),
    script:
        "../scripts/sfew_folds_of.py"


rule sfew_frozen:
    """What the frozen stages of a network say of every image, computed once."""
    input:
        images=lambda w: IMAGES_OF[w.images],
        weights=lambda w: start_of(w.network),
    output:
        at(layout.SFEW_FROZEN),
    params:
        start=lambda w: T.start_of(w.network),
        seed=S.seed,
        threads=T.threads,
    log:
        "logs/sfew/frozen/{network}-{unfrozen}-{images}.log",
    benchmark:
        "benchmarks/sfew/frozen/{network}-{unfrozen}-{images}.tsv"
    threads: T.threads
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    priority: 10
    script:
        "../scripts/sfew_frozen.py"


rule sfew_cell:
    """One training in each fold of a protocol, judged after several numbers of epochs."""
    input:
        manifest=MANIFEST,
        folds=at(layout.SFEW_FOLDS),
        features=lambda w: of_cell(w, layout.SFEW_FROZEN),
        # Only unfrozen stages start from them; a frozen one's have spoken already.
        weights=lambda w: start_of(CELLS[w.cell].network) if CELLS[w.cell].unfrozen else [],
    output:
        predictions=at(layout.SFEW_CELL) + "/predictions.csv",
        runs=at(layout.SFEW_CELL) + "/runs.csv",
        history=at(layout.SFEW_CELL) + "/history.csv",
    params:
        # Another protocol in the study is another job, and no reason to train this one anew.
        cell=lambda w: plain(CELLS[w.cell]) | {"protocols": [w.protocol]},
        transfer={name: value for name, value in plain(T).items() if name not in ("cells", "protocols")},
        seed=S.seed,
    log:
        "logs/sfew/{protocol}-{cell}.log",
    benchmark:
        "benchmarks/sfew/{protocol}-{cell}.tsv"
    threads: T.threads
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    priority: 5
    script:
        "../scripts/sfew_cell.py"


rule sfew_folds:
    """Accuracies of all networks in all folds, and how the protocols divide the images."""
    input:
        manifest=MANIFEST,
        **{f"predictions_{protocol}": paths for protocol, paths in of_cells("predictions.csv").items()},
        **{f"folds_{protocol}": at(layout.SFEW_FOLDS, protocol=protocol) for protocol in SFEW_PROTOCOLS},
    output:
        folds=table("sfew_folds"),
        protocols=table("sfew_protocols"),
    params:
        protocols=SFEW_PROTOCOLS,
        starts=T.starts(),
    log:
        "logs/sfew/folds.log",
    resources:
        mem_mb=more(1000),
        runtime=more(10),
    script:
        "../scripts/sfew_folds.py"


SHOWN["sfew_folds"] = ("sfew_folds", "Accuracy of the networks in each fold", "2 Networks")
SHOWN["sfew_protocols"] = ("sfew_protocols", "How the protocols divide the images", "2 Networks")
SHOWN["sfew_counts"] = ("sfew_counts", "Images per class: published and counted", "3 Images")
SHOWN["sfew_dropped"] = ("sfew_dropped", "Images that are left out", "3 Images")

# Batch sizes are compared on originals, under the paper's folds.
BATCHES = [
    name
    for name, cell in CELLS.items()
    if cell.images == "originals" and not cell.unfrozen and "random" in cell.protocols
]
if BATCHES:

    rule sfew_batches:
        """Accuracy and time of the batch sizes that the paper compares."""
        input:
            folds=table("sfew_folds"),
            runs=[f"{at(layout.SFEW_CELL, protocol='random', cell=name)}/runs.csv" for name in BATCHES],
        output:
            table("sfew_batches"),
        log:
            "logs/sfew/batches.log",
        resources:
            mem_mb=more(1000),
            runtime=more(10),
        script:
            "../scripts/sfew_batches.py"

    SHOWN["sfew_batches"] = ("sfew_batches", "Batch sizes on original images", "2 Networks")

RESULTS += [MANIFEST, *(path for paths in of_cells("predictions.csv").values() for path in paths)]


include: "sfew_crops.smk"
