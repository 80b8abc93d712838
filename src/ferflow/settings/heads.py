"""Settings of what learns from clips: features, heads, networks on frames, folds and final models."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import field_serializer, field_validator, model_validator

from ferflow.settings import types as t
from ferflow.settings.training import Online
from ferflow.settings.types import Section, setting

COPIES = "offline: the first so many of augment.transformations"


class Features(Section):
    """The spatial network's features of every frame."""

    layer: t.Layer = setting("dense", "pool (last pooling) or dense (first dense layer after it)")
    batch: t.Count = setting(32, "more at once leave the processor's cache and take longer", "frames")
    precision: t.Precision = setting("auto", t.PRECISION)
    max_frames: t.Count = setting(100, "longer clips keep their first ones", "frames", "thesis")
    normalise: t.Normalise = setting(  # the store of features holds them as they are
        "none",
        "none; clip: the clip's own mean is taken off its features; subject: the mean over all of the "
        "person's clips, which uses no labels, but all clips of a test subject. `ferflow predict`, "
        "which is shown a clip of somebody, takes the clip's own then",
    )
    threads: t.Count = setting(1, t.THREADS)


class HeadSettings(Section):
    """A temporal head. What a head has not (`HEADS_WITHOUT`) is None there, and nowhere else."""

    units: t.Count = setting(128, "of the state; of cnn1d the filters of each convolution", source="thesis")
    layers: t.Count = setting(1, "one upon the other; cnn1d pools after every second", source="thesis")
    dropout: t.Dropout = setting(0.4, "of the inputs, one mask per clip", "share", "thesis: its naive one")
    recurrent_dropout: t.Dropout | None = setting(0, "of the state, one mask", "share", "thesis: no better")
    kernel: t.Count | None = setting(None, "that a convolution sees", "frames")
    batch_norm: bool | None = setting(None, "over the real frames of a batch")
    activation: t.Activation | None = setting(None, "relu, or leaky_relu (slope 0.3, Keras's own)")
    pooling: t.Pooling | None = setting(None, "max or average")
    initialiser: t.Initialiser = setting("glorot_uniform", "of the input weights; glorot_uniform is Keras's")
    augmentations: int = setting(1, COPIES, ge=0, le=9)

    def misfit(self, head: t.Head) -> str | None:
        """What of these settings `head` cannot be built with; None where all is well."""
        for name in HeadSettings.model_fields:
            absent = name in HEADS_WITHOUT[head]
            if absent and getattr(self, name) is not None:
                return f"{name} is {getattr(self, name)}, but {head} has none: write null"
            if not absent and getattr(self, name) is None:
                return f"{name} is null, but {head} needs one"
        return None


HEADS_WITHOUT: dict[t.Head, tuple[str, ...]] = {
    "lstm": ("kernel", "batch_norm", "activation", "pooling"),
    "bilstm": ("kernel", "batch_norm", "activation", "pooling"),
    "cnn1d": ("recurrent_dropout",),
}
"""Settings that mean nothing to a head."""
CNN1D = HeadSettings(
    layers=4, recurrent_dropout=None, kernel=3, batch_norm=False, activation="relu", pooling="max"
)


class Batched(Section):
    """The batch of one optimiser step, whose gradient may be summed over smaller passes to save memory."""

    batch: t.Count = setting(32, "of an optimiser step", "clips", "thesis")
    micro_batch: t.Count | None = setting(
        None,
        "that go through the network at once; null: the whole batch. The gradient is the whole batch's, but "
        "dropout draws for each pass, and batch normalisation sees the clips of one pass alone",
        "clips",
    )

    @property
    def at_once(self) -> int:
        """Clips of one pass through the network."""
        return min(self.batch, self.micro_batch or self.batch)


class Trained(Section):
    """How networks for clips are trained: Adam at one rate."""

    learning_rate: t.Positive = setting(0.001, "of Adam", source="thesis: 1e-4, for 25,088 features")
    epochs: t.Count = setting(20, "fixed in cross-validation", source="thesis: 40; 20 of networks on frames")
    memory: t.Whole = setting(1024, "kept in memory; what is beyond is read again each epoch", "MiB")
    threads: t.Count = setting(1, t.THREADS)
    readers: t.Whole | None = setting(
        None,
        "that read what is not kept, ahead of the training; a job asks for a core for each. null: for a GPU "
        "as many as the job has cores besides, at most 16 (4 of frames); for a CPU none. No result changes",
        "processes",
    )

    @property
    def cores(self) -> int:
        """That a job asks for."""
        return self.threads + (self.readers or 0)


