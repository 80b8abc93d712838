"""The networks that a step's jobs train or run, as they go through memory: what `steps.cost` reckons with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.networks import NETWORKS
from ferflow.settings import ClipNetworkSettings, HeadSettings, Settings, Spatial, Temporal
from ferflow.steps.work import Sizes, networks_of_images
from ferflow.weights import WEIGHTS

HALF, FLOAT = 2, 4
"""Bytes of a feature as it is stored, and as it is trained on."""
MIB = 2**20
STILL = 48 * 48 * 3
"""Bytes of an image of FER2013 in memory, and of two copies of it while they are brought into order."""
FROZEN_BATCH = 16
"""`sfew.run.FROZEN_BATCH`."""
MOMENTS = {"sgd": 1, "nesterov": 1, "asgd": 1, "adagrad": 1, "amsgrad": 3}
"""Values that an optimiser keeps of each weight; the others keep two."""
AFFECT_ROW = 200
"""Bytes of an image in the list of AffectNet's."""


@dataclass(frozen=True)
class Pass:
    """A network and what goes through it at once.

    `described` is what `training.footprint` makes it from: `kind`, `items` (clips or images of a pass),
    `trained`, and what that kind takes. `batch` items are a step of the optimiser, which keeps `moments`
    values of each weight; `averaged`: and the running average of the weights is one more. `item` are bytes of
    an item as it waits to be trained on, `kept` bytes of data that stay in memory. `readers` are processes
    that read; None: as `settings.Trained.readers` says, 0: none.
    """

    described: Mapping[str, Any]
    batch: int
    moments: int = 2
    averaged: bool = False
    item: int = 0
    kept: int = 0
    readers: int | None = 0

    @property
    def items(self) -> int:
        """Clips or images of a pass."""
        return self.described["items"]


Passes = Callable[[Mapping[str, str], Settings, Sizes], list[Pass]]
"""The passes of a job by its wildcards, in a study of that size; none where it has no network."""


# --- clips -------------------------------------------------------------------------------------------


