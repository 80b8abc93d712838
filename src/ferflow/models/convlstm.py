"""ConvLSTM with peephole connections (thesis, Table 2.1; Shi et al. 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferflow.models.clipnetwork import CHANNELS, ClipNetwork, dense_layers
from ferflow.models.layers import initialise, sequence_dropout
from ferflow.settings import ConvLstmSettings


class ConvLstmLayer(nn.Module):
    """One layer: sequences [N,T,C,H,W] to states [N,T,F,H',W'], where H' is H − kernel + 1 (as Keras's).

    Table 2.1, with * for the convolutions that it prints as · (a ConvLSTM has no other products), ⊙ for the
    Hadamard product and σ for the logistic function:

        i_t = σ(W_xi * X_t + W_hi * H_{t−1} + W_ci ⊙ C_{t−1} + b_i)
        f_t = σ(W_xf * X_t + W_hf * H_{t−1} + W_cf ⊙ C_{t−1} + b_f)
        C̃   = tanh(W_xc * X_t + W_hc * H_{t−1} + b_c)
        C_t = f_t ⊙ C_{t−1} + i_t ⊙ C̃
        o_t = σ(W_xo * X_t + W_ho * H_{t−1} + W_co ⊙ C_t + b_o)
        H_t = o_t ⊙ tanh(C_t)

    `inward` holds W_x and b, `recurrent` W_h, each for i, f, C̃, o one after the other, `peepholes` W_ci, W_cf
    and W_co, [3,F,H',W'], which begin at 0. C_0 and H_0 are 0. A frame that the mask leaves out changes
    neither C nor H. `dropout` acts on the inputs, `recurrent_dropout` on the H that goes into the gates, each
    with one mask per sequence.
    """

    def __init__(self, channels: int, filters: int, size: int, settings: ConvLstmSettings) -> None:
        super().__init__()
        self.settings = settings
        kernel = settings.kernel
        self.inward = nn.Conv2d(channels, 4 * filters, kernel)
        self.recurrent = nn.Conv2d(filters, 4 * filters, kernel, padding=kernel // 2, bias=False)
        self.peepholes = None
        out = size - kernel + 1
        if settings.peepholes:
            self.peepholes = nn.Parameter(torch.zeros(3, filters, out, out))
        # As Keras's layer: orthogonal for the state, 1 for the forget gate's bias.
        initialise(self.inward.weight, settings.initialiser)
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.zeros_(self.inward.bias)
        nn.init.ones_(self.inward.bias[filters : 2 * filters])

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """States of every frame; `mask` [N,T] (True: a real frame), None: all are."""
        n, frames = x.shape[:2]
        x = sequence_dropout(x, self.settings.dropout, self.training)
        # The inputs' part of the gates, which waits for no state, is taken for all frames at once.
        inward = self.inward(x.flatten(0, 1)).unflatten(0, (n, frames))
        filters = inward.shape[2] // 4
        state = inward.new_zeros(n, filters, *inward.shape[3:])
        cell = torch.zeros_like(state)
        keep = None
        if self.training and self.settings.recurrent_dropout:
            keep = functional.dropout(torch.ones_like(state), self.settings.recurrent_dropout)
        states = []
        for step, gates_of_input in enumerate(inward.unbind(1)):
            shown = state if keep is None else state * keep
            i, f, new, o = (gates_of_input + self.recurrent(shown)).chunk(4, dim=1)
            if self.peepholes is not None:
                i = i + self.peepholes[0] * cell
                f = f + self.peepholes[1] * cell
            cell_now = f.sigmoid() * cell + i.sigmoid() * new.tanh()
            if self.peepholes is not None:
                o = o + self.peepholes[2] * cell_now
            state_now = o.sigmoid() * cell_now.tanh()
            if mask is not None:
                real = mask[:, step, None, None, None]
                cell_now, state_now = torch.where(real, cell_now, cell), torch.where(real, state_now, state)
            cell, state = cell_now, state_now
            states.append(state)
        return torch.stack(states, dim=1)


class ConvLstm(ClipNetwork):
    """Layers of ConvLSTM; the last one's last state, flattened, goes to the classes (thesis, section 3.3.2).

    With `settings.masked` the last state is that after the last real frame; without, the layers go on over
    the zeros behind it, as in the thesis. Without peepholes it has the parameters of Keras's layer, that is
    4·filters·(kernel²·(channels + filters) + 1): 3,200 and 4,640 for two layers of 8.
    """

    name = "convlstm"
    settings: ConvLstmSettings

    def __init__(self, n_classes: int, settings: ConvLstmSettings) -> None:
        super().__init__(n_classes, settings)
        self.layers = nn.ModuleList()
        channels, size = CHANNELS, settings.size
        for filters in settings.filters:
            self.layers.append(ConvLstmLayer(channels, filters, size, settings))
            channels, size = filters, size - settings.kernel + 1
        activated = [nn.ReLU() for _ in settings.dense]
        flat = channels * size * size
        self.head = nn.Sequential(nn.Flatten(), *dense_layers(flat, n_classes, settings, activated))

    def classify(self, clips: Tensor, mask: Tensor) -> Tensor:
        x = clips.permute(0, 1, 4, 2, 3)
        for layer in self.layers:
            x = layer(x, mask if self.settings.masked else None)
        return self.head(x[:, -1])
