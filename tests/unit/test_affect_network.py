"""The network of three heads: shapes, ranges, files, and VGGFace2's published names."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from ferflow.datasets.affectnet import CLASSES
from ferflow.errors import WeightsError
from ferflow.models import affect as networks
from ferflow.models import face_weights, spatial
from ferflow.models.affect import AffectNetwork
from ferflow.models.network import count
from ferflow.networks import NETWORKS
from ferflow.settings.affect import AffectHeads
from ferflow.weights import shipped

SMALL = 32, AffectHeads(expression=[16, 8], valence=[8], arousal=[8], dropout=0.5)
PAPER = 224, AffectHeads()
TINY = AffectHeads(expression=[8], valence=[8], arousal=[8])


@pytest.fixture(scope="module")
def compact():
    torch.manual_seed(1)
    return AffectNetwork("compact", *SMALL).eval()


@pytest.fixture(scope="module")
def face():
    """VGGFace2's ResNet50 with running statistics of its own."""
    torch.manual_seed(2)
    network = AffectNetwork("vggface2", *SMALL).eval()
    for name, value in network.base.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.uniform_(0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def published(tmp_path_factory, face):
    """The face network's own weights, as keras-vggface's file has them."""
    path = tmp_path_factory.mktemp("vggface2") / NETWORKS["vggface2"].pretrained[0]
    keras(path, face.base.base.state_dict())
    return path


def layers():
    """Keras's name of each convolution, and torchvision's of it and of its normalisation."""
    yield "conv1/7x7_s2", "conv1", "bn1"
    for stage, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            units = {"1x1_reduce": 1, "3x3": 2, "1x1_increase": 3}
            for name, number in units.items():
                own = f"layer{stage}.{block}"
                yield f"conv{stage + 1}_{block + 1}_{name}", f"{own}.conv{number}", f"{own}.bn{number}"
            if block == 0:
                own = f"layer{stage}.0.downsample"
                yield f"conv{stage + 1}_1_1x1_proj", f"{own}.0", f"{own}.1"


def keras(path, state):
    with h5py.File(path, "w") as file:
        for name, convolution, norm in layers():
            kernel = state[f"{convolution}.weight"]
            kernel = kernel.flip(1) if convolution == "conv1" else kernel  # blue first
            file[f"{name}/{name}/kernel:0"] = kernel.permute(2, 3, 1, 0).numpy()
            for theirs, ours in {
                "gamma": "weight",
                "beta": "bias",
                "moving_mean": "running_mean",
                "moving_variance": "running_var",
            }.items():
                file[f"{name}/bn/{name}/bn/{theirs}:0"] = state[f"{norm}.{ours}"].numpy()


def test_logits_of_eight_classes_and_a_pair_within_one(compact):
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    logits, pair = compact(images)
    assert logits.shape == (3, 8) and pair.shape == (3, 2)
    assert (pair.abs() < 1).all() and pair[:, 0].std() > 0
    # Colour 0–1 in, whatever the backbone makes of it: grey here.
    grey = (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(compact(grey.expand(-1, 3, -1, -1))[0], logits)


def test_a_linear_output_is_clipped_only_where_it_is_asked():
    network = AffectNetwork("compact", 32, TINY.model_copy(update={"output": "linear"}))
    with torch.no_grad():
        network.valence[-1].bias.fill_(3.0)
        network.arousal[-1].bias.fill_(-3.0)
        images = torch.zeros(2, 3, 32, 32)
        assert network.train()(images)[1][:, 0].min() > 2
        assert network.eval()(images)[1].tolist() == [[1, -1]] * 2


def test_the_papers_networks_at_its_size():
    # VGG16's thirteen convolutions, and per head 25,088 × 512 + 512 × 512 and an output of 8, 1, 1.
    with torch.device("meta"):
        vgg, resnet = AffectNetwork("vggface", *PAPER), AffectNetwork("vggface2", *PAPER)
    heads = 3 * (512 * 513) + 10 * 513
    assert count(vgg) == 14_714_688 + 3 * 512 * 25_089 + heads
    assert count(resnet) == 23_508_032 + 3 * 512 * 2_049 + heads
    resnet.freeze()
    assert count(resnet, trainable=True) == 3 * 512 * 2_049 + heads


def test_a_frozen_backbone_keeps_its_weights_and_statistics(compact):
    network = AffectNetwork("compact", *SMALL)
    network.freeze()
    before = {name: value.clone() for name, value in network.base.state_dict().items()}
    network.train()
    logits, pair = network(torch.rand(4, 3, 32, 32))
    (logits.sum() + pair.sum()).backward()
    torch.optim.SGD([p for p in network.parameters() if p.grad is not None], 0.1).step()
    assert all(torch.equal(before[name], value) for name, value in network.base.state_dict().items())
    network.freeze(False)
    network.train()
    assert all(p.requires_grad for p in network.parameters())


def test_a_saved_network_says_the_same(tmp_path, compact):
    meta = {"synthetic": True, "start": "untrained"}
    networks.save(tmp_path / "model.pt", compact, CLASSES, meta)
    other, about = networks.load(tmp_path / "model.pt")
    images = torch.rand(2, 3, 32, 32)
    for a, b in zip(other(images), compact(images), strict=True):
        assert torch.equal(a, b)
    assert about["meta"] == meta and about["options"]["size"] == 32 and len(about["classes"]) == 8
    assert about["kind"] == "affect" and not other.training


def test_a_model_of_another_kind_is_refused(tmp_path):
    spatial.save(tmp_path / "model.pt", spatial.build("compact", 7), ["a"] * 7, {"synthetic": True})
    with pytest.raises(WeightsError, match="is a spatial model"):
        networks.load(tmp_path / "model.pt")


def test_the_shipped_network_gives_its_backbone():
    network = AffectNetwork("compact", 48, TINY)
    spatial.load_base(network.base, shipped())
    own, _ = spatial.load(shipped())
    images = torch.rand(2, 3, 48, 48)
    with torch.no_grad():
        expected = own.features(images, "pool")
        torch.testing.assert_close(network.base.eval().features(images, "pool"), expected)
    with pytest.raises(WeightsError, match="holds compact, not vgg16"):
        spatial.load_base(AffectNetwork("vgg16", *SMALL).base, shipped())


def test_every_layer_of_vggface2s_file_finds_its_place(published, face):
    state = face_weights.vggface2(published)
    own = {k: v for k, v in face.base.base.state_dict().items() if not k.endswith("batches_tracked")}
    assert set(state) == set(own) and len(state) == 53 + 4 * 53
    assert all(torch.equal(state[name], own[name]) for name in own)
    other = AffectNetwork("vggface2", *SMALL).eval()
    images = torch.rand(1, 3, 64, 64)
    spatial.load_base(other.base, published)
    with torch.no_grad():
        a, b = (n.base.features(images, "pool") for n in (other, face))
    assert torch.equal(a, b)


def test_vggface2s_blocks_halve_in_their_first_convolution(face):
    # Keras: 7x7 stride 2 `same`, 3x3 pooling without padding, then a half per stage: 224, 112, 55, 28, 14, 7.
    sides = []
    handles = [
        block.register_forward_hook(lambda _, __, out: sides.append(out.shape[-1]))
        for block in face.base.blocks
    ]
    face.base.input_size = 224
    with torch.no_grad():
        face.base.features(torch.rand(1, 3, 224, 224), "pool")
    for handle in handles:
        handle.remove()
    face.base.input_size = 32
    assert sides == [55, 55, 28, 14, 7]
    reduce = face.base.base.layer3[0]
    assert reduce.conv1.stride == (2, 2) and reduce.conv2.stride == (1, 1)


def test_its_inputs_are_0_to_255_less_the_mean_of_vggface2(face):
    x = torch.full((1, 3, 1, 1), 128 / 255)
    seen = (x - face.base._mean) / face.base._std
    assert seen.flatten().tolist() == pytest.approx([128 - 131.0912, 128 - 103.8827, 128 - 91.4953], abs=1e-3)


def test_files_of_vggface2_that_cannot_be_used(tmp_path, published):
    other = tmp_path / NETWORKS["vggface2"].pretrained[0]
    other.write_bytes(published.read_bytes())
    with h5py.File(other, "a") as file:
        del file["conv4_6_3x3"]
    with pytest.raises(WeightsError, match=r"layer3\.5\.conv2\.weight is missing"):
        spatial.load_base(AffectNetwork("vggface2", *SMALL).base, other)
    with h5py.File(other, "a") as file:
        file["conv4_6_3x3/conv4_6_3x3/kernel:0"] = np.zeros((3, 3, 256, 16), np.float32)
    with pytest.raises(WeightsError, match=r"is \(16, 256, 3, 3\)"):
        spatial.load_base(AffectNetwork("vggface2", *SMALL).base, other)
    other.write_bytes(published.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        spatial.load_base(AffectNetwork("vggface2", *SMALL).base, other)
