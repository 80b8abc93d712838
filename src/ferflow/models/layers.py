"""Pieces that several networks are made of."""

from __future__ import annotations

import torch
from torch import nn

DENSE = 128
"""Neurons of the layer `dense` of the small networks; ours, as no paper prints them."""
DROPOUT = 0.5
"""Before the classes."""


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


BASE_CHANNELS, BASE_SIZE = 96, 6
"""Of what `small_base` gives."""


def initialise_convolutions(network: nn.Module) -> None:
    """He's initialisation for what is trained from nothing and followed by a ReLU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_as_keras(lstm: nn.LSTM) -> None:
    """Glorot for the inputs, orthogonal for the state, 1 for the forget gate's bias, as Keras's layer."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                hidden = parameter.numel() // 4
                with torch.no_grad():
                    parameter[hidden : 2 * hidden] = 1  # torch's order: input, forget, cell, output
