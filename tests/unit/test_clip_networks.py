"""C3D and ConvLSTM: counts and shapes as printed, and every step against plain references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn

from ferflow import tables
from ferflow.classes import EMOTIONS
from ferflow.errors import SettingError, WeightsError
from ferflow.models import endtoend, spatial, summary, temporal
from ferflow.models.endtoend import ConvLstmLayer, Pool3d, PoolTo3d
from ferflow.models.network import count
from ferflow.settings import ClipNetworkSettings

FIGURE_3_22 = [
    ("Conv3d", (98, 158, 158, 16), 1312),
    ("Pool3d", (49, 79, 79, 16), 0),
    ("Conv3d", (47, 77, 77, 16), 6928),
    ("Pool3d", (23, 38, 38, 16), 0),
    ("Conv3d", (21, 36, 36, 32), 13_856),
    ("Pool3d", (10, 18, 18, 32), 0),
    ("Flatten", (103_680,), 0),
    ("Linear", (512,), 53_084_672),
    ("Linear", (512,), 262_656),
    ("Linear", (6,), 3078),
    ("", (), 53_372_502),
]
"""The thesis's summary of C3D, channels last."""


@pytest.fixture(scope="module")
def settings(small_settings):
    """Settings of a network of this name, with changes."""
    plan = small_settings().end_to_end

    def make(name: str, **changes) -> ClipNetworkSettings:
        chosen = plan.of(name)
        return type(chosen).model_validate(chosen.model_dump() | changes)

    return make


