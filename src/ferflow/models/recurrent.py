"""CNN-LSTM: an LSTM reads the rows of a small network's feature map, from the forehead to the chin.

The data-centric study compares "variations" of its CNN-LSTM and prints none of them. Ours are the three ways
in which an LSTM itself is varied: one layer, one layer in both directions, two layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferflow.models.layers import (
    BASE_CHANNELS,
    BASE_SIZE,
    DENSE,
    DROPOUT,
    initialise_as_keras,
    initialise_convolutions,
    small_base,
)
from ferflow.models.network import SpatialNetwork

UNITS = 128
"""Of the LSTM, in each direction."""


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
        self.dense_head = nn.Sequential(nn.Linear(out, DENSE), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(DENSE, n_classes))
        initialise_convolutions(self)


class CnnBiLstm(CnnLstm):
    """The same with a second LSTM of 128 that reads the rows from the chin up; `pool` has 256."""

    name = "cnn_bilstm"
    both = True


class CnnLstm2(CnnLstm):
    """The same with a second LSTM of 128 over the states of the first."""

    name = "cnn_lstm2"
    depth = 2
