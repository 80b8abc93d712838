"""The spatial networks: parameter counts against the papers, files, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import WeightsError
from ferflow.models import checkpoint, precision, spatial
from ferflow.models.network import count


@pytest.fixture(scope="module")
def compact():
    torch.manual_seed(0)
    return spatial.build("compact", 7).eval()


@pytest.fixture(scope="module")
def vgg16():
    torch.manual_seed(0)
    return spatial.build("vgg16", 7).eval()


def test_compact_network_has_the_papers_parameter_count(compact):
    assert count(compact) == 784_263
    assert compact.layers == {"pool": 4608, "dense": 32}
    assert (compact.input_size, compact.channels) == (48, 1)
    hidden = [m.branch[0].out_channels for m in compact.modules() if hasattr(m, "branch")]
    assert hidden == [256, 256, 512, 512]


def test_vgg16_with_two_blocks_unfrozen_has_the_count_of_table_3_4(vgg16):
    vgg16.unfreeze(2)
    assert count(vgg16, trainable=True) == 38_677_511
    assert vgg16.layers == {"pool": 25_088, "dense": 1024}
    vgg16.unfreeze(None)
    assert count(vgg16, trainable=True) == count(vgg16) == 40_412_999


def test_resnet50_differs_from_table_3_4_by_keras_convolution_biases_only():
    network = spatial.build("resnet50", 7)
    network.unfreeze(2)
    keras_biases = 6 * (256 + 256 + 1024) + 1024 + 3 * (512 + 512 + 2048) + 2048
    assert count(network, trainable=True) + keras_biases == 24_189_959


@pytest.mark.parametrize("name", ["compact", "vgg16", "resnet50", "densenet201"])
def test_layers_have_their_widths_and_logits_come_from_dense(name):
    network = spatial.build(name, 5).eval()
    x = torch.rand(1, network.channels, network.input_size, network.input_size)
    with torch.inference_mode():
        for layer, width in network.layers.items():
            assert network.features(x, layer).shape == (1, width)
        torch.testing.assert_close(network(x), network.classifier(network.features(x, "dense")))
        assert network.features(x, "dense").min() >= 0
    assert network(x).shape == (1, 5)
    with pytest.raises(ValueError, match="no layer fc6"):
        network.features(x, "fc6")


def test_a_frozen_block_keeps_its_batch_statistics(compact):
    network = spatial.build("compact", 7)
    network.unfreeze(0)
    network.train()
    before = {k: v.clone() for k, v in network.blocks.state_dict().items()}
    network(torch.rand(8, 1, 48, 48)).sum().backward()
    assert all(torch.equal(v, before[k]) for k, v in network.blocks.state_dict().items())
    assert all(p.grad is None for p in network.blocks.parameters())
    assert network.dense_head[0].weight.grad is not None


def test_images_of_another_colour_and_size_are_brought_to_the_networks(compact, vgg16):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (3, 160, 160, 3), np.uint8)
    grey = spatial.prepare(images, compact)
    assert grey.shape == (3, 1, 48, 48) and grey.dtype == torch.float32
    luma = images @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey.mean((1, 2, 3)), luma.mean((1, 2)) / 255, atol=0.002)
    red = np.zeros((1, 50, 50, 3), np.uint8)
    red[..., 0] = 255
    assert spatial.prepare(red, vgg16)[0].amax((1, 2)).tolist() == [1, 0, 0]
    assert spatial.prepare(images[:, :48, :48, 0], vgg16).shape == (3, 3, 224, 224)
    rgb = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    np.testing.assert_allclose(compact.fit(rgb), grey, atol=0.1)


def test_a_saved_network_comes_back_with_its_description(compact, tmp_path):
    meta = {"synthetic": True, "dataset": "synth4d", "settings": {"epochs": 12}}
    spatial.save(tmp_path / "a" / "model.pt", compact, EMOTIONS_NEUTRAL, meta)
    spatial.save(tmp_path / "b.pt", compact, EMOTIONS_NEUTRAL, meta)
    assert (tmp_path / "a" / "model.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    network, description = spatial.load(tmp_path / "b.pt")
    assert description["classes"] == list(EMOTIONS_NEUTRAL) and description["meta"] == meta
    assert not network.training
    x = torch.rand(2, 1, 48, 48)
    assert torch.equal(network(x), compact(x))
    with pytest.raises(ValueError, match="synthetic"):
        spatial.save(tmp_path / "c.pt", compact, EMOTIONS_NEUTRAL, {"dataset": "x"})


def test_damaged_wrong_and_missing_files_are_refused_in_one_line(compact, tmp_path):
    good = tmp_path / "good.pt"
    spatial.save(good, compact, EMOTIONS_NEUTRAL, {"synthetic": True})
    data = good.read_bytes()
    bad = tmp_path / "bad.pt"
    content = torch.load(good, weights_only=True)

    def refuses(what: str, load=spatial.load):
        with pytest.raises(WeightsError, match=what) as error:
            load(bad)
        assert "\n" not in str(error.value) and str(bad) in str(error.value)

    refuses("does not exist")
    for broken in (b"", b"hello world", data[: len(data) // 2]):
        bad.write_bytes(broken)
        refuses("damaged")
    torch.save({"code": print}, bad)
    refuses("damaged")
    torch.save({"a": 1}, bad)
    refuses("not a model file")
    torch.save({**content, "kind": "temporal"}, bad)
    refuses("is a temporal model")
    torch.save({**content, "network": "vgg16"}, bad)
    refuses("does not fit the network vgg16")
    torch.save({**content, "classes": ["a", "b"]}, bad)
    refuses(r"classifier.weight is \(7, 32\), not \(2, 32\)")


def test_imagenet_weights_load_into_the_base_alone(vgg16, tmp_path):
    from ferflow.models.vision import torchvision

    path = tmp_path / "vgg16.pth"
    state = {
        f"features.{k}": v + 0
        for k, v in torchvision.models.vgg16(weights=None).features.state_dict().items()
    }
    torch.save({**state, "classifier.0.weight": torch.zeros(4, 4)}, path)
    dense = vgg16.dense_head[0].weight.clone()
    spatial.load_pretrained(vgg16, path)
    assert torch.equal(vgg16.blocks[4][4].weight, state["features.28.weight"])
    assert torch.equal(vgg16.dense_head[0].weight, dense)
    with pytest.raises(WeightsError, match="does not fit the network resnet50"):
        spatial.load_pretrained(spatial.build("resnet50", 7), path)
    with pytest.raises(WeightsError, match="not a model file of ferflow"):
        spatial.load_pretrained(spatial.build("compact", 7), path)


def test_densenet_takes_the_old_names_of_its_published_file(tmp_path):
    from ferflow.models.vision import torchvision

    state = torchvision.models.densenet201(weights=None).state_dict()
    old = {}
    for key, value in state.items():
        for part in ("norm", "conv"):
            for number in "12":
                key = key.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in key else key
        if not key.endswith("num_batches_tracked"):
            old[key] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "d.pth")
    network = spatial.build("densenet201", 7)
    spatial.load_pretrained(network, tmp_path / "d.pth")
    assert torch.equal(
        network.blocks[1][0].denselayer1.conv1.weight, state["features.denseblock1.denselayer1.conv1.weight"]
    )


def test_precision_asks_the_machine(monkeypatch):
    assert precision.resolve("float32") == torch.float32
    assert precision.resolve("bfloat16") == torch.bfloat16
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    assert precision.resolve("auto") == torch.float32
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert precision.resolve("auto") == torch.bfloat16


def test_checkpoints_of_another_format_are_refused(compact, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    spatial.save(tmp_path / "m.pt", compact, EMOTIONS_NEUTRAL, {"synthetic": False})
    monkeypatch.setattr(checkpoint, "FORMAT", 1)
    with pytest.raises(WeightsError, match="format 2"):
        spatial.load(tmp_path / "m.pt")
