"""Parameters are counted before anything is built, and a network that is too large is refused in one line."""

from pathlib import Path

import pytest
import torch

from ferflow.apps import estimate
from ferflow.errors import SettingError
from ferflow.models import endtoend, spatial, temporal
from ferflow.models.network import count
from ferflow.networks import BACKBONES, NETWORKS
from ferflow.settings import load, parameters

REPOSITORY = Path(__file__).parents[2]
THESIS = "parts/thesis-comparisons"


def study(name: str):
    return load(REPOSITORY / "params.yaml", REPOSITORY / f"workflow/studies/{name}.yaml")


def changed(settings, **changes):
    return type(settings).model_validate(settings.model_dump() | changes)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_for_single_images_have_the_counted_parameters(name, small_settings):
    recipe = small_settings().spatial.model_copy(update={"network": name, "weights": None})
    with torch.device("meta"):
        built = spatial.build(name, 7)
        assert parameters.spatial(recipe) == count(built)
        entry = NETWORKS[name]
        assert built.layers == {"pool": entry.pool, "dense": entry.dense[0]}
        if name in BACKBONES:
            assert parameters.spatial(recipe, [512, 256]) == count(spatial.build(name, 7, [512, 256]))


def test_networks_on_frames_have_the_counted_parameters(small_settings):
    plan = small_settings().end_to_end
    c3d = [
        {},
        {"filters": [8], "kernel": 5, "batch_norm": True, "dense": []},
        {"filters": [8], "map_layers": 3},
        {"filters": [4, 6], "frames": 11, "size": 12, "map_layers": 4},
    ]
    convlstm = [{}, {"peepholes": False, "dense": [7]}, {"filters": [3, 5, 2], "kernel": 5, "size": 30}]
    for name, changes in [("c3d", one) for one in c3d] + [("convlstm", one) for one in convlstm]:
        own = changed(plan.of(name), **changes)
        with torch.device("meta"):
            assert parameters.on_frames(own, 5) == count(endtoend.build(name, 5, own)), (name, changes)


def test_heads_have_the_counted_parameters(small_settings):
    for name, settings in small_settings().temporal.heads.items():
        for changes in ({}, {"layers": 3, "units": 10}, {"batch_norm": True, "kernel": 5}):
            own = changed(settings, **changes) if name == "cnn1d" or "kernel" not in changes else settings
            with torch.device("meta"):
                assert parameters.head(name, 33, 5, own) == count(temporal.build(name, 33, 5, own))


def test_no_network_of_the_thesis_is_too_large_and_each_is_printed():
    found = dict(parameters.counted(study("thesis")))
    assert found["c3d"] == 53_372_502 and found["c3d-32"] == 53_353_030 and found["c3d-16"] == 26_809_638
    assert found["vggface+lstm"] == 12_911_878 + 512  # torch's second bias vector
    assert found["vggface"] == 41_462_599 and found["lstm, searched"] > found["vggface+lstm"]
    backbones = dict(parameters.counted(study("thesis-backbones")))
    assert list(backbones) == ["vgg16", "resnet50", "vggface", "densenet201"]
    assert max(*found.values(), *backbones.values()) < 60_000_000 < study("thesis").max_parameters
    first, *lines = estimate.network_lines(study("thesis"))
    assert first.startswith(f"{len(found)} networks") and "larger one than 500,000,000 is refused" in first
    assert [line.split()[-1] for line in lines] == [f"{n:,}" for n in found.values()]
    assert all(line.strip().startswith(name) for line, name in zip(lines, found, strict=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {
                "end_to_end": {"c3d": {"frames": 100, "size": 160}},
                "experiments": {
                    "compared": ["c3d-depth"],
                    "runs": {"c3d-16": {"changes": {"map_layers": None}}},
                },
            },
            r"max_parameters: c3d-16 would have 2,505,\d{3},\d{3} parameters, 40 GB while it is trained, "
            r"more than 500,000,000; make it smaller \(a C3D: map_layers\) or allow more",
        ),
        (
            {"search": {"run": ["lstm"], "space": {"lstm": {"units": [16, 20000]}}}},
            "lstm, searched would have 1,602",
        ),
        (
            {"nested": {"heads": ["bilstm"], "candidates": {"wide": {"units": 9000}}}},
            "bilstm, nested: wide would have",
        ),
        (
            {"nested": {"heads": ["lstm"], "candidates": {"odd": {"unit": 9}}}},
            "nested.candidates.odd.heads.lstm",
        ),
    ],
)
def test_what_is_too_large_is_refused_before_any_job(small_settings, changes, said):
    with pytest.raises(SettingError, match=said) as error:
        small_settings(changes, THESIS)
    assert "\n" not in str(error.value)
    if "max" in said:
        small_settings(changes | {"max_parameters": None}, THESIS)
