"""The temporal heads: parameter counts, padding that never matters, dropout once per sequence, files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferflow.classes import EMOTIONS
from ferflow.errors import SettingError, WeightsError
from ferflow.models import temporal
from ferflow.models.network import count
from ferflow.settings import HeadSettings

RECURRENT = HeadSettings(
    units=128,
    layers=1,
    dropout=0.4,
    recurrent_dropout=0,
    kernel=None,
    batch_norm=None,
    activation=None,
    pooling=None,
    initialiser="glorot_uniform",
    augmentations=3,
)
CONVOLUTIONS = RECURRENT.model_copy(
    update={
        "layers": 4,
        "recurrent_dropout": None,
        "kernel": 3,
        "batch_norm": False,
        "activation": "relu",
        "pooling": "max",
    }
)
SETTINGS = {"lstm": RECURRENT, "bilstm": RECURRENT, "cnn1d": CONVOLUTIONS}
VARIANTS = [
    ("lstm", {}),
    ("lstm", {"layers": 2, "recurrent_dropout": 0.3}),
    ("bilstm", {}),
    ("bilstm", {"layers": 2, "recurrent_dropout": 0.3}),
    ("cnn1d", {}),
    ("cnn1d", {"layers": 5, "kernel": 7, "activation": "leaky_relu"}),
    ("cnn1d", {"layers": 6, "kernel": 5, "batch_norm": True, "pooling": "average"}),
]
each_variant = pytest.mark.parametrize(("name", "changes"), VARIANTS)
LENGTHS = (1, 2, 7, 40, 41)


def build(name: str, n_features: int = 24, **changes) -> temporal.TemporalHead:
    torch.manual_seed(3)
    return temporal.build(name, n_features, 6, SETTINGS[name].model_copy(update=changes))


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


@each_variant
def test_padding_never_changes_an_output(name, changes):
    head = build(name, **changes).eval()
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


@each_variant
def test_padding_gets_no_gradient(name, changes):
    head = build(name, **changes).train()
    x, mask = padded(50, 0.0)
    x.requires_grad_()
    head(x, mask).sum().backward()
    assert x.grad[~mask].abs().max() == 0
    assert x.grad[mask].abs().sum() > 0


@each_variant
def test_a_gap_is_skipped(name, changes):
    head = build(name, **changes).eval()
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
    assert description["meta"]["fold"] == 2 and again.settings == SETTINGS[name]
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


def numpy_lstm(lstm: torch.nn.LSTM, x: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
    """States [T,H] of one sequence [T,F], gate by gate; `keep` [H] scales the state that the gates see."""
    w = {key: value.detach().double().numpy() for key, value in lstm.named_parameters()}
    units = lstm.hidden_size

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def gate(number: int, frame: np.ndarray, shown: np.ndarray) -> np.ndarray:
        rows = slice(number * units, (number + 1) * units)
        biases = w["bias_ih_l0"][rows] + w["bias_hh_l0"][rows]
        return w["weight_ih_l0"][rows] @ frame + w["weight_hh_l0"][rows] @ shown + biases

    state, cell, states = np.zeros(units), np.zeros(units), []
    for frame in x:
        shown = state if keep is None else state * keep
        i, f, o = (sigmoid(gate(number, frame, shown)) for number in (0, 1, 3))
        cell = f * cell + i * np.tanh(gate(2, frame, shown))
        state = o * np.tanh(cell)
        states.append(state)
    return np.array(states)


@pytest.mark.parametrize("kinds", ["input", "recurrent", "both"])
def test_lstm_dropout_is_one_mask_for_all_steps(kinds, monkeypatch):
    """Against a plain loop that scales the inputs and the state by one mask per sequence."""
    rates = {"dropout": 0.5 * (kinds != "recurrent"), "recurrent_dropout": 0.25 * (kinds != "input")}
    head = build("lstm", units=16, **rates).train()
    drawn, real = [], torch.nn.functional.dropout

    def spy(x, rate):
        drawn.append((real(x, rate), rate))
        return drawn[-1][0]

    monkeypatch.setattr(torch.nn.functional, "dropout", spy)
    x, mask = padded(41, 0.0)
    logits = head(x, mask)
    masks = {rate: keep.reshape(5, -1).double().numpy() for keep, rate in drawn}
    # One draw for each kind: a mask per sequence, not per frame.
    shapes = {0.5: (5, 24), 0.25: (5, 16)}
    assert {rate: keep.shape for rate, keep in masks.items()} == {
        rate: shapes[rate] for rate in rates.values() if rate
    }
    assert len(drawn) == len(masks) and all(0 < (keep == 0).mean() < 1 for keep in masks.values())
    for row, length in enumerate(LENGTHS):
        shown = x[row, :length].double().numpy() * (masks[0.5][row] if 0.5 in masks else 1)
        state = numpy_lstm(head.lstms[0], shown, masks[0.25][row] if 0.25 in masks else None)[-1]
        expected = head.classifier(torch.from_numpy(state).float())
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=0)
    assert not torch.equal(logits, head.eval()(x, mask))


def test_layers_of_a_bilstm_see_both_directions_of_the_one_below():
    head = build("bilstm", units=8, layers=3).eval()
    assert len(head.lstms) == 6 and head.lstms[2].input_size == 16
    x, mask = padded(41, 0.0)
    logits = head(x, mask)
    for row, length in enumerate(LENGTHS):
        states = x[row, :length].double().numpy()
        for layer in range(3):
            forwards = numpy_lstm(head.lstms[2 * layer], states)
            backwards = numpy_lstm(head.lstms[2 * layer + 1], states[::-1])
            last = np.concatenate([forwards[-1], backwards[-1]])
            states = np.concatenate([forwards, backwards[::-1]], axis=1)
        expected = head.classifier(torch.from_numpy(last).float())
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=0)


def test_recurrent_dropout_learns_through_all_steps():
    head = build("lstm", units=8, dropout=0, recurrent_dropout=0.5).train()
    x = torch.randn(4, 12, 24, requires_grad=True)
    head(x, torch.ones(4, 12, dtype=torch.bool)).sum().backward()
    assert (x.grad.abs().sum(2) > 0).all()
    assert head.lstms[0].weight_hh_l0.grad.abs().sum() > 0


def test_batch_norm_of_the_convolutions_sees_real_frames_alone():
    head = build("cnn1d", units=8, layers=1, dropout=0, batch_norm=True).train()
    x, mask = padded(60, float("nan"))
    head(x, mask)
    with torch.no_grad():
        clean = x.masked_fill(~mask[:, :, None], 0)[:, :41].transpose(1, 2)
        rows = head.convolutions[0](clean).transpose(1, 2)[mask[:, :41]]
    assert len(rows) == sum(LENGTHS)
    torch.testing.assert_close(head.norms[0].running_mean, 0.1 * rows.mean(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(head.norms[0].running_var, 0.9 + 0.1 * rows.var(0), atol=1e-6, rtol=0)


def test_average_pooling_and_leaky_relu_are_what_they_say():
    head = build("cnn1d", units=8, layers=2, pooling="average", activation="leaky_relu").eval()
    x, mask = padded(41, 0.0)
    alone = x[2:3, :7].transpose(1, 2)
    for convolution in head.convolutions:
        alone = torch.nn.functional.leaky_relu(convolution(alone), 0.3)
    torch.testing.assert_close(head(x, mask)[2:3], head.classifier(alone.mean(2)), atol=1e-5, rtol=0)
    assert not torch.equal(build("cnn1d", layers=2).eval()(x, mask), head(x, mask))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("lstm", {"kernel": 3}, "kernel is 3, but lstm has none"),
        ("bilstm", {"recurrent_dropout": None}, "recurrent_dropout is null, but bilstm needs one"),
        ("cnn1d", {"recurrent_dropout": 0.2}, "recurrent_dropout is 0.2, but cnn1d has none"),
        ("cnn1d", {"activation": None}, "activation is null, but cnn1d needs one"),
    ],
)
def test_a_setting_without_a_meaning_is_refused(name, changes, message, small_settings):
    with pytest.raises(SettingError, match=message):
        build(name, **changes)
    with pytest.raises(SettingError, match=f"heads.{name}.{message}"):
        small_settings({"temporal": {"heads": {name: changes}}})


def test_initialisers_spread_the_weights_as_keras_does():
    fan_in, fan_out = 1024, 512
    bounds = {}
    for how in ("glorot_uniform", "he_normal", "he_uniform"):
        weights = build("lstm", fan_in, initialiser=how).lstms[0].weight_ih_l0
        assert weights.shape == (fan_out, fan_in)
        bounds[how] = (weights.std().item(), weights.abs().max().item())
    glorot, he = (6 / (fan_in + fan_out)) ** 0.5, (2 / fan_in) ** 0.5
    assert bounds["glorot_uniform"] == pytest.approx((glorot / 3**0.5, glorot), rel=0.01)
    assert bounds["he_uniform"] == pytest.approx((he, he * 3**0.5), rel=0.01)
    # Keras's normal is cut at two of its own deviations, and has he's deviation after that.
    assert bounds["he_normal"] == pytest.approx((he, 2 * he / 0.8796), rel=0.01)


def test_a_file_from_before_there_were_switches_still_loads(tmp_path):
    for name in temporal.HEADS:
        head = build(name).eval()
        temporal.save(tmp_path / "model.pt", head, EMOTIONS, {"synthetic": True})
        content = torch.load(tmp_path / "model.pt", weights_only=True)
        content["options"]["settings"] = {"units": 128, "dropout": 0.4, "augmentations": 3}
        torch.save(content, tmp_path / "model.pt")
        again, _ = temporal.load(tmp_path / "model.pt")
        assert again.settings == SETTINGS[name]
        x, mask = padded(60)
        assert torch.equal(again(x, mask), head(x, mask))


@pytest.mark.parametrize("name", ["lstm", "bilstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_the_way_of_wide_inputs_is_torchs_own(monkeypatch, name, layers):
    """Outputs and gradients; the frames of a clip of another length stand in other places when reversed."""
    torch.manual_seed(5)
    head = build(name, units=6, layers=layers, dropout=0).train()
    features = torch.randn(3, 9, head.n_features)
    mask = torch.arange(9) < torch.tensor([9, 4, 1])[:, None]
    found = {}
    for wide in (temporal.WIDE, 1):
        monkeypatch.setattr(temporal, "WIDE", wide)
        head.zero_grad()
        logits = head(features, mask)
        logits.square().sum().backward()
        found[wide] = [logits.detach(), *(weight.grad.clone() for weight in head.parameters())]
    for torchs, own in zip(*found.values(), strict=True):
        torch.testing.assert_close(own, torchs, atol=1e-5, rtol=1e-4)
    assert any(gradient.abs().max() > 1e-3 for gradient in found[1][1:])


def test_dropout_leaves_the_batch_as_it_was():
    head = build("lstm", units=4, dropout=0.5).train()
    features = torch.randn(2, 5, head.n_features)
    before = features.clone()
    head(features, torch.ones(2, 5, dtype=torch.bool))
    assert torch.equal(features, before)
