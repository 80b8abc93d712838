"""Losses of expression, valence and arousal, against references and worked numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

import ferflow.models.vision  # noqa: F401  torchmetrics imports torchvision, which needs this first

# isort: split
from torchmetrics.functional import concordance_corrcoef

from ferflow.training.task import Affect, concordance, squared_error

WEIGHTS = (1.0, 0.5, 2.0)


@pytest.fixture
def batch():
    """Logits, valence and arousal, labels, truth, and what of it is known."""
    rng = torch.Generator().manual_seed(5)
    logits = torch.randn(40, 8, generator=rng)
    true = torch.rand(40, 2, generator=rng) * 2 - 1
    pair = (0.6 * true + 0.3 * torch.randn(40, 2, generator=rng) + 0.1).clamp(-1, 1)
    labels = torch.randint(0, 8, (40,), generator=rng)
    known = torch.rand(40, 2, generator=rng) > 0.3
    return logits, pair, labels, torch.where(known, true, torch.nan), known


def test_concordance_is_that_of_torchmetrics(batch):
    _, pair, _, true, known = batch
    for column in range(2):
        a, b = pair[known[:, column], column], true[known[:, column], column]
        assert concordance(a, b).item() == pytest.approx(concordance_corrcoef(a, b).item(), abs=1e-6)
    assert concordance(torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 2, 3])).item() == pytest.approx(1)
    # var 1 and 1, covariance 1, means 1 apart: 2 / (1 + 1 + 1)
    assert concordance(torch.tensor([1.0, 2, 3]), torch.tensor([2.0, 3, 4])).item() == pytest.approx(2 / 3)


def test_the_sum_is_of_weighted_cross_entropy_and_masked_squared_errors(batch):
    logits, pair, labels, true, known = batch
    classes = tuple(np.linspace(0.5, 2, 8))
    total, parts = Affect(classes, "mse", WEIGHTS, False)((batch[0], batch[1]), *batch[2:])
    told = [(pair[:, k] - true[:, k])[known[:, k]] for k in range(2)]
    expected = [
        functional.cross_entropy(logits, labels, torch.tensor(classes, dtype=torch.float32)).item(),
        *(error.square().mean().item() for error in told),
    ]
    assert parts.tolist() == pytest.approx(expected)
    assert total.item() == pytest.approx(sum(w * x for w, x in zip(WEIGHTS, expected, strict=True)))


def test_the_ccc_loss_is_one_less_concordance(batch):
    _, pair, _, true, known = batch
    _, parts = Affect(None, "ccc", WEIGHTS, False)((batch[0], batch[1]), *batch[2:])
    for column in range(2):
        told = known[:, column]
        expected = 1 - concordance_corrcoef(pair[told, column], true[told, column]).item()
        assert parts[1 + column].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("regression", ["mse", "ccc"])
@pytest.mark.parametrize("n_known", [0, 1, 40])
def test_gradients_are_finite_whatever_is_known(batch, regression, n_known):
    logits, pair, labels, true, _ = batch
    known = torch.zeros(40, 2, dtype=torch.bool)
    known[:n_known] = True
    true = torch.where(known, torch.nan_to_num(true), torch.nan)
    logits, pair = logits.requires_grad_(), pair.requires_grad_()
    total, parts = Affect(None, regression, WEIGHTS, True)((logits, pair), labels, true, known)
    total.backward()
    assert total.isfinite() and pair.grad.isfinite().all() and logits.grad.abs().sum() > 0
    assert (pair.grad.abs().sum() > 0) == (n_known > (1 if regression == "ccc" else 0))
    if not n_known:
        assert parts[1:].tolist() == [0, 0]


def test_a_constant_answer_to_a_constant_truth_has_finite_gradients():
    pair = torch.zeros(6, requires_grad=True)
    (1 - concordance(pair, torch.zeros(6))).backward()
    assert pair.grad.isfinite().all()
    assert squared_error(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])).item() == 2.5


def test_learned_weights_start_at_the_set_ones_and_settle_where_the_loss_is_least(batch):
    loss = Affect(None, "mse", WEIGHTS, True)
    assert list(loss.weights().values()) == pytest.approx(WEIGHTS)
    optimiser = torch.optim.Adam(loss.parameters(), 0.05)
    for _ in range(600):
        optimiser.zero_grad()
        total, parts = loss((batch[0], batch[1]), *batch[2:])
        total.backward()
        optimiser.step()
    # Setting the derivative to zero: σ² = 2 L of the cross-entropy, σ² = L of a regression.
    expected = (parts * torch.tensor([2, 1, 1])).tolist()
    assert loss.log_variances.exp().tolist() == pytest.approx(expected, rel=1e-3)
    fixed = Affect(None, "mse", WEIGHTS, False)
    assert not list(fixed.parameters()) and list(fixed.weights().values()) == list(WEIGHTS)