class Temporal(Batched, Trained):
    """Phase 2: heads over the features of a clip."""

    heads: dict[t.Head, HeadSettings] = setting(
        {"lstm": HeadSettings(), "bilstm": HeadSettings(dropout=0.7), "cnn1d": CNN1D},
        "null leaves a head out. In a head null: it has no such thing",
    )
    staging: str | None = setting(
        "auto",
        "a folder on a disk of the machine that trains, where features beyond `memory` are unpacked before "
        "the first epoch and removed after the job; null: none; auto: $TMPDIR, for a GPU, if no more than "
        "half of its free space is needed. It changes no result",
    )

    @field_validator("heads", mode="before")
    @classmethod
    def _without_null(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            name: head for name, head in value.items() if head is not None or name not in get_args(t.Head)
        }

    @field_serializer("heads", mode="wrap")
    def _left_out(self, value: object, dump: Any) -> dict[str, Any]:
        """A head that is left out is null, as in a study: the whole settings are those of the same study."""
        return dict.fromkeys(get_args(t.Head)) | dump(value)

    @model_validator(mode="after")
    def _fitting(self) -> Temporal:
        for head, settings in self.heads.items():
            misfit = settings.misfit(head)
            if misfit:
                raise ValueError(f"heads.{head}.{misfit}")
        return self

    def changed(self, head: t.Head, changes: dict[str, Any]) -> Temporal:
        """These settings with `changes` to those of `head`, or to the learning rate or batch.

        Raises pydantic's ValidationError where the head cannot be built so.
        """
        laid = self.model_dump()
        for name, value in changes.items():
            place = laid if name in SEARCHED_BESIDE else laid["heads"][head]
            place[name] = value
        return Temporal.model_validate(laid)


SEARCHED_BESIDE = ("learning_rate", "batch")
"""Settings of `temporal` itself that a search may change besides the head's."""


def searched_names(head: t.Head) -> list[str]:
    """The settings that a search of `head` may change."""
    own = [name for name in HeadSettings.model_fields if name not in HEADS_WITHOUT[head]]
    return [*own, *SEARCHED_BESIDE]


class ClipNetworkSettings(Batched):
    """A network that sees the frames themselves: what it is shown, and what all of them have."""

    batch: t.Count = setting(16, "of an optimiser step", "clips", "thesis")
    frames: t.Count = setting(24, "of a clip; what is missing is zeros", "frames", "thesis: 100")
    size: int = setting(32, "side of a frame", "pixels", "thesis: 160", ge=8)
    sampling: Literal["first", "even"] = setting("even", "its first frames (thesis), or even: all over it")
    filters: t.Some[t.Count] = setting([16, 16, 32], "one number per convolution", source="thesis")
    kernel: t.Count = setting(3, "of a convolution", "frames and pixels", "thesis; it also tried 5, 7, 9")
    dense: list[t.Count] = setting([512, 512], "neurons before the classes", source="thesis")
    dropout: t.Dropout = setting(0, "behind each pooling; of convlstm of each layer's inputs")
    dense_dropout: t.Dropout = setting(0, "behind each dense layer", "share")
    initialiser: t.Initialiser = setting("glorot_uniform", "of the weights", source="thesis: all tried")
    online: Online | None = setting(None, "drawn anew for every clip, as spatial.online")
    augmentations: int = setting(0, COPIES, ge=0, le=9)

    @model_validator(mode="after")
    def _no_mixed_clips(self) -> ClipNetworkSettings:
        if self.online is not None and (self.online.erase or self.online.mixup):
            raise ValueError("online: erase and mixup are for single images; write 0")
        return self


