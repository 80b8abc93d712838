"""Layers and initialisers that several networks share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.settings import Activation, Initialiser

DENSE = 128
"""Neurons of the layer `dense` of the small networks; no paper prints them."""
DROPOUT = 0.5
"""Before the classes."""
LEAK = 0.3
"""Slope of a leaky ReLU below 0: that of Keras's layer, which the thesis used."""
_TRUNCATED = 0.87962566103423978
"""Standard deviation of a normal distribution of deviation 1 that is cut at 2 and -2."""


def initialise_convolutions(network: nn.Module) -> None:
    """He's initialisation for what is trained from nothing and followed by a ReLU."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_as_keras(lstm: nn.LSTM, inputs: Initialiser = "glorot_uniform") -> None:
    """`inputs` for the inputs, orthogonal for the state, 1 for the forget gate's bias, as Keras's layer."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_ih"):
            initialise(parameter, inputs)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                hidden = parameter.numel() // 4
                with torch.no_grad():
                    parameter[hidden : 2 * hidden] = 1  # torch's order: input, forget, cell, output


def initialise(weight: Tensor, how: Initialiser) -> None:
    """Fill the weights [out, in, ...] as Keras's initialiser of that name does."""
    if how == "glorot_uniform":
        nn.init.xavier_uniform_(weight)
    elif how == "he_uniform":
        nn.init.kaiming_uniform_(weight, nonlinearity="relu")
    else:  # Keras cuts its normal distribution at two deviations, and widens it for that
        fan_in = weight[0].numel()
        deviation = math.sqrt(2 / fan_in) / _TRUNCATED
        nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


def activation(name: Activation) -> nn.Module:
    """The layer of that name."""
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(LEAK)


def sequence_dropout(x: Tensor, rate: float, training: bool, inplace: bool = False) -> Tensor:
    """Drop a share `rate` of the values of sequences [N,T,...], the same ones at every step.

    What is left is scaled by 1 / (1 - rate). Keras's `dropout` of recurrent layers; Gal and Ghahramani 2016.
    `inplace` spares a copy of `x`.
    """
    if not training or rate == 0:
        return x
    keep = functional.dropout(x.new_ones(len(x), 1, *x.shape[2:]), rate)
    return x.mul_(keep) if inplace else x * keep
