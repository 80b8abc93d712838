"""Small networks that read a face as a sequence (data-centric study): of rows, of places, of patches.

CNN-LSTM: an LSTM reads the rows of a small network's feature map, from the forehead to the chin. The study
compares "variations" of it and prints none of them; here they are the three ways in which an LSTM itself is
varied: one layer, one layer in both directions, two layers. CNN with attention: self-attention over the
places of that map. ViT: self-attention over patches, without convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferflow.models.layers import DENSE, DROPOUT, initialise_as_keras, initialise_convolutions
from ferflow.models.network import SpatialNetwork

BASE_CHANNELS, BASE_SIZE = 96, 6
"""Channels and side of the maps of `small_base`."""
UNITS = 128
"""Hidden size of the LSTM, in each direction."""


def convolution(channels: int, out: int, kernel: int = 3, stride: int = 1, pool: bool = False) -> nn.Module:
    """A convolution without bias that keeps (or divides) the size, 2×2 pooling if asked, batch norm, ReLU.

    The maximum comes first, so that what follows has a quarter of the values to go over: a step costs a CPU
    about a sixth less than with batch normalisation first.
    """
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
        *[nn.MaxPool2d(2)] * pool,
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


def small_base() -> list[nn.Module]:
    """The three convolutions that CNN-LSTM and CNN with attention share: grey 48×48 to 96 maps of 6×6.

    Narrow on purpose: the data-centric study trains dozens of these networks, and on a CPU.
    """
    return [convolution(1, 24, 5, stride=2, pool=True), convolution(24, 48, pool=True), convolution(48, 96)]


class Rows(nn.Module):
    """Feature maps [N,C,H,W] to sequences [N,H,W·C] of their rows, top first."""

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.permute(0, 2, 3, 1).reshape(n, h, w * c)


class Lstm(nn.Module):
    """Sequences [N,T,F] to the states [N,T,units], or [N,T,2·units] with `both` directions."""

    def __init__(self, n_features: int, units: int, both: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_features, units, batch_first=True, bidirectional=both)
        initialise_as_keras(self.lstm)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


class LastState(nn.Module):
    """The state each direction ends with, of [N,T,units] or [N,T,2·units]."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.both = both

    def forward(self, x: Tensor) -> Tensor:
        if not self.both:
            return x[:, -1]
        half = x.shape[2] // 2
        return torch.cat([x[:, -1, :half], x[:, 0, half:]], dim=1)


class CnnLstm(SpatialNetwork):
    """Grey 48×48 images; one LSTM of 128 over the 6 rows; layers `pool` (its last state) and `dense` (128).

    An LSTM layer is a block as the convolutions are: it can be frozen and unfrozen.
    """

    name = "cnn_lstm"
    both = False
    depth = 1

    def __init__(self, n_classes: int) -> None:
        out = UNITS * (1 + self.both)
        first = nn.Sequential(Rows(), Lstm(BASE_SIZE * BASE_CHANNELS, UNITS, self.both))
        more = [Lstm(out, UNITS, self.both) for _ in range(self.depth - 1)]
        super().__init__([*small_base(), first, *more], pool=out, dense=DENSE)
        self.pool_head = LastState(self.both)
        self.classify_by((DENSE,), n_classes, DROPOUT)
        initialise_convolutions(self)


class CnnBiLstm(CnnLstm):
    """The same with a second LSTM of 128 that reads the rows from the chin up; `pool` has 256."""

    name = "cnn_bilstm"
    both = True


class CnnLstm2(CnnLstm):
    """The same with a second LSTM of 128 over the states of the first."""

    name = "cnn_lstm2"
    depth = 2


