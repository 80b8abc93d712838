"""Parameters of the networks that a study names, counted by formula.

Nothing is built: the counts are wanted before a job starts, where torch would take seconds to import and a
network that is too large no memory at all. The formulas are those of the modules' own layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ferflow.networks import NETWORKS
from ferflow.settings.heads import C3dSettings, ClipNetworkSettings, ConvLstmSettings, HeadSettings
from ferflow.settings.study import Settings
from ferflow.settings.training import Spatial

CHANNELS = 3
"""Of a frame: red, green and blue."""
SIZES = ("units", "layers", "kernel", "batch_norm")
"""Settings of a head that its parameters grow with."""
IMAGE_CLASSES = 7
BYTES = 16
"""That a parameter takes while it is trained: itself, its gradient and Adam's two moments, float32."""


def dense(widths: Sequence[int]) -> int:
    """Of dense layers with biases, from the first of `widths` to the last."""
    return sum(before * after + after for before, after in pairwise(widths))


def c3d(settings: C3dSettings, n_classes: int) -> int:
    """Of `models.endtoend.C3d`."""
    channels, total = CHANNELS, 0
    for filters in settings.filters:
        total += channels * filters * settings.kernel**3 + filters + 2 * filters * settings.batch_norm
        channels = filters
    frames, size = settings.maps()
    return total + dense([channels * frames * size**2, *settings.dense, n_classes])


def convlstm(settings: ConvLstmSettings, n_classes: int) -> int:
    """Of `models.endtoend.ConvLstm`: four gates, and three peepholes where they are on."""
    channels, size, total = CHANNELS, settings.size, 0
    for filters in settings.filters:
        total += 4 * filters * (settings.kernel**2 * (channels + filters) + 1)
        channels, size = filters, size - settings.kernel + 1
        total += 3 * filters * size**2 * settings.peepholes
    return total + dense([channels * size**2, *settings.dense, n_classes])


def on_frames(settings: ClipNetworkSettings, n_classes: int) -> int:
    """Of the network on frames that has such settings."""
    return (convlstm if hasattr(settings, "peepholes") else c3d)(settings, n_classes)


def head(name: str, n_features: int, n_classes: int, settings: HeadSettings) -> int:
    """Of a head of `models.temporal`; its LSTMs have torch's two bias vectors."""
    units, layers = settings.units, settings.layers
    if name == "cnn1d":
        widths = [n_features, *[units] * layers]
        total = sum(settings.kernel * before * after + after for before, after in pairwise(widths))
        return total + 2 * units * layers * settings.batch_norm + dense([units, n_classes])
    directions = 2 if name == "bilstm" else 1
    widths = [n_features, *[directions * units] * (layers - 1)]
    one = sum(4 * units * (width + units + 2) for width in widths)
    return directions * one + dense([directions * units, n_classes])


def spatial(recipe: Spatial, classifier: Sequence[int] | None = None) -> int:
    """Of a network for single images; `classifier`: other dense layers than its own."""
    entry = NETWORKS[recipe.network]
    if classifier is None:
        return entry.parameters
    own, other = ([entry.pool, *widths, IMAGE_CLASSES] for widths in (entry.dense, classifier))
    return entry.parameters - dense(own) + dense(other)


def counted(settings: Settings) -> Iterator[tuple[str, int]]:
    """Name and parameters of every network that a study of clips or of images trains.

    Where a search chooses (the classifier of fine-tuning, the settings of a head), of the largest it may
    choose. Nothing for other kinds of study, whose networks have no size to set.
    """
    if settings.kind == "images":
        for name, model in settings.images.trained().items():
            yield name, spatial(model.recipe(), _largest_classifier(settings, model))
    elif settings.kind == "clips":
        own = settings.spatial
        if settings.temporal.heads:
            yield own.network, spatial(own, _largest_classifier(settings, own))
        yield from _of_clips(settings)


def refuse_too_large(settings: Settings) -> None:
    """Raise ValueError for a network of the study with more parameters than its settings allow."""
    most = settings.max_parameters
    for name, count in counted(settings):
        if most is not None and count > most:
            raise ValueError(
                f"max_parameters: {name} would have {count:,} parameters, {BYTES * count / 1e9:,.0f} GB "
                f"while it is trained, more than {most:,}; make it smaller (a C3D: map_layers) or allow more"
            )


def _largest_classifier(settings: Settings, recipe: Spatial) -> list[int] | None:
    """The dense layers that the search of fine-tuning may choose at most; None where there is no search."""
    if recipe.method != "finetune" or recipe.weights is not None:
        return None
    tried = settings.finetune.classifier
    return [max(tried.neurons)] * tried.layers[1]


def _of_clips(settings: Settings) -> Iterator[tuple[str, int]]:
    n_classes, network = len(settings.emotions), settings.spatial.network
    first = _largest_classifier(settings, settings.spatial) or NETWORKS[network].dense
    widths = {"pool": NETWORKS[network].pool, "dense": first[0]}
    features = widths[settings.features.layer]
    for name, chosen in settings.temporal.heads.items():
        yield f"{network}+{name}", head(name, features, n_classes, chosen)
    for name in settings.end_to_end.run:
        yield name, on_frames(settings.end_to_end.of(name), n_classes)
    for name, run in settings.experiments.trained().items():
        chosen = settings.of_run(name)
        if run.of in settings.temporal.heads:
            yield name, head(run.of, widths[run.layer or settings.features.layer], n_classes, chosen)
        else:
            yield name, on_frames(chosen, n_classes)
    for name in dict.fromkeys(settings.search.run):
        tried = {one: settings.search.greatest(name, one) for one in SIZES}
        greatest = {one: value for one, value in tried.items() if value is not None}
        chosen = settings.temporal.changed(name, greatest).heads[name]
        yield f"{name}, searched", head(name, features, n_classes, chosen)
    for name in dict.fromkeys(settings.nested.heads):
        for candidate in settings.nested.tried():
            chosen = settings.candidate(name, candidate)
            yield f"{name}, nested: {candidate}", head(name, features, n_classes, chosen)
