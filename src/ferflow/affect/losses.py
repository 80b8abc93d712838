"""What a network for expression, valence and arousal learns from: three losses and their weights.

Expression: cross-entropy, classes weighted (Akhtar 2022, section 4.4). Valence and arousal: mean squared
error (paper), or 1 − CCC over the batch. Their sum with set weights, or with learned ones (Kendall, Gal and
Cipolla 2018, equation 10): 1/σ² of the cross-entropy and 1/(2σ²) of a regression, plus log σ each. All are
taken over the values that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

TASKS = ("expression", "valence", "arousal")


def concordance(predicted: Tensor, true: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient of two vectors [N]: a number in -1..1.

    2 cov / (var + var + (difference of the means)²), with N − 1 in covariance and variances, as torchmetrics
    has it. 0 for fewer than two values, or where neither vector varies.
    """
    if len(true) < 2:
        return predicted.sum() * 0
    a, b = predicted - predicted.mean(), true - true.mean()
    n = len(true) - 1
    spread = (a * a).sum() / n + (b * b).sum() / n + (predicted.mean() - true.mean()) ** 2
    return 2 * (a * b).sum() / n / spread.clamp_min(1e-12)


def squared_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean squared error of two vectors [N]; 0 where there are no values."""
    return ((predicted - true) ** 2).sum() / max(len(true), 1)


class AffectLoss(nn.Module):
    """The three losses and their weighted sum.

    `classes` are the weights of the classes [K] (None: all the same), `weights` those of the three tasks, in
    the order of TASKS. With `learned`, they are what the learned ones start from.
    """

    def __init__(
        self,
        classes: Sequence[float] | None,
        regression: Literal["mse", "ccc"],
        weights: Sequence[float],
        learned: bool,
    ) -> None:
        super().__init__()
        self.regression, self.learned = regression, learned
        self.register_buffer("classes", _numbers(classes), persistent=False)
        self.register_buffer("fixed", _numbers(weights), persistent=False)
        if learned:
            # log σ²: with 1/σ² of the cross-entropy and 1/(2σ²) of the regressions equal to the set weights.
            factors = torch.tensor([1.0, 0.5, 0.5])
            self.log_variances = nn.Parameter((factors / self.fixed).log())

    def forward(
        self, logits: Tensor, pair: Tensor, labels: Tensor, true: Tensor, known: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sum, and the three losses [3], of a batch.

        `logits` [B,K] and `pair` [B,2] are a network's, `labels` int64 [B], `true` [B,2] valence and arousal,
        with anything where `known` bool [B,2] is false.
        """
        parts = [functional.cross_entropy(logits, labels, self.classes)]
        for column in range(2):
            told = known[:, column]
            predicted, truth = pair[told, column], true[told, column]
            if self.regression == "mse":
                parts.append(squared_error(predicted, truth))
            elif told.sum() < 2:
                parts.append(predicted.sum() * 0)
            else:
                parts.append(1 - concordance(predicted, truth))
        losses = torch.stack(parts)
        if not self.learned:
            return (self.fixed * losses).sum(), losses.detach()
        return (self.weights() * losses + self.log_variances / 2).sum(), losses.detach()

    def weights(self) -> Tensor:
        """The weights of the three tasks at present [3]."""
        if not self.learned:
            return self.fixed
        return torch.exp(-self.log_variances) * self.log_variances.new_tensor([1.0, 0.5, 0.5])


def _numbers(values: Sequence[float] | None) -> Tensor | None:
    return None if values is None else torch.tensor([float(value) for value in values])
