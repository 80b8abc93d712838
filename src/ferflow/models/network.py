"""The base class of the networks for single images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.networks import NETWORKS

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, as OpenCV's)."""


class SpatialNetwork(nn.Module):
    """A base of blocks and a small classifier, cut open at the two layers that features come from.

    Class attributes: `name`, its entry in `NETWORKS`, which gives the others; `input_size` (pixels);
    `channels` (1 grey, 3 RGB); `mean` and `std` of the channels for values 0–1. Attributes: `layers`, the
    width of each layer features can be taken from (`pool`: the base's output as one vector, which is the
    last pooling where there is one; `dense`: the first dense layer after it, activated); `options`, what
    else than the number of classes it takes to build the same network again. Subclasses give `blocks` (the
    base, input first: convolution blocks, and the recurrent or attention layers behind them), `pool_head`
    (the last block's output to a vector), `dense_head` and `classifier`.
    """

    name: str
    input_size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        entry = NETWORKS.get(cls.__dict__.get("name"))
        if entry is not None:
            cls.input_size, cls.channels = entry.size, len(entry.mean)
            cls.mean, cls.std = entry.mean, entry.std

    def __init__(self, blocks: list[nn.Module], pool: int, dense: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.layers = {"pool": pool, "dense": dense}
        self.options: dict = {}
        shape = (1, self.channels, 1, 1)
        self.register_buffer("_mean", torch.tensor(self.mean).view(shape), persistent=False)
        self.register_buffer("_std", torch.tensor(self.std).view(shape), persistent=False)
        self._frozen = 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of one image that fits: channels, height, width."""
        return self.channels, self.input_size, self.input_size

    def classify_by(self, widths: Sequence[int], n_classes: int, dropout: float) -> None:
        """Set `dense_head` and `classifier`: dense layers of `widths` neurons with ReLU and dropout.

        The first of them is the layer `dense`.
        """
        self.dense_head = nn.Sequential(nn.Linear(self.layers["pool"], widths[0]), nn.ReLU())
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        for width, out in pairwise(widths):
            layers += [nn.Linear(width, out), nn.ReLU(), nn.Dropout(dropout)]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))

    def fit(self, x: Tensor) -> Tensor:
        """Bring images [N,1 or 3,H,W] to this network's channels and size; what fits passes unchanged.

        Images come faster through `spatial.prepare`; this is the safety net for those that did not.
        """
        if x.shape[1] == 3 and self.channels == 1:
            x = (x * x.new_tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
        elif x.shape[1] == 1 and self.channels == 3:
            x = x.expand(-1, 3, -1, -1)
        size = self.image_shape[1:]
        if x.shape[-2:] != size:
            x = functional.interpolate(x.float(), size, mode="bilinear", antialias=True).to(x.dtype)
        return x

    def normalised(self, x: Tensor) -> Tensor:
        """Images [N,C,H,W] (0–1) as the first block takes them."""
        return (self.fit(x) - self._mean) / self._std

    def features(self, x: Tensor, layer: str) -> Tensor:
        """Features [N,F] of images [N,C,H,W] (0–1) at `layer`, one of `layers`."""
        return self.at_layers(x, [layer])[layer]

    def at_layers(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Features [N,F] of images [N,C,H,W] (0–1) at each of `layers`, from one pass through the base."""
        for layer in layers:
            if layer not in self.layers:
                raise ValueError(f"{self.name} has no layer {layer}; it has {', '.join(self.layers)}")
        x = self.normalised(x)
        for block in self.blocks:
            x = block(x)
        pool = self.pool_head(x)
        return {layer: pool if layer == "pool" else self.dense_head(pool) for layer in layers}

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N,K] of images [N,C,H,W] with values 0–1."""
        return self.classifier(self.features(x, "dense"))

    def unfreeze(self, blocks: int | None) -> None:
        """Let the classifier and the last `blocks` blocks learn, the rest not (None: everything).

        Thesis, section 3.2.4: 0 while the new classifier learns, then 1–2. Batch normalisation in a frozen
        block keeps its statistics.
        """
        self._frozen = 0 if blocks is None else max(len(self.blocks) - blocks, 0)
        for number, block in enumerate(self.blocks):
            block.requires_grad_(number >= self._frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> SpatialNetwork:
        super().train(mode)
        for block in self.blocks[: self._frozen]:
            block.eval()
        return self


def count(module: nn.Module, trainable: bool = False) -> int:
    """Number of parameters of `module`, or of its trainable ones only; buffers do not count."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)