def clip_network(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The head, network on frames, run or candidate that the wildcards name."""
    temporal, networks = settings.temporal, settings.end_to_end
    name = wildcards.get("head") or wildcards.get("network") or wildcards.get("run") or ""
    if "candidate" in wildcards:
        return [head(name, settings.candidate(name, wildcards["candidate"]), settings, size)]
    if name in temporal.heads:
        return [head(name, temporal.heads[name], settings, size)]
    if name in networks.run:
        return [frames(name, networks.of(name), settings, size)]
    run = settings.experiments.trained().get(name)
    if run is None:
        return []
    if run.of in temporal.heads:
        return [head(run.of, settings.of_run(name), settings, size, layer=run.layer)]
    return [frames(run.of, settings.of_run(name), settings, size)]


def chosen_candidates(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """All candidates of nested cross-validation, of which one is trained."""
    name = wildcards["head"]
    return [head(name, settings.candidate(name, one), settings, size) for one in settings.nested.tried()]


def searched(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The largest head that a search may try."""
    name = wildcards["head"]
    tried = settings.search.tried(name)
    greatest = {one: settings.search.greatest(name, one) for one in (*LARGER, "batch") if one in tried}
    temporal = settings.temporal.changed(name, greatest)
    return [head(name, temporal.heads[name], settings, size, temporal=temporal)]


BATCHES = 4
"""Of clips, in memory at once: `training.data.AHEAD` that are read, one handed over and one trained on."""
READER, FRAME_READER = 80 * MIB, 350 * MIB
"""Bytes of a process that reads features, and of one that reads frames, which has torch; measured."""
LARGER = ("units", "layers", "kernel", "batch_norm", "augmentations")
"""Settings of a head that what it takes grows with."""


def head(
    name: str,
    own: HeadSettings,
    settings: Settings,
    size: Sizes,
    layer: str | None = None,
    temporal: Temporal | None = None,
) -> Pass:
    """Head `name` on the features of `layer` (None: the study's)."""
    temporal = temporal or settings.temporal
    features, most = width(settings, layer), settings.features.max_frames
    described = {
        "kind": "head",
        "name": name,
        "settings": shape(own),
        "features": features,
        "frames": most,
        "classes": len(settings.emotions),
        "items": temporal.at_once,
        "trained": True,
    }
    item = most * features
    kept = kept_clips(size.clips * HALF * item, own.augmentations, temporal.memory, settings)
    return Pass(described, temporal.batch, item=BATCHES * HALF * item, kept=kept, readers=temporal.readers)


ALIKE = {"initialiser": "glorot_uniform", "augmentations": 0, "online": None, "batch": 1, "micro_batch": None}
DROPOUTS = ("dropout", "recurrent_dropout", "dense_dropout")


def shape(own: HeadSettings | ClipNetworkSettings) -> dict[str, Any]:
    """Settings of a network as plain values, so that networks of which a pass takes the same are the same."""
    values = own.model_dump(mode="json")
    values |= {name: value for name, value in ALIKE.items() if name in values}
    return values | {name: 0.5 for name in DROPOUTS if values.get(name)}


def width(settings: Settings, layer: str | None = None) -> int:
    """Features of a frame, of `layer` (None: the study's)."""
    entry = NETWORKS[settings.spatial.network]
    if (layer or settings.features.layer) == "pool":
        return entry.pool
    tuned = settings.spatial.method == "finetune" and settings.spatial.weights is None
    return max([*settings.finetune.classifier.neurons] if tuned else entry.dense[:1])


def frames(name: str, own: ClipNetworkSettings, settings: Settings, size: Sizes) -> Pass:
    """A network on frames."""
    plan = settings.end_to_end
    described = {
        "kind": "frames",
        "name": name,
        "settings": shape(own),
        "classes": len(settings.emotions),
        "items": own.at_once,
        "trained": True,
    }
    item = own.frames * own.size**2 * 3
    kept = kept_clips(size.clips * item, own.augmentations, plan.memory, settings)
    return Pass(described, own.batch, item=BATCHES * item, kept=kept, readers=plan.readers)


def kept_clips(data: int, augmentations: int, memory: int, settings: Settings) -> int:
    """Bytes of clips that stay in memory: as `memory` (MiB) allows each side, of `data` bytes in all."""
    sides = (data * (1 + augmentations), data // settings.splits.folds, data // 4)
    return sum(min(memory * MIB, side) for side in sides)


def none(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """No network."""
    return []


def extraction(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The network whose layers are the clips' features, in a pass."""
    return [image_pass(settings.spatial.network, settings.features.batch, "dense")]


# --- images ------------------------------------------------------------------------------------------


def image_pass(network: str, items: int, layer: str | None = None, kept: int = 0) -> Pass:
    """A network for single images, which is not trained; `kept` as in `Pass`."""
    described = {"kind": "images", "name": network, "classes": len(EMOTIONS_NEUTRAL)}
    described |= {"items": items, "trained": False, "layer": layer}
    return Pass(described, items, item=pixels(network), kept=kept)


def published(*names: str | None) -> int:
    """Bytes of the largest of these files of published weights, which are read whole."""
    return max((WEIGHTS[name].size for name in names if name in WEIGHTS), default=0)


def pixels(network: str) -> int:
    """Bytes of an image as its batch is brought to the network's size and augmented, in four copies."""
    return 4 * FLOAT * 3 * NETWORKS[network].size ** 2


def image_training(own: Spatial, size: Sizes, **further: Any) -> Pass:
    """The training of a network for single images; `further` is more of what is described."""
    described = {"kind": "images", "name": own.network, "classes": len(EMOTIONS_NEUTRAL)}
    described |= {"items": own.batch, "trained": True, **further}
    moments = MOMENTS.get(own.optimiser.name, 2)
    kept = size.images * STILL + published(own.pretrained)
    return Pass(described, own.batch, moments, own.average > 0, pixels(own.network), kept)


def image_network(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The network for single images that the wildcards name; none where it is taken over."""
    own = networks_of_images(settings).get(wildcards["model"])
    return [] if own is None or own.weights is not None else [image_training(own, size)]


def frozen_base(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """A pass of the base, for fine-tuning."""
    own = networks_of_images(settings)[wildcards["model"]]
    return [image_pass(own.network, own.batch, "pool", size.images * STILL + published(own.pretrained))]


def classifier(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The largest classifier that the search of fine-tuning may try, on features of the base."""
    own, dense = networks_of_images(settings)[wildcards["model"]], largest_classifier(settings)
    entry = NETWORKS[own.network]
    described = {"kind": "classifier", "name": own.network, "classes": len(EMOTIONS_NEUTRAL)}
    described |= {"dense": dense, "items": own.batch, "trained": True}
    item = (HALF + FLOAT) * entry.pool
    # The features are read through a memory map, whose pages count as long as there is room for them.
    kept = entry.parameters * FLOAT + published(own.pretrained)
    return [Pass(described, own.batch, MOMENTS.get(own.optimiser.name, 2), item=item, kept=kept)]


def finetuning(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The largest classifier on each number of blocks that learn with it."""
    own, dense = networks_of_images(settings)[wildcards["model"]], largest_classifier(settings)
    tried = settings.finetune.unfreeze.blocks
    return [image_training(own, size, blocks=blocks, dense=dense) for blocks in tried]


def largest_classifier(settings: Settings) -> list[int]:
    """The dense layers that fine-tuning's search may choose at most."""
    tried = settings.finetune.classifier
    return [max(tried.neurons)] * tried.layers[1]


def views(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """A pass over the views of test images."""
    own = networks_of_images(settings)[wildcards["model"]]
    return [image_pass(own.network, own.batch, kept=size.images * STILL)]


def swept(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """A run of the sweep over optimisers and schedules."""
    own = settings.spatial.model_copy(update={"network": settings.sweep.network})
    return [image_training(own, size)]


def datacentric(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """A row of the data-centric comparison, or a fold of the search for label errors."""
    about = settings.datacentric
    if "network" not in wildcards:
        return [image_training(about.label_errors.recipe, size)]
    own = about.recipe.model_copy(update={"network": wildcards["network"]})
    # SMOTE makes each class as large as the largest, in float32 while it interpolates.
    return [image_training(own, Sizes({}, size.images * (8 if wildcards.get("sampling") == "smote" else 1)))]


# --- faces in scenes, and AffectNet ------------------------------------------------------------------


def frozen_stages(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """A pass of the stages that are frozen."""
    described = {"kind": "frozen", "name": wildcards["network"], "classes": len(EMOTIONS_NEUTRAL)}
    described |= {"unfrozen": int(wildcards["unfrozen"]), "items": FROZEN_BATCH, "trained": False}
    kept = published(*NETWORKS[wildcards["network"]].pretrained)
    return [Pass(described, FROZEN_BATCH, item=pixels(wildcards["network"]), kept=kept)]


def transferred(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """What learns behind the frozen stages."""
    run = settings.sfew.transfer.trained().get(wildcards["run"])
    if run is None:
        return []
    described = {"kind": "transfer", "name": run.network, "classes": len(EMOTIONS_NEUTRAL)}
    described |= {"unfrozen": run.unfrozen, "items": run.batch, "trained": True}
    # Of all images the features, as they are mapped, and a batch of them.
    item = FLOAT * (NETWORKS[run.network].pool if not run.unfrozen else 512 * 28**2)
    kept = size.images * item + NETWORKS[run.network].parameters * FLOAT
    return [Pass(described, run.batch, item=item, kept=kept)]


def affect(wildcards: Mapping[str, str], settings: Settings, size: Sizes) -> list[Pass]:
    """The network for expression, valence and arousal that the wildcards name; without any, all of them."""
    chosen = settings.affect.models
    return [
        Pass(
            {
                "kind": "affect",
                "name": own.backbone,
                "size": own.size,
                "heads": own.heads.model_dump(mode="json"),
                "frozen": own.frozen,
                "items": own.batch,
                "trained": True,
            },
            own.batch,
            MOMENTS.get(own.optimiser.name, 2),
            # Batches are decoded ahead, one for each worker.
            item=FLOAT * 3 * own.size**2 * (2 + settings.affect.loading.workers),
            kept=size.images * AFFECT_ROW + published(*NETWORKS[_faces(own.backbone)].pretrained),
        )
        for name, own in chosen.items()
        if name == wildcards.get("model", name)
    ]


def _faces(backbone: str) -> str:
    """The same network as it starts from faces."""
    return NETWORKS[backbone].faces or backbone


# --- all of a study ----------------------------------------------------------------------------------


def networks(settings: Settings) -> Iterator[tuple[str, str, dict[str, str]]]:
    """A line's name, the step and the wildcards of one job of every network that the study trains or runs."""
    if settings.kind in ("clips", "images"):
        yield from _on_images(settings)
    if settings.kind == "clips":
        yield from _on_clips(settings)
    elif settings.kind == "images":
        if settings.datacentric.studied:
            yield "label errors", "datacentric_fold", {"fold": "0"}
            for name, sampling in settings.datacentric.rows():
                yield f"{name}, {sampling}", "datacentric_row", {"network": name, "sampling": sampling}
        yield "sweep", "sweep_run", {"run": ""}
    elif settings.kind == "sfew":
        for name, run in settings.sfew.transfer.trained().items():
            stages = {"network": run.network, "unfrozen": str(run.unfrozen), "images": run.images}
            yield f"{name}, frozen stages", "sfew_frozen", stages
            yield name, "sfew_run", {"run": name, "protocol": run.protocols[0]}
    else:
        for name in settings.affect.models:
            yield name, "affect_network", {"model": name}
        yield "speed of loading", "affect_speed", {}


def _on_images(settings: Settings) -> Iterator[tuple[str, str, dict[str, str]]]:
    for name, own in networks_of_images(settings).items():
        model = {"model": name}
        if own.method == "finetune" and own.weights is None:
            yield f"{name}, frozen base", "frozen", model
            yield f"{name}, classifier", "classifier", model
            yield name, "finetune", model
        elif own.weights is None:
            yield name, "spatial", model
        if settings.kind == "images":
            yield f"{name}, views", "views", model


def _on_clips(settings: Settings) -> Iterator[tuple[str, str, dict[str, str]]]:
    if settings.temporal.heads:
        yield f"{settings.spatial.network}, features", "features", {"subject": ""}
    for name in settings.temporal.heads:
        yield name, "fold", {"head": name}
    for name in settings.end_to_end.run:
        yield name, "end_to_end_fold", {"network": name}
    for name, run in settings.experiments.trained().items():
        step = "experiment_fold" if run.of in settings.temporal.heads else "experiment_frames_fold"
        yield name, step, {"run": name}
    for name in dict.fromkeys(settings.search.run):
        yield f"{name}, searched", "search_head", {"head": name}
    for name in dict.fromkeys(settings.nested.heads):
        for one in settings.nested.tried():
            yield f"{name}, nested: {one}", "nested_inner", {"head": name, "candidate": one}