def clips(n: int, shape: tuple[int, ...], lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Clips uint8 [N,T,S,S,3], zeros behind their lengths, and their mask."""
    frames = torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    mask = torch.arange(shape[0]) < torch.tensor(lengths)[:, None]
    return frames * mask[:, :, None, None, None], mask


def test_c3d_at_full_size_is_figure_3_22(settings):
    with torch.device("meta"):  # shapes and counts alone; nothing is computed
        network = endtoend.build("c3d", 6, settings("c3d", frames=100, size=160))
    assert network.shape == (100, 160, 160, 3)
    assert count(network) == 53_372_502
    table = summary.summary(network, summary.example(network), "c3d")
    rows = table[~table.kind.isin(["ReLU"])]
    shapes = [tuple(int(n) for n in text.split(" × ")) if text else () for text in rows.output_shape]
    channels_last = [(*shape[1:], *shape[:1]) for shape in shapes]
    assert channels_last == [shape for _, shape, _ in FIGURE_3_22]
    assert list(zip(rows.kind, rows.parameters, strict=True)) == [(k, n) for k, _, n in FIGURE_3_22]


def test_c3d_of_other_depths_and_widths(settings):
    """The networks of Figure 3.21: one to three convolutions of 16 or 32 filters."""

    def parameters(filters, **changes):
        with torch.device("meta"):
            given = settings("c3d", filters=filters, frames=32, size=64, **changes)
            return count(endtoend.build("c3d", 6, given))

    def expected(filters, kernel=3, norms=0):
        channels, frames, size, total = 3, 32, 64, 0
        for n in filters:
            total += channels * n * kernel**3 + n + norms * 2 * n
            channels, frames, size = n, (frames - kernel + 1) // 2, (size - kernel + 1) // 2
        return total + channels * frames * size**2 * 512 + 512 + 512 * 512 + 512 + 512 * 6 + 6

    for filters in ([16], [32], [16, 16], [32, 32], [16, 16, 32]):
        assert parameters(filters) == expected(filters)
    assert parameters([16, 16], kernel=7) == expected([16, 16], 7)
    assert parameters([16, 16, 32], batch_norm=True) == expected([16, 16, 32], norms=1)


@pytest.mark.parametrize("kind", ["max", "average"])
def test_the_pooling_of_a_gpu_is_that_of_a_cpu(kind):
    x = torch.randn(2, 3, 7, 9, 8, requires_grad=True)
    ours, torchs = Pool3d(kind).by_pairs(x), Pool3d(kind)(x)
    assert torchs.shape == (2, 3, 3, 4, 4)
    block = x[1, 2, 4:6, 6:8, 2:4]
    torch.testing.assert_close(torchs[1, 2, 2, 3, 1], block.max() if kind == "max" else block.mean())
    torch.testing.assert_close(ours, torchs)
    weights = torch.randn_like(ours)
    gradients = [torch.autograd.grad((pooled * weights).sum(), x)[0] for pooled in (ours, torchs)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("kind", ["max", "average"])
def test_maps_are_pooled_in_parts_of_nearly_one_size(kind):
    x = torch.randn(2, 3, 7, 9, 8, requires_grad=True)
    pooled = PoolTo3d(kind, 3, 4)(x)
    assert pooled.shape == (2, 3, 3, 4, 4)
    block = x[1, 2, 3:5, 5:7, 2:4]  # frames 3, 2, 2; rows 3, 2, 2, 2; columns 2, 2, 2, 2
    torch.testing.assert_close(pooled[1, 2, 1, 2, 1], block.max() if kind == "max" else block.mean())
    if kind == "average":
        even = PoolTo3d(kind, 1, 1)(x)
        torch.testing.assert_close(even[..., 0, 0, 0], x.mean((2, 3, 4)))
    torch.autograd.grad(pooled.sum(), x)


def test_fewer_convolutions_go_on_with_the_maps_of_three(settings):
    """Figure 3.21 as it can have been: its networks end in maps of 10×18×18, whatever their depth."""
    for filters, features in (([16], 51_840), ([32], 103_680), ([16, 16], 51_840), ([16, 16, 32], 103_680)):
        with torch.device("meta"):
            given = settings("c3d", filters=filters, frames=100, size=160, map_layers=3)
            network = endtoend.build("c3d", 6, given)
        table = summary.summary(network, summary.example(network), "c3d").set_index("kind")
        assert table.loc["Flatten", "output_shape"] == str(features)
        assert ("PoolTo3d" in table.index) == (len(filters) < 3)
        if len(filters) < 3:
            assert table.loc["PoolTo3d", "output_shape"] == f"{filters[-1]} × 10 × 18 × 18"


def test_c3d_switches_change_what_it_computes(settings):
    shape = {"frames": 12, "size": 16, "filters": [4, 4], "dense": [8]}
    x, mask = clips(3, (12, 16, 16, 3), [12, 9, 1])

    def logits(training=False, **changes):
        torch.manual_seed(2)
        network = endtoend.build("c3d", 6, settings("c3d", **shape, **changes)).train(training)
        return network(x, mask)

    plain = logits()
    assert plain.shape == (3, 6) and torch.equal(plain, logits()) and torch.equal(plain, logits(True))
    for changes in ({"pooling": "average"}, {"activation": "leaky_relu"}, {"initialiser": "he_normal"}):
        assert not torch.allclose(plain, logits(**changes))
    for changes in ({"dropout": 0.5}, {"dense_dropout": 0.5}, {"batch_norm": True}):
        assert not torch.allclose(plain, logits(True, **changes))
    # Frames are scaled to 0-1, whichever way they come; the mask plays no part.
    torch.manual_seed(2)
    network = endtoend.build("c3d", 6, settings("c3d", **shape))
    torch.testing.assert_close(network(x.float() / 255, torch.zeros_like(mask)), plain)
    with pytest.raises(ValueError, match=r"sees clips of \(12, 16, 16, 3\), not of \(11, 16, 16, 3\)"):
        network(x[:, 1:], mask[:, 1:])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def table_2_1(layer: ConvLstmLayer, x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """States [T,F,H,W] of one sequence [T,C,H,W]: Table 2.1, an equation and a convolution at a time."""
    filters = layer.recurrent.weight.shape[1]
    names = ("i", "f", "c", "o")
    parts = {}
    for number, name in enumerate(names):
        rows = slice(number * filters, (number + 1) * filters)
        parts[f"x{name}"] = layer.inward.weight[rows].detach().double().numpy()
        parts[f"h{name}"] = layer.recurrent.weight[rows].detach().double().numpy()
        parts[f"b{name}"] = layer.inward.bias[rows].detach().double().numpy()[:, None, None]
    shape = (filters, *(side - parts["xi"].shape[-1] + 1 for side in x.shape[2:]))
    w_ci, w_cf, w_co = (
        np.zeros((3, *shape)) if layer.peepholes is None else layer.peepholes.detach().double().numpy()
    )

    def convolved(maps: np.ndarray, kernels: np.ndarray, mode: str) -> np.ndarray:
        return np.stack(
            [sum(correlate2d(m, k, mode) for m, k in zip(maps, kernel, strict=True)) for kernel in kernels]
        )

    h, c, states = np.zeros(shape), np.zeros(shape), []
    for frame, is_real in zip(x, real, strict=True):
        if is_real:
            gate = {
                name: convolved(frame, parts[f"x{name}"], "valid")
                + convolved(h, parts[f"h{name}"], "same")
                + parts[f"b{name}"]
                for name in names
            }
            i = sigmoid(gate["i"] + w_ci * c)
            f = sigmoid(gate["f"] + w_cf * c)
            c = f * c + i * np.tanh(gate["c"])
            o = sigmoid(gate["o"] + w_co * c)
            h = o * np.tanh(c)
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("peepholes", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_convlstm_is_table_2_1_step_by_step(settings, peepholes, masked):
    torch.manual_seed(4)
    chosen = settings("convlstm", frames=6, size=9, filters=[3, 2], peepholes=peepholes, masked=masked)
    network = endtoend.build("convlstm", 6, chosen).eval()
    for layer in network.layers if peepholes else ():
        assert (layer.peepholes == 0).all()  # where they begin
        nn.init.normal_(layer.peepholes)
    x, mask = clips(3, (6, 9, 9, 3), [6, 2, 4])
    mask[2, 1] = False  # a gap, too
    logits = network(x, mask)
    for row in range(3):
        real = mask[row].numpy() if masked else np.ones(6, bool)
        states = x[row].double().numpy().transpose(0, 3, 1, 2) / 255
        for layer in network.layers:
            states = table_2_1(layer, states, real)
        assert states.shape == (6, 2, 5, 5)
        expected = network.head[-1](torch.from_numpy(states[-1]).float().flatten())
        torch.testing.assert_close(logits[row], expected, atol=1e-5, rtol=0)


def test_convlstm_padding(settings):
    """Masked, what stands behind a clip is of no account; unmasked, it is seen, as in the thesis."""
    x, mask = clips(2, (6, 9, 9, 3), [6, 2])
    for masked in (True, False):
        torch.manual_seed(0)
        network = endtoend.build("convlstm", 6, settings("convlstm", frames=6, size=9, masked=masked))
        garbage = torch.where(mask[:, :, None, None, None], x, 200)
        same = torch.allclose(network(x, mask), network(garbage, mask), atol=1e-6)
        assert same is masked


def test_convlstm_counts_are_keras(settings):
    """4·F·(9·(C + F) + 1), as Keras prints it; peepholes are three more weights per place and filter."""
    with torch.device("meta"):
        plain = endtoend.build("convlstm", 6, settings("convlstm", frames=100, size=160, peepholes=False))
        peeping = endtoend.build("convlstm", 6, settings("convlstm", frames=100, size=160))
    assert [count(layer) for layer in plain.layers] == [3200, 4640]
    assert count(plain) == 3200 + 4640 + 156 * 156 * 8 * 6 + 6
    assert count(peeping) - count(plain) == 3 * 8 * (158 * 158 + 156 * 156)
    table = summary.summary(peeping, summary.example(peeping), "convlstm").set_index("layer")
    assert table.output_shape["layers.0"] == "100 × 8 × 158 × 158"
    assert table.output_shape["layers.1"] == "100 × 8 × 156 × 156"
    assert table.output_shape["head.0"] == str(156 * 156 * 8)
    assert table.parameters["total"] == count(peeping)


def test_convlstm_begins_as_keras_does(settings):
    layer = endtoend.build("convlstm", 6, settings("convlstm")).layers[0]
    assert layer.inward.bias.tolist() == [0] * 8 + [1] * 8 + [0] * 16  # the forget gate's
    weight = layer.recurrent.weight.flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(32), atol=1e-5, rtol=0)


def test_convlstm_dropout_is_one_mask_for_all_frames(settings, monkeypatch):
    chosen = settings("convlstm", frames=5, size=8, filters=[2], dropout=0.5, recurrent_dropout=0.25)
    network = endtoend.build("convlstm", 6, chosen).train()
    drawn, real = [], nn.functional.dropout

    def spy(x, rate):
        drawn.append((tuple(x.shape), rate))
        return real(x, rate)

    monkeypatch.setattr(nn.functional, "dropout", spy)
    x, mask = clips(3, (5, 8, 8, 3), [5, 5, 3])
    seen = []
    network.layers[0].inward.register_forward_hook(lambda _l, given, _o: seen.append(given[0]))
    shown = []
    network.layers[0].recurrent.register_forward_hook(lambda _l, given, _o: shown.append(given[0]))
    network(x, mask)
    assert drawn == [((3, 1, 3, 8, 8), 0.5), ((3, 2, 6, 6), 0.25)]
    # A value is gone in every frame or in none; black ones cannot tell.
    bright, there = (x > 0).permute(0, 1, 4, 2, 3), seen[0].unflatten(0, (3, 5)) > 0
    kept = (there & bright).any(1, keepdim=True)
    assert torch.equal(there, kept & bright) and 0.3 < kept.float().mean() < 0.7
    dropped = [(step == 0) for step in shown[1:]]
    assert all(torch.equal(step, dropped[0]) for step in dropped) and 0.05 < dropped[0].float().mean() < 0.5


@pytest.mark.parametrize("masked", [True, False])
def test_convlstm_in_segments_computes_the_same_with_fewer_activations(settings, masked):
    """Ten frames in segments of three, the last one of one frame; with all dropouts on."""
    same = {"frames": 10, "size": 12, "filters": [3, 2], "masked": masked}
    drawn = {"dropout": 0.3, "recurrent_dropout": 0.2}
    x, mask = clips(3, (10, 12, 12, 3), [10, 4, 7])
    results, saved = [], []
    for frames in (0, 3):
        torch.manual_seed(0)
        network = endtoend.build(
            "convlstm", 6, settings("convlstm", checkpoint_frames=frames, **same, **drawn)
        )
        kept = {}

        def keep(tensor, kept=kept):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = network.train()(x, mask)
        saved.append(sum(kept.values()))
        gradients = torch.autograd.grad(
            nn.functional.cross_entropy(logits, torch.arange(3)), list(network.parameters())
        )
        results.append([logits.detach(), *gradients, network.eval()(x, mask).detach()])
    for plain, segmented in zip(*results, strict=True):
        torch.testing.assert_close(segmented, plain, atol=1e-6, rtol=1e-5)
    assert saved[1] < saved[0] / 2
    table = summary.summary(network, summary.example(network), "convlstm").set_index("layer")
    assert table.output_shape["layers.1"] == "10 × 2 × 8 × 8"


@pytest.mark.parametrize("name", ["c3d", "convlstm"])
def test_a_network_on_frames_learns_where_a_spot_moves(settings, name):
    """Clips of a light that moves right or left: the same frames in another order."""
    small = {"frames": 10, "size": 12, "filters": [4], "dense": []}
    torch.manual_seed(0)
    network = endtoend.build(name, 2, settings(name, **small)).train()
    x = torch.zeros(8, 10, 12, 12, 3, dtype=torch.uint8)
    for row in range(8):
        for step in range(10):
            column = step if row % 2 else 9 - step
            x[row, step, 3 + row // 4 : 6 + row // 4, column : column + 3] = 255
    y, mask = torch.arange(8) % 2, torch.ones(8, 10, dtype=torch.bool)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x, mask), y).backward()
        optimiser.step()
    assert (network.eval()(x, mask).argmax(1) == y).all()


@pytest.mark.parametrize("name", ["c3d", "convlstm"])
def test_a_saved_network_comes_back(settings, name, tmp_path):
    small = {"frames": 10, "size": 12, "filters": [4], "dense": [8]}
    network = endtoend.build(name, 6, settings(name, **small)).eval()
    path = tmp_path / "model.pt"
    endtoend.save(path, network, EMOTIONS, {"synthetic": True})
    again, content = endtoend.load(path)
    assert content["classes"] == list(EMOTIONS) and again.settings == network.settings
    x, mask = clips(2, (10, 12, 12, 3), [10, 4])
    assert torch.equal(again(x, mask), network(x, mask))
    with pytest.raises(WeightsError, match="is an end-to-end model; give a spatial model"):
        spatial.load(path)
    written = torch.load(path, weights_only=True)
    del written["options"]["settings"]["kernel"]
    torch.save(written, path)
    with pytest.raises(WeightsError, match="another version of ferflow"):
        endtoend.load(path)


def test_impossible_sizes_are_one_line(small_settings):
    def check(name, **changes):
        small_settings({"end_to_end": {name: changes}})

    with pytest.raises(SettingError, match=r"end_to_end\.c3d: frames: nothing of 16 is left after conv"):
        check("c3d", frames=16)
    with pytest.raises(SettingError, match="size: nothing of 32 is left after convolution 2 of width 15"):
        check("c3d", size=32, kernel=15, frames=200)
    with pytest.raises(SettingError, match="kernel must be odd"):
        check("convlstm", kernel=4)
    with pytest.raises(SettingError, match="peephole is not a setting; did you mean peepholes"):
        check("convlstm", peephole=True)
    with pytest.raises(ValueError, match="c3d takes C3dSettings, not ConvLstmSettings"):
        endtoend.build("c3d", 6, small_settings().end_to_end.convlstm)


@pytest.mark.parametrize("name", ["compact", "cnn_bilstm", "cnn_attention", "vit"])
def test_the_summary_of_an_image_network_adds_up(name):
    network = spatial.build(name, 7)
    table = summary.summary(network, summary.example(network), name)
    assert table.parameters.iloc[:-1].sum() == table.parameters.iloc[-1] == count(network)
    assert table.output_shape[table.kind != ""].iloc[-1] != ""
    assert table.layer.is_unique


def test_the_summary_of_the_heads_is_figure_3_15(small_settings, tmp_path):
    heads = small_settings().temporal.heads
    network = temporal.build("lstm", 1024, 6, heads["lstm"])
    table = summary.summary(network, summary.example(network), "lstm")
    assert table.kind.tolist() == ["LSTM", "Linear", ""]
    assert table.output_shape.tolist() == ["100 × 128", "6", ""]
    second_bias = 4 * 128  # torch's
    assert table.parameters.tolist() == [590_336 + second_bias, 774, 591_110 + second_bias]
    tables.write(table, tmp_path / "layers.csv", "layers")
    assert tables.read(tmp_path / "layers.csv", "layers").parameters.tolist() == table.parameters.tolist()
    cnn = temporal.build("cnn1d", 1024, 6, heads["cnn1d"])
    table = summary.summary(cnn, summary.example(cnn), "cnn1d")
    assert table.kind.tolist() == ["Conv1d"] * 4 + ["Linear", ""]
    assert table.output_shape.tolist() == ["128 × 100"] * 2 + ["128 × 50"] * 2 + ["6", ""]
    with pytest.raises(ValueError, match="no network of ferflow"):
        summary.example(nn.Linear(2, 2))
