"""What a network is trained for: what it learns from, and what is noted of an epoch.

`Expression`: cross-entropy of the classes. `Affect` (Akhtar 2022, section 4.4): expression with valence and
arousal; cross-entropy, classes weighted, and for either number the mean squared error (paper) or 1 − CCC over
the batch. Their sum with set weights, or with learned ones (Kendall, Gal and Cipolla 2018, equation 10): 1/σ²
of the cross-entropy and 1/(2σ²) of a regression, plus log σ each. All are taken over the values that are
known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Sums = dict[str, Any]
"""What is added up over the batches of an epoch, as a checkpoint can hold it."""
PARTS = ("expression", "valence", "arousal")
"""The losses of `Affect`."""
MOMENTS = ("n", "x", "y", "xx", "yy", "xy")


class Task(nn.Module):
    """The loss of a network's outputs, and the figures of an epoch.

    `best` names the figure by which the best epoch is kept, and whether it is the greatest (`max`) or least.
    """

    best: tuple[str, Literal["max", "min"]]

    @staticmethod
    def split(batch: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        """The inputs of the network, and the targets, which `forward` takes besides its outputs."""
        raise NotImplementedError

    @staticmethod
    def predicted(outputs: Any) -> list[Tensor]:
        """The predictions by a network's outputs: class probabilities [N,K], and further numbers if any."""
        raise NotImplementedError

    def forward(self, outputs: Any, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss that a batch is trained on, and what it is the sum of, detached."""
        raise NotImplementedError

    def validation_loss(self, outputs: Any, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """The same without what only shapes the training: smoothed labels and weights of classes."""
        raise NotImplementedError

    def weight(self, *targets: Tensor) -> Tensor | float:
        """What part of a batch counts in the batch's loss, where that is a mean over the batch.

        Raises NotImplementedError for a loss that is none.
        """
        raise NotImplementedError

    def nothing(self) -> Sums:
        """The sums of no batch."""
        raise NotImplementedError

    def add(self, sums: Sums, loss: Tensor, parts: Tensor, outputs: Any, targets: Sequence[Tensor]) -> None:
        """Add a batch to `sums`; `loss` and `parts` as `forward` gives them."""
        raise NotImplementedError

    def means(self, sums: Sums) -> dict[str, float | None]:
        """An epoch's `loss`, `accuracy` and more, from its sums; None where nothing is known."""
        raise NotImplementedError

    def weights(self) -> dict[str, float]:
        """The weights of the parts of the loss at present, by their columns of schema `history`."""
        return {}


class Expression(Task):
    """Classes. A batch is a tuple whose last member holds the labels; the others go to the network.

    Labels are int64 [N], or probabilities of the classes float32 [N,K]. `class_weights` are those of each
    class in the training loss (None: all the same).
    """

    best = "validation_accuracy", "max"

    def __init__(self, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.loss = nn.CrossEntropyLoss(_numbers(class_weights), label_smoothing=label_smoothing)

    @staticmethod
    def split(batch: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        *inputs, labels = batch
        return inputs, [labels]

    @staticmethod
    def predicted(outputs: Tensor) -> list[Tensor]:
        return [outputs.double().softmax(dim=1)]

    def forward(self, outputs: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        loss = self.loss(outputs, *targets)
        return loss, loss.detach()

    def validation_loss(self, outputs: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        loss = functional.cross_entropy(outputs, *targets)
        return loss, loss.detach()

    def weight(self, *targets: Tensor) -> Tensor | float:
        if self.loss.weight is None or targets[0].is_floating_point():
            return float(len(targets[0]))
        return self.loss.weight[targets[0]].sum()

    def nothing(self) -> Sums:
        # float32 on the network's device: nothing waits for a number before the epoch's end.
        return {"n": 0, "right": torch.tensor(0), "loss": torch.tensor(0.0)}

    def add(
        self, sums: Sums, loss: Tensor, parts: Tensor, outputs: Tensor, targets: Sequence[Tensor]
    ) -> None:
        labels = targets[0].argmax(1) if targets[0].is_floating_point() else targets[0]
        right = (outputs.detach().argmax(1) == labels).sum()
        sums["n"] += len(labels)
        sums["right"] = sums["right"].to(right.device) + right
        sums["loss"] = sums["loss"].to(right.device) + loss.detach().float() * len(labels)

    def means(self, sums: Sums) -> dict[str, float | None]:
        n = max(sums["n"], 1)
        return {"loss": (sums["loss"] / n).item(), "accuracy": (sums["right"].float() / n).item()}


class Affect(Task):
    """Classes, valence and arousal, for `models.affect.AffectNetwork`.

    A batch is images uint8 [B,3,S,S], labels int64 [B], valence and arousal float32 [B,2], and which of these
    are known, bool [B,2] (`training.image_files.Batch`). `classes` are the weights of the classes [K] (None:
    all the same), `weights` those of the three losses, in the order of PARTS. With `learned`, they are what
    the learned ones start from.
    """

    best = "validation_loss", "min"

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

    @staticmethod
    def split(batch: tuple[Tensor, ...]) -> tuple[list[Tensor], list[Tensor]]:
        images, *targets = batch
        return [prepared(images)], targets

    @staticmethod
    def predicted(outputs: tuple[Tensor, Tensor]) -> list[Tensor]:
        logits, pair = outputs
        return [logits.softmax(1), pair.clamp(-1, 1)]

    def forward(self, outputs: tuple[Tensor, Tensor], *targets: Tensor) -> tuple[Tensor, Tensor]:
        """The sum, and the three losses [3], of a batch.

        `outputs` are a network's logits [B,K] and pair [B,2]; `targets` labels int64 [B], valence and arousal
        [B,2], with anything where the last, `known` bool [B,2], is false.
        """
        return self._loss(self.classes, outputs, *targets)

    def validation_loss(self, outputs: tuple[Tensor, Tensor], *targets: Tensor) -> tuple[Tensor, Tensor]:
        return self._loss(None, outputs, *targets)

    def _loss(
        self, classes: Tensor | None, outputs: tuple[Tensor, Tensor], *targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        (logits, pair), (labels, true, known) = outputs, targets
        parts = [functional.cross_entropy(logits, labels, classes)]
        for column in range(2):
            annotated = known[:, column]
            predicted, truth = pair[annotated, column], true[annotated, column]
            if self.regression == "mse":
                parts.append(squared_error(predicted, truth))
            elif annotated.sum() < 2:
                parts.append(predicted.sum() * 0)
            else:
                parts.append(1 - concordance(predicted, truth))
        losses = torch.stack(parts)
        if not self.learned:
            return (self.fixed * losses).sum(), losses.detach()
        return (self._present() * losses + self.log_variances / 2).sum(), losses.detach()

    def nothing(self) -> Sums:
        names = ["n", "right", "loss", *(f"{part}_loss" for part in PARTS)]
        return dict.fromkeys([*names, *(f"{part}_{name}" for part in PARTS[1:] for name in MOMENTS)], 0.0)

    def add(self, sums: Sums, loss: Tensor, parts: Tensor, outputs, targets: Sequence[Tensor]) -> None:
        (logits, pair), (labels, true, known) = outputs, targets
        n = len(labels)
        sums["n"] += n
        sums["right"] += (logits.argmax(1) == labels).sum().item()
        sums["loss"] += n * loss.item()
        sums["expression_loss"] += n * parts[0].item()
        for column, part in enumerate(PARTS[1:]):
            annotated = known[:, column]
            x, y = pair[annotated, column].detach().double(), true[annotated, column].double()
            sums[f"{part}_loss"] += len(x) * parts[1 + column].item()
            for name, value in moments(x, y).items():
                sums[f"{part}_{name}"] += value

    def means(self, sums: Sums) -> dict[str, float | None]:
        n = max(sums["n"], 1)
        figures: dict[str, float | None] = {
            "loss": sums["loss"] / n,
            "expression_loss": sums["expression_loss"] / n,
            "accuracy": sums["right"] / n,
        }
        for part in PARTS[1:]:
            of_part = {name: sums[f"{part}_{name}"] for name in MOMENTS}
            known = of_part["n"]
            figures[f"{part}_loss"] = sums[f"{part}_loss"] / known if known else None
            figures[f"rmse_{part}"], figures[f"ccc_{part}"] = agreement(of_part)
        return figures

    def weights(self) -> dict[str, float]:
        return dict(zip((f"{part}_weight" for part in PARTS), self._present().tolist(), strict=True))

    def _present(self) -> Tensor:
        if not self.learned:
            return self.fixed
        return torch.exp(-self.log_variances) * self.log_variances.new_tensor([1.0, 0.5, 0.5])


def prepared(images: Tensor) -> Tensor:
    """Images uint8 [B,3,S,S] as a network takes them: float32, 0–1."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


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


def moments(x: Tensor, y: Tensor) -> dict[str, float]:
    """Number and sums of two vectors, their squares and their product: what can be added up over batches."""
    return {"n": float(len(x))} | {
        name: value.sum().item()
        for name, value in {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}.items()
    }


def agreement(sums: dict[str, float]) -> tuple[float | None, float | None]:
    """Root mean squared error, and Lin's concordance with N − 1 in its variances, of `moments` added up.

    None where they cannot be computed: of no values, of fewer than two, or where neither vector varies.
    """
    n, x, y, xx, yy, xy = (sums[name] for name in MOMENTS)
    if n == 0:
        return None, None
    error = math.sqrt(max(xx + yy - 2 * xy, 0) / n)
    if n < 2:
        return error, None
    spread = (xx - x * x / n + yy - y * y / n) / (n - 1) + ((x - y) / n) ** 2
    return error, 2 * (xy - x * y / n) / (n - 1) / spread if spread > 1e-12 else None


def _numbers(values: Sequence[float] | None) -> Tensor | None:
    return None if values is None else torch.tensor([float(value) for value in values])
