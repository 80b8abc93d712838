"""Networks that leave the training: float16 files, folded batch norms, ONNX."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
import torch

from ferflow.apps import cli
from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import FerflowError, WeightsError
from ferflow.models import benchmark, export, spatial
from ferflow.models.fuse import fused, optimize_for_cpu

SMALL = ("compact", "fernet", "resnet", "cnn_lstm", "cnn_bilstm", "cnn_lstm2", "cnn_attention", "vit")


def trained(name: str) -> spatial.SpatialNetwork:
    """A network whose batch norms and logits are as unequal as after training."""
    torch.manual_seed(0)
    network = spatial.build(name, 7)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(-1.5, 1.5)
                module.bias.normal_(0, 0.3)
        [m for m in network.classifier.modules() if isinstance(m, torch.nn.Linear)][-1].weight.mul_(5)
    return network.eval()


@pytest.fixture(scope="module")
def compact():
    return trained("compact")


@pytest.fixture
def model(compact, tmp_path):
    spatial.save(tmp_path / "model.pt", compact, EMOTIONS_NEUTRAL, {"synthetic": False})
    return tmp_path / "model.pt"


def images(network, n, seed=7):
    shape = (n, network.channels, network.input_size, network.input_size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_a_float16_file_is_half_as_large_and_loads_as_float32(compact, model, tmp_path):
    half = tmp_path / "half.pt"
    spatial.save(half, compact, EMOTIONS_NEUTRAL, {"synthetic": False}, half=True)
    assert half.stat().st_size < 2_000_000 and half.stat().st_size < 0.55 * model.stat().st_size
    network, _ = spatial.load(half)
    floats = {v.dtype for v in network.state_dict().values() if v.is_floating_point()}
    assert floats == {torch.float32}
    x = images(compact, 8)
    with torch.inference_mode():
        before, after = compact(x).softmax(1), network(x).softmax(1)
    assert 0 < (before - after).abs().max() < 2e-3


def test_weights_beyond_float16_are_refused_and_leave_no_file(tmp_path):
    network = spatial.build("compact", 7)
    network.blocks[0][1].running_var[3] = 1e5
    with pytest.raises(WeightsError, match=r"blocks.0.1.running_var has values beyond float16"):
        spatial.save(tmp_path / "m.pt", network, EMOTIONS_NEUTRAL, {"synthetic": True}, half=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SMALL)
def test_a_network_made_quick_says_the_same(name):
    network = trained(name)
    x = images(network, 3)
    with torch.inference_mode():
        wanted = network(x)
    torch.testing.assert_close(fused(network)(x), wanted, atol=1e-4, rtol=1e-4)
    quick = optimize_for_cpu(network)
    for n in (1, 3):
        torch.testing.assert_close(quick(x[:n]), wanted[:n], atol=1e-4, rtol=1e-4)
    assert wanted.std(0).min() > 1e-3  # it does look at the images


@pytest.mark.parametrize("name", ["compact", "fernet", "resnet"])
def test_no_batch_norm_is_left_behind_a_convolution(name):
    left = [m for m in fused(spatial.build(name, 7)).modules() if "BatchNorm" in type(m).__name__]
    assert left == []


@pytest.mark.parametrize("name", SMALL)
def test_onnx_runtime_gives_the_same_probabilities(name):
    network = trained(name)
    written = export.serialise(network, {})
    assert export.disagreement(network, written) < 1e-5
    x = images(network, 5)
    (found,) = export.session(written).run(None, {"images": x.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(x).softmax(1), atol=1e-5)


def test_the_onnx_file_says_what_it_is(model, compact, tmp_path):
    out = tmp_path / "new" / "compact.onnx"
    export.export(model, out, dense=True)
    session = onnxruntime.InferenceSession(out)
    assert [(i.name, i.shape, i.type) for i in session.get_inputs()] == [
        ("images", ["N", 1, 48, 48], "tensor(float)")
    ]
    assert [(o.name, o.shape[1]) for o in session.get_outputs()] == [("probabilities", 7), ("dense", 32)]
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["classes"]) == list(EMOTIONS_NEUTRAL)
    assert (said["network"], said["input_size"], said["channels"]) == ("compact", "48", "1")
    assert said["synthetic"] == "false"
    x = images(compact, 2)
    with torch.inference_mode():
        np.testing.assert_allclose(
            session.run(["dense"], {"images": x.numpy()})[0], compact.features(x, "dense"), atol=1e-4
        )


def test_a_file_that_disagrees_is_not_written(model, tmp_path, monkeypatch):
    good = export.serialise
    monkeypatch.setattr(export, "serialise", lambda network, *rest: good(trained("fernet"), *rest))
    with pytest.raises(FerflowError, match="would differ from") as error:
        export.export(model, tmp_path / "m.onnx")
    assert "\n" not in str(error.value) and not (tmp_path / "m.onnx").exists()


def test_other_mistakes_are_one_line(model, tmp_path, monkeypatch):
    with pytest.raises(FerflowError, match=r"let it end in \.onnx"):
        export.export(model, tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="does not exist"):
        export.export(tmp_path / "none.pt", tmp_path / "m.onnx")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(FerflowError, match=r"onnxruntime: cannot be imported .*pip install onnxruntime"):
        export.export(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_the_command_line_exports(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["ferflow", "export", str(model), str(tmp_path / "m.onnx")])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert capsys.readouterr().out == f"{tmp_path}/m.onnx: the same probabilities as {model} to 0.0001\n"
    (session,) = export.session(tmp_path / "m.onnx").get_outputs()
    assert session.name == "probabilities"
    monkeypatch.setattr("sys.argv", ["ferflow", "export", str(tmp_path / "no.pt"), str(tmp_path / "n.onnx")])
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    err = capsys.readouterr().err
    assert err.startswith(f"ferflow: error: {tmp_path}/no.pt: does not exist") and err.count("\n") == 1


def test_the_benchmark_prints_each_way(model, capsys):
    benchmark.run(str(model), runs=3)
    out = capsys.readouterr().out
    assert "compact, 784,263 parameters" in out and f"onnxruntime {onnxruntime.__version__}" in out
    for way in ("torch ", "torch, optimize_for_cpu", "ONNX Runtime"):
        assert f"\n{way}" in out
