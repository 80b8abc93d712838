"""The temporal heads: parameter counts, padding that never matters, dropout once per sequence, files."""

from __future__ import annotations

import pytest
import torch

from ferflow.classes import EMOTIONS
from ferflow.errors import WeightsError
from ferflow.models import temporal
from ferflow.models.network import count
from ferflow.settings import HeadSettings

SETTINGS = HeadSettings(units=128, dropout=0.4, augmentations=3)
LENGTHS = (1, 2, 7, 40, 41)


def build(name: str, n_features: int = 24, **changes) -> temporal.TemporalHead:
    torch.manual_seed(3)
    return temporal.build(name, n_features, 6, SETTINGS.model_copy(update=changes))


def padded(length: int, fill: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The same five sequences, padded to `length` with `fill` or, without one, random garbage."""
    real = torch.randn(5, 41, 24, generator=torch.Generator().manual_seed(5))
    mask = torch.arange(length) < torch.tensor(LENGTHS)[:, None]
    x = torch.randn(5, length, 24) * 100 if fill is None else torch.full((5, length, 24), fill)
    for row, n in enumerate(LENGTHS):
        x[row, :n] = real[row, :n]
    return x, mask


def test_parameter_counts_are_keras_and_torchs_second_bias():
    assert count(build("lstm", 1024)) == 591_110 + 4 * 128
    assert count(build("lstm", 25_088)) == 12_911_878 + 4 * 128
    assert count(build("bilstm", 1024)) == 2 * (590_336 + 4 * 128) + 256 * 6 + 6
    # 128 filters of width 3: F → 128, then three times 128 → 128, then one dense layer
    assert count(build("cnn1d", 1024)) == (3 * 1024 * 128 + 128) + 3 * (3 * 128 * 128 + 128) + 128 * 6 + 6


@pytest.mark.parametrize("name", temporal.HEADS)
def test_padding_never_changes_an_output(name):
    head = build(name).eval()
    with torch.inference_mode():
        reference = head(*padded(41, 0.0))
        assert reference.std(0).min() > 1e-3  # the sequences do differ
        for length in (41, 42, 43, 77, 100):
            for fill in (None, float("nan"), 1e6):
                torch.testing.assert_close(head(*padded(length, fill)), reference, atol=1e-6, rtol=0)
        x, _ = padded(41, 0.0)
        for row, n in enumerate(LENGTHS):
            alone = head(x[row : row + 1, :n], torch.ones(1, n, dtype=torch.bool))
            torch.testing.assert_close(alone[0], reference[row], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", temporal.HEADS)
def test_padding_gets_no_gradient(name):
    head = build(name).train()
    x, mask = padded(50, 0.0)
    x.requires_grad_()
    head(x, mask).sum().backward()
    assert x.grad[~mask].abs().max() == 0
    assert x.grad[mask].abs().sum() > 0


@pytest.mark.parametrize("name", temporal.HEADS)
def test_a_gap_is_skipped(name):
    head = build(name).eval()
    x, mask = padded(41, 0.0)
    mask[3, 5:9] = False
    closed = torch.cat([x[3:4, :5], x[3:4, 9:40]], 1)
    alone = head(closed, torch.ones(1, 36, dtype=torch.bool))
    torch.testing.assert_close(head(x, mask)[3], alone[0], atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="no real frame"):
        head(x, torch.zeros_like(mask))


@pytest.mark.parametrize("name", temporal.HEADS)
def test_the_order_of_frames_matters(name):
    head = build(name).eval()
    x, _ = padded(41, 0.0)
    x, mask = x[4:5], torch.ones(1, 41, dtype=torch.bool)
    assert (head(x, mask) - head(x.flip(1), mask)).abs().max() > 1e-3


def test_input_dropout_is_one_mask_per_sequence(monkeypatch):
    head = build("cnn1d", dropout=0.5).train()
    seen = {}
    monkeypatch.setattr(head, "classify", lambda x, mask, lengths: seen.setdefault("x", x))
    head(torch.ones(16, 30, 24), torch.ones(16, 30, dtype=torch.bool))
    x = seen["x"]
    assert torch.equal(x, x[:, :1].expand_as(x))  # the same at every frame
    assert set(x.unique().tolist()) == {0.0, 2.0}  # scaled by 1 / (1 - 0.5)
    assert not torch.equal(x[0], x[1])
    assert 0.35 < (x == 0).float().mean() < 0.65
    seen.clear()
    head.eval()(torch.ones(2, 30, 24), torch.ones(2, 30, dtype=torch.bool))
    assert seen["x"].unique().tolist() == [1.0]


@pytest.mark.parametrize("name", temporal.HEADS)
def test_a_head_learns_the_direction_of_time(name):
    """Rising and falling ramps have the same frames; only their order tells them apart."""
    head = build(name, 4, units=16, dropout=0.0)
    ramp = torch.linspace(-1, 1, 20)[:, None].expand(20, 4)
    x = torch.stack([ramp, ramp.flip(0)] * 8) + 0.1 * torch.randn(16, 20, 4)
    y = torch.tensor([0, 1] * 8)
    mask = torch.ones(16, 20, dtype=torch.bool)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(x, mask), y).backward()
        optimizer.step()
    assert (head.eval()(x, mask).argmax(1) == y).all()


@pytest.mark.parametrize("name", temporal.HEADS)
def test_a_saved_head_comes_back(name, tmp_path):
    head = build(name).eval()
    temporal.save(tmp_path / "model.pt", head, EMOTIONS, {"synthetic": True, "fold": 2})
    again, description = temporal.load(tmp_path / "model.pt")
    assert description["network"] == name and description["classes"] == list(EMOTIONS)
    assert description["meta"]["fold"] == 2 and again.settings == SETTINGS
    x, mask = padded(60)
    assert torch.equal(again(x, mask), head(x, mask))
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save({**content, "options": {**content["options"], "n_features": 8}}, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="does not fit"):
        temporal.load(tmp_path / "model.pt")


def test_float16_features_are_computed_in_float32():
    head = build("lstm").eval()
    x, mask = padded(41, 0.0)
    assert head(x.half(), mask).dtype == torch.float32
    torch.testing.assert_close(head(x.half(), mask), head(x, mask), atol=0.01, rtol=0)