class C3dSettings(ClipNetworkSettings):
    """3D convolutions. By default as small as three of them allow, so that `make demo` ends in time."""

    pooling: t.Pooling = setting("max", "max, or average", source="thesis: both tried")
    batch_norm: bool = setting(False, "behind each convolution", source="thesis: tried")
    activation: t.Activation = setting("relu", "leaky_relu has Keras's slope, 0.3", source="thesis: both")
    map_layers: t.Count | None = setting(
        None,
        "fewer convolutions than this: their maps are pooled, before the dense layers, to those that so many "
        "would leave; null: never",
    )

    def maps(self) -> tuple[int, int]:
        """Frames and side of the maps that go into the dense layers."""
        layers = max(len(self.filters), self.map_layers or 0)
        return self._left(self.frames, layers), self._left(self.size, layers)

    def pooled(self) -> bool:
        """Whether the maps are pooled once more, to those of a network of `map_layers` convolutions."""
        return (self.map_layers or 0) > len(self.filters)

    def _left(self, length: int, layers: int) -> int:
        """Of a length, behind so many convolutions, each with its pooling; at least 1."""
        for _ in range(layers):
            length = max(1, (length - self.kernel + 1) // 2)
        return length

    @model_validator(mode="after")
    def _large_enough(self) -> C3dSettings:
        for name in ("frames", "size"):
            left = getattr(self, name)
            for layer in range(len(self.filters)):
                left = (left - self.kernel + 1) // 2
                if left < 1:
                    raise ValueError(
                        f"{name}: nothing of {getattr(self, name)} is left after convolution {layer + 1} of "
                        f"width {self.kernel} and its pooling; use more, a smaller kernel or fewer layers"
                    )
        return self


class ConvLstmSettings(ClipNetworkSettings):
    """LSTMs whose state is an image."""

    frames: t.Count = setting(16, "of a clip; what is missing is zeros", "frames", "thesis: 100")
    size: int = setting(16, "side of a frame", "pixels", "thesis: 160", ge=8)
    filters: t.Some[t.Count] = setting([8, 8], "one number per layer", source="thesis")
    dense: list[t.Count] = setting([], "as of c3d; []: the flattened state", source="thesis")
    recurrent_dropout: t.Dropout = setting(0, "of the state, the same mask at every frame", "share")
    peepholes: bool = setting(True, "false: Keras's layer, which the thesis used", source="thesis, Table 2.1")
    masked: bool = setting(True, "false: the state goes on over the zeros", source="thesis: false")
    checkpoint_frames: t.Whole = setting(
        0,
        "of a clip whose activations are kept at once: they are computed again for the gradient, segment by "
        "segment, a third more work; 0: all are kept, 37 MB for each frame of a clip at full size",
        "frames",
    )

    @model_validator(mode="after")
    def _possible(self) -> ConvLstmSettings:
        if self.kernel % 2 == 0:
            raise ValueError("kernel must be odd, so that the state keeps its size")
        if self.size - len(self.filters) * (self.kernel - 1) < 1:
            raise ValueError(f"size: nothing of {self.size} is left after {len(self.filters)} convolutions")
        return self


class EndToEndPlan(Trained):
    """How the networks on frames are trained."""

    epochs: t.Count = setting(6, "fixed in cross-validation", source="thesis: 20")
    memory: t.Whole = setting(256, "of frames kept in memory; what is beyond is read again each epoch", "MiB")
    precision: t.Precision = setting("float32", t.PRECISION)


class EndToEnd(EndToEndPlan):
    """The alternatives to the cascade: networks on the frames themselves (thesis, section 3.2.5)."""

    run: list[t.EndToEndName] = setting(
        ["c3d", "convlstm"], "those that are trained; what names another goes without it"
    )
    c3d: C3dSettings = C3dSettings()
    convlstm: ConvLstmSettings = ConvLstmSettings()

    def of(self, name: t.EndToEndName) -> ClipNetworkSettings:
        """The settings of the network `name`."""
        return getattr(self, name)

    def plan(self) -> EndToEndPlan:
        """How any of them is trained."""
        return EndToEndPlan(**{name: getattr(self, name) for name in EndToEndPlan.model_fields})


SCHEMES = ("thesis", "stratified")
"""Schemes of folds with another one to be compared with: folds of one sex, and of both."""


class Splits(Section):
    """Which subjects are held out, and the folds of the others."""

    scheme: Literal["thesis", "stratified", "leave_one_out", "given"] = setting(
        "stratified",
        "stratified by sex; thesis: on bu4dfe Figure 3.6's names, elsewhere, by name, the first fifth of "
        "each sex (two at least) for the test and the rest in blocks; leave_one_out (a fold for each "
        "subject); or given (column `fold` of the manifest, one for each subject)",
    )
    folds: t.Several = setting(5, "of stratified and thesis; the others have as many as there are")
    test_share: t.Below1 = setting(
        0.28,
        "held out; 0: none, and cross-validation is the result. Subjects marked `test` in the manifest's "
        "column `split` go first (not by thesis)",
        "share of the subjects",
    )
    compared: list[t.Head] = setting([], "heads that are also cross-validated in folds of the other scheme")

    @model_validator(mode="after")
    def _fitting(self) -> Splits:
        if self.scheme == "thesis" and not self.test_share:
            raise ValueError("test_share is 0, but scheme thesis has test subjects of its own")
        if self.compared and self.scheme not in SCHEMES:
            raise ValueError(f"compared needs scheme thesis or stratified, not {self.scheme}; write []")
        return self

    @property
    def tested(self) -> bool:
        """Whether subjects are held out, on whom final models are tested; else there are only folds."""
        return self.test_share > 0

    @property
    def judged(self) -> Literal["test", "cv"]:
        """The protocol of the predictions that models are evaluated by."""
        return "test" if self.tested else "cv"

    def other(self) -> Literal["thesis", "stratified"]:
        """The scheme that the study's own is compared with."""
        return "stratified" if self.scheme == "thesis" else "thesis"


class Finalize(Section):
    """How long the final models are trained (thesis, section 3.2.3)."""

    patience: t.Count = setting(10, "without a better validation accuracy", "epochs")
    rate_patience: t.Count = setting(5, "before the learning rate is lowered", "epochs")
    rate_factor: t.Within1 = setting(0.5, "by which it is multiplied then")
    max_epochs: t.Count = setting(30, "at most", "epochs")
