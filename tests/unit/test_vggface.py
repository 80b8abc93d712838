"""VGGFace: its parameter count, its preprocessing, and the names of its published files."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from ferflow.classes import EMOTIONS_NEUTRAL
from ferflow.errors import WeightsError
from ferflow.models import face_weights, spatial
from ferflow.models.network import count

WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture(scope="module")
def network():
    return spatial.build("vggface", 7).eval()


@pytest.fixture(scope="module")
def published():
    """A made-up state dict under MatConvNet's names; each tensor holds one number of its own."""
    state, channels = {}, 3
    for number, (stage, index) in enumerate(face_weights.POSITIONS):
        out = WIDTHS[stage - 1]
        state[f"conv{stage}_{index}.weight"] = torch.full((out, channels, 3, 3), number / 100)
        state[f"conv{stage}_{index}.bias"] = torch.full((out,), number / 100 + 0.5)
        channels = out
    state["conv1_1.weight"] += torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)  # red, green, blue
    return state


def convolutions(network):
    return [m for m in network.blocks.modules() if isinstance(m, torch.nn.Conv2d)]


def fits(network, blue_first: bool):
    for number, layer in enumerate(convolutions(network)):
        assert layer.bias.unique().tolist() == pytest.approx([number / 100 + 0.5])
        if number:
            assert layer.weight.unique().tolist() == pytest.approx([number / 100])
    colours = [0.3, 0.2, 0.1] if blue_first else [0.1, 0.2, 0.3]
    assert convolutions(network)[0].weight[5, :, 1, 1].tolist() == pytest.approx(colours)


def test_two_dense_layers_give_the_count_of_table_3_4(network):
    network.unfreeze(2)
    assert count(network, trainable=True) == 39_727_111
    network.unfreeze(None)
    assert network.layers == {"pool": 25_088, "dense": 1024}
    assert [m.out_features for m in network.classifier if hasattr(m, "out_features")] == [1024, 7]


def test_the_networks_input_is_0_to_255_less_the_mean_face(network):
    seen = []
    handle = network.blocks[0].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    grey = torch.full((1, 3, 224, 224), 128 / 255)
    with torch.inference_mode():
        network.features(grey, "pool")
    handle.remove()
    wanted = [128 - 129.1863, 128 - 104.7624, 128 - 93.5940]  # red, green, blue
    torch.testing.assert_close(seen[0][0, :, 7, 9], torch.tensor(wanted), atol=1e-4, rtol=0)


@pytest.mark.parametrize("form", ["{}", "conv_", "features.conv_"])
def test_published_names_find_their_layers(network, published, tmp_path, form):
    """`conv1_1` takes red first, `conv_1_1` (by way of Caffe) blue."""
    prefix = "conv" if form == "{}" else form
    state = {name.replace("conv", prefix, 1): value for name, value in published.items()}
    people = "fc8" if form == "{}" else f"{'fc.' if 'features' in form else ''}fc8"
    torch.save({**state, f"{people}.weight": torch.zeros(3, 4)}, tmp_path / "v.pth")
    dense = network.dense_head[0].weight.clone()
    spatial.load_pretrained(network, tmp_path / "v.pth")
    fits(network, blue_first=form != "{}")
    assert torch.equal(network.dense_head[0].weight, dense)


@pytest.mark.parametrize("inner", ["conv{s}_{i}_3/{n}:0", "conv{s}_{i}_{n}_1:0"])
def test_the_keras_file_is_read(network, published, tmp_path, inner):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        for stage, index in face_weights.POSITIONS:
            for kind, name in (("weight", "kernel"), ("bias", "bias")):
                value = published[f"conv{stage}_{index}.{kind}"].numpy()
                value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
                file[f"conv{stage}_{index}/{inner.format(s=stage, i=index, n=name)}"] = value
        file.create_group("pool1")
    spatial.load_pretrained(network, tmp_path / "v.h5")
    fits(network, blue_first=True)


def test_what_does_not_fit_is_one_line(network, published, tmp_path):
    path = tmp_path / "v.pth"

    def refuses(state, what):
        torch.save(state, path)
        with pytest.raises(WeightsError, match=what) as error:
            spatial.load_pretrained(network, path)
        assert "\n" not in str(error.value)

    less = {k: v for k, v in published.items() if k != "conv4_2.bias"}
    refuses(less, r"does not fit the network vggface \(features.19.bias is missing\)")
    refuses({**published, "conv5_3.bias": torch.zeros(3)}, r"features.28.bias is \(3,\), not \(512,\)")
    refuses({"features.0.weight": torch.zeros(1)}, "features.0.weight is unknown")
    refuses({**published, "conv3_4.bias": torch.zeros(256)}, "conv3_4.bias is unknown")
    (tmp_path / "half.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(WeightsError, match="damaged"):
        spatial.load_pretrained(network, tmp_path / "half.h5")
    with pytest.raises(WeightsError, match="does not exist"):
        spatial.load_pretrained(network, tmp_path / "none.h5")
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(WeightsError, match="damaged or no weights file"):
        spatial.load_pretrained(network, tmp_path / "a.npy")


def test_the_classifier_can_be_chosen_and_comes_back(tmp_path):
    built = spatial.build("resnet50", 7, dense=(512, 256), dropout=0.3).eval()
    assert built.layers["dense"] == 512
    assert [type(m).__name__ for m in built.classifier] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [m.p for m in built.classifier if isinstance(m, torch.nn.Dropout)] == [0.3, 0.3]
    spatial.save(tmp_path / "m.pt", built, EMOTIONS_NEUTRAL, {"synthetic": True})
    network, description = spatial.load(tmp_path / "m.pt")
    assert network.options == description["options"] == {"dense": [512, 256], "dropout": 0.3}
    assert [m.p for m in network.classifier if isinstance(m, torch.nn.Dropout)] == [0.3, 0.3]
    x = torch.rand(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(network(x), built(x))
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    for options in ({"dense": [512], "widths": 3}, {"dense": []}, {"dropout": 7}):
        torch.save({**content, "options": options}, tmp_path / "bad.pt")
        with pytest.raises(WeightsError, match="unknown options"):
            spatial.load(tmp_path / "bad.pt")