class SelfAttention(nn.Module):
    """Keras's MultiHeadAttention of a sequence [N,T,width] to itself, which gives [N,T,width].

    `key_dim` is the width of *each head's* queries, keys and values, as in Keras, so that heads × key_dim
    need not be `width`; torch's own layer has no such freedom. Parameters: 3 · (width + 1) · heads · key_dim
    into it, (heads · key_dim + 1) · width out of it.
    """

    def __init__(self, width: int, heads: int, key_dim: int) -> None:
        super().__init__()
        self.heads, self.key_dim = heads, key_dim
        self.inward = nn.Linear(width, 3 * heads * key_dim)
        self.outward = nn.Linear(heads * key_dim, width)
        for part in (*self.inward.weight.chunk(3), self.outward.weight):
            nn.init.xavier_uniform_(part)
        nn.init.zeros_(self.inward.bias)
        nn.init.zeros_(self.outward.bias)

    def forward(self, x: Tensor) -> Tensor:
        n, t, _ = x.shape
        parts = self.inward(x).view(n, t, 3, self.heads, self.key_dim).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts[0], parts[1], parts[2]
        # Written out: on sequences this short, torch's fused kernel takes three times as long to train
        # in bfloat16 on a CPU.
        weights = ((queries * self.key_dim**-0.5) @ keys.transpose(2, 3)).softmax(3)
        mixed = weights.to(values.dtype) @ values
        return self.outward(mixed.transpose(1, 2).reshape(n, t, self.heads * self.key_dim))


class Encoder(nn.Module):
    """A transformer's encoder block on [N,T,width]: attention, two dense layers, each added to its input.

    Layer normalisation stands before each of them, which trains without a warm-up.
    """

    def __init__(self, width: int, heads: int, key_dim: int, hidden: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), SelfAttention(width, heads, key_dim))
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.dense(x)


class Tokens(nn.Module):
    """Feature maps [N,C,H,W] to sequences [N,H·W,C] of their places."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class CnnAttention(SpatialNetwork):
    """Grey 48×48 images: three convolutions, then one encoder block over the 6×6 places of the feature map.

    8 heads and a key dimension of 8 are the paper's first setting; the rest is not printed. Layers `pool`
    (36 places × 96 = 3456, flattened, so that what a place attends to stays at its place) and `dense` (128).
    """

    name = "cnn_attention"
    heads, key_dim = 8, 8
    hidden = 192

    def __init__(self, n_classes: int) -> None:
        encoder = Encoder(BASE_CHANNELS, self.heads, self.key_dim, self.hidden)
        blocks = [*small_base(), nn.Sequential(Tokens(), encoder)]
        pool = BASE_SIZE * BASE_SIZE * BASE_CHANNELS
        super().__init__(blocks, pool, dense=DENSE)
        self.pool_head = nn.Flatten()
        self.classify_by((DENSE,), n_classes, DROPOUT)
        initialise_convolutions(self)


class Patches(nn.Module):
    """Images [N,C,S,S] to a sequence [N,(S/patch)²,width]: a linear map of each patch plus its place."""

    def __init__(self, channels: int, size: int, patch: int, width: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, width, patch, stride=patch)
        self.place = nn.Parameter(torch.empty(1, (size // patch) ** 2, width))
        nn.init.trunc_normal_(self.place, std=0.02)
        self.tokens = Tokens()

    def forward(self, x: Tensor) -> Tensor:
        x = self.tokens(self.project(x))
        return x + self.place.to(x.dtype)


class Vit(SpatialNetwork):
    """A small vision transformer for grey 48×48 images: patches of 8, width 64, three blocks of four heads.

    The paper prints no sizes. The encoded patches are flattened, as in Keras's own example of a vision
    transformer, and not averaged: faces are aligned, so that a patch's place says what it shows. After two
    epochs on FER2013 this named 40 % of PublicTest, the mean over the patches 28 %. Layers `pool` (36 × 64 =
    2304) and `dense` (128).
    """

    name = "vit"
    patch, width, depth, heads, hidden = 8, 64, 3, 4, 128

    def __init__(self, n_classes: int) -> None:
        encoders = [
            Encoder(self.width, self.heads, self.width // self.heads, self.hidden) for _ in range(self.depth)
        ]
        patches = Patches(self.channels, self.input_size, self.patch, self.width)
        pool = (self.input_size // self.patch) ** 2 * self.width
        super().__init__([patches, *encoders], pool, dense=DENSE)
        self.pool_head = nn.Sequential(nn.LayerNorm(self.width), nn.Flatten())
        self.classify_by((DENSE,), n_classes, DROPOUT)
