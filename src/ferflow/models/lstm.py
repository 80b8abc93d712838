"""One LSTM layer with dropout on its state, which torch's own cannot do, and small in memory on wide inputs.

The mask is drawn once per sequence and is the same at every step (Gal and Ghahramani 2016; Keras's
`recurrent_dropout`): it acts on the state that goes into the gates, not on the state that is given out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDE = 4096
"""Features from which torch's own loop no longer pays on a CPU: the product with the inputs takes nearly all
of the time, and torch's LSTM copies them several times over and works out a gradient for them."""


def lstm_states(
    lstm: nn.LSTM, x: Tensor, recurrent_dropout: float, turn: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """States [N,T,H] of the one-layer, batch-first `lstm` over sequences [N,T,F].

    Thesis, Table 2.1, left. While `lstm` is trained, a share `recurrent_dropout` of the state is dropped on
    its way into the gates. Without that, and outside training, torch's own loop is several times as fast.
    `turn` puts the frames of [N,T,...] into the order in which they are read.
    """
    dropped = recurrent_dropout if lstm.training else 0.0
    if dropped == 0 and (x.shape[2] < WIDE or x.is_cuda):
        return lstm(x if turn is None else turn(x))[0]
    n, units = len(x), lstm.hidden_size
    keep = functional.dropout(x.new_ones(n, units), dropped)
    # The inputs' part of the gates is the same product at every step, so it is taken once for all of them.
    inward = functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    if turn is not None:
        inward = turn(inward)
    state = x.new_zeros(n, units)
    cell = x.new_zeros(n, units)
    recurrent = lstm.weight_hh_l0.t()
    states = []
    for gates_of_input in inward.unbind(1):
        gates = torch.addmm(gates_of_input, state * keep, recurrent)
        i, f, new, o = gates.chunk(4, dim=1)  # torch's order: input, forget, cell, output
        cell = f.sigmoid() * cell + i.sigmoid() * new.tanh()
        state = o.sigmoid() * cell.tanh()
        states.append(state)
    return torch.stack(states, dim=1)
