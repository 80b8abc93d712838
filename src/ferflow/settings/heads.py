"""Settings of what learns from clips: features, heads, networks on frames, and how they are judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from ferflow.settings.training import Online
from ferflow.settings.types import (
    Activation,
    Count,
    Dropout,
    EndToEndName,
    Head,
    Initialiser,
    Layer,
    Normalise,
    Pooling,
    Positive,
    Precision,
    Section,
)


class Features(Section):
    layer: Layer
    batch: Count
    precision: Precision
    max_frames: Count
    normalise: Normalise = "none"  # the store of features holds them as they are
    threads: Count


class HeadSettings(Section):
    """A temporal head. What a head has not (`HEADS_WITHOUT`) is None there, and nowhere else."""

    units: Count
    layers: Count
    dropout: Dropout
    recurrent_dropout: Dropout | None
    kernel: Count | None
    batch_norm: bool | None
    activation: Activation | None
    pooling: Pooling | None
    initialiser: Initialiser
    augmentations: Annotated[int, Field(ge=0, le=9)]

    def misfit(self, head: Head) -> str | None:
        """What of these settings `head` cannot be built with; None where all is well."""
        for name in HeadSettings.model_fields:
            absent = name in HEADS_WITHOUT[head]
            if absent and getattr(self, name) is not None:
                return f"{name} is {getattr(self, name)}, but {head} has none: write null"
            if not absent and getattr(self, name) is None:
                return f"{name} is null, but {head} needs one"
        return None


HEADS_WITHOUT: dict[Head, tuple[str, ...]] = {
    "lstm": ("kernel", "batch_norm", "activation", "pooling"),
    "bilstm": ("kernel", "batch_norm", "activation", "pooling"),
    "cnn1d": ("recurrent_dropout",),
}
"""Settings that mean nothing to a head."""


class Trained(Section):
    """How networks for clips are trained: Adam at one rate, in batches of clips."""

    learning_rate: Positive
    batch: Count
    epochs: Count
    memory: Annotated[int, Field(ge=0)]
    threads: Count


class Temporal(Trained):
    heads: dict[Head, HeadSettings]

    @field_validator("heads", mode="before")
    @classmethod
    def _without_null(cls, value: object) -> object:
        """A study leaves a head out by writing null."""
        if not isinstance(value, dict):
            return value
        return {name: head for name, head in value.items() if head is not None or name not in get_args(Head)}

    @model_validator(mode="after")
    def _fitting(self) -> Temporal:
        for head, settings in self.heads.items():
            misfit = settings.misfit(head)
            if misfit:
                raise ValueError(f"heads.{head}.{misfit}")
        return self

    def changed(self, head: Head, changes: dict[str, Any]) -> Temporal:
        """These settings with `changes` to those of `head`, or to the learning rate or batch.

        Raises pydantic's ValidationError where the head cannot be built so.
        """
        laid = self.model_dump()
        for name, value in changes.items():
            place = laid if name in SEARCHED_BESIDE else laid["heads"][head]
            place[name] = value
        return Temporal.model_validate(laid)


SEARCHED_BESIDE = ("learning_rate", "batch")
"""Settings of `temporal` itself that a search may change beside the head's own."""


def searched_names(head: Head) -> list[str]:
    """The settings that a search of `head` may change."""
    own = [name for name in HeadSettings.model_fields if name not in HEADS_WITHOUT[head]]
    return [*own, *SEARCHED_BESIDE]


class ClipNetworkSettings(Section):
    """A network that sees the frames themselves: what it is shown, and what all of them have."""

    frames: Count
    size: Annotated[int, Field(ge=8)]
    sampling: Literal["first", "even"]
    filters: Annotated[list[Count], Field(min_length=1)]
    kernel: Count
    dense: list[Count]
    dropout: Dropout
    dense_dropout: Dropout
    initialiser: Initialiser
    online: Online | None
    augmentations: Annotated[int, Field(ge=0, le=9)]

    @model_validator(mode="after")
    def _no_mixed_clips(self) -> ClipNetworkSettings:
        if self.online is not None and (self.online.erase or self.online.mixup):
            raise ValueError("online: erase and mixup are for single images; write 0")
        return self


class C3dSettings(ClipNetworkSettings):
    pooling: Pooling
    batch_norm: bool
    activation: Activation
    map_layers: Count | None

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
    recurrent_dropout: Dropout
    peepholes: bool
    masked: bool

    @model_validator(mode="after")
    def _possible(self) -> ConvLstmSettings:
        if self.kernel % 2 == 0:
            raise ValueError("kernel must be odd, so that the state keeps its size")
        if self.size - len(self.filters) * (self.kernel - 1) < 1:
            raise ValueError(f"size: nothing of {self.size} is left after {len(self.filters)} convolutions")
        return self


class EndToEndPlan(Trained):
    """How the networks on frames are trained."""

    precision: Precision


class EndToEnd(EndToEndPlan):
    run: list[EndToEndName]
    c3d: C3dSettings
    convlstm: ConvLstmSettings

    def of(self, name: EndToEndName) -> ClipNetworkSettings:
        """The settings of the network `name`."""
        return getattr(self, name)

    def plan(self) -> EndToEndPlan:
        """How any of them is trained."""
        return EndToEndPlan(**{name: getattr(self, name) for name in EndToEndPlan.model_fields})


SCHEMES = ("thesis", "stratified")
"""Schemes of folds with another one to be compared with: folds of one sex, and of both."""


class Splits(Section):
    scheme: Literal["thesis", "stratified", "leave_one_out", "given"]
    folds: Annotated[int, Field(ge=2)]
    test_share: Annotated[float, Field(ge=0, lt=1)]
    compared: list[Head]

    @model_validator(mode="after")
    def _fitting(self) -> Splits:
        if self.scheme == "thesis" and not self.test_share:
            raise ValueError("test_share is 0, but scheme thesis has test subjects of its own")
        if self.compared and self.scheme not in SCHEMES:
            raise ValueError(f"compared needs scheme thesis or stratified, not {self.scheme}; write []")
        return self

    @property
    def tested(self) -> bool:
        """Whether subjects are held out, so that final models are judged on them; else folds are all."""
        return self.test_share > 0

    @property
    def judged(self) -> Literal["test", "cv"]:
        """The protocol of the predictions that models are judged by."""
        return "test" if self.tested else "cv"

    def other(self) -> Literal["thesis", "stratified"]:
        """The scheme that the study's own is compared with."""
        return "stratified" if self.scheme == "thesis" else "thesis"


class Finalize(Section):
    patience: Count
    rate_patience: Count
    rate_factor: Annotated[float, Field(gt=0, lt=1)]
    max_epochs: Count
