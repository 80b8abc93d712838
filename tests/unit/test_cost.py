"""What jobs ask for: never below what a step of their networks takes, and named where it is too much."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import torch

from ferflow.apps import check
from ferflow.errors import SettingError
from ferflow.models.network import count
from ferflow.runs import machine
from ferflow.settings import load
from ferflow.steps import cost, passes
from ferflow.steps.computing import STEPS
from ferflow.steps.cost import Costs, Figures, Limits, too_large
from ferflow.steps.work import CONSTANT, STEPPED, Sizes, Work
from ferflow.training import footprint

REPOSITORY = Path(__file__).parents[2]
SIZE = Sizes({f"F{n:03}": (6, 600) for n in range(100)}, 35_887)


def study(name: str):
    return load(REPOSITORY / "params.yaml", REPOSITORY / f"workflow/studies/{name}.yaml")


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> Figures:
    """Of all tests here: the networks of a study take seconds."""
    return Figures(tmp_path_factory.mktemp("figures") / "networks.json")


@pytest.fixture(scope="module")
def thesis(figures) -> Costs:
    return Costs(study("thesis"), lambda: SIZE, figures, on="cpu")


def asked(costs: Costs, name: str) -> tuple[int, int, int]:
    rule, wildcards = next(
        (rule, wildcards) for one, rule, wildcards in passes.networks(costs.settings) if one == name
    )
    return costs.asked(rule)(wildcards)


def test_a_pass_is_watched_without_computing_it():
    described = {"kind": "images", "name": "compact", "classes": 7, "items": 4, "trained": True}
    found = footprint.reckon(described)
    with torch.device("meta"):
        network, _ = footprint.MAKERS["images"](described)
    assert found["parameters"] == found["trained"] == count(network) == 784_263
    twice = footprint.reckon(described | {"items": 8})
    assert twice["flops"] == 2 * found["flops"] and found["peak"] < twice["peak"] < 2 * found["peak"]
    looked = footprint.reckon(described | {"trained": False})
    assert looked["trained"] == 0 and looked["peak"] < found["peak"] and looked["flops"] < found["flops"] / 2
    some = footprint.reckon(described | {"name": "vgg16", "items": 1, "blocks": 1})
    assert some["trained"] < some["parameters"] and some["largest"] == 25_088 * 1024


def test_a_head_on_features_is_reckoned_as_its_layers_are(small_settings):
    own = small_settings().temporal.heads["lstm"].model_dump()
    described = {"kind": "head", "name": "lstm", "settings": own, "features": 64, "frames": 10}
    found = footprint.reckon(described | {"classes": 6, "items": 3, "trained": True})
    forward = 2 * 3 * 10 * 4 * own["units"] * (64 + own["units"])
    # The inputs learn nothing: forward, weights backward, and the state's way back.
    assert 2 * forward < found["flops"] < 3.2 * forward


@pytest.mark.parametrize("on", ["cpu", "a100"])
@pytest.mark.parametrize("name", ["thesis", "compact", "datacentric", "sfew", "affectnet"])
def test_every_network_of_every_study_asks_for_something(name, on, figures):
    settings = study(name)
    size = SIZE if settings.kind == "clips" else Sizes({}, 5000)
    costs = Costs(settings, lambda: size, figures, on=on)
    listed = list(passes.networks(settings))
    assert len(listed) > 3 and {rule for _, rule, _ in listed} <= set(STEPS)
    for _, rule, wildcards in listed:
        need = costs.need(rule, wildcards)
        memory, gpu, minutes = costs.asked(rule)(wildcards)
        assert STEPS[rule].gpu and 600 < need.memory <= memory and gpu > 1000
        assert 60 * minutes > 2 * need.seconds and minutes >= STEPS[rule].minutes
    # What is kept is read by the next start, which needs no torch for it.
    assert Figures(figures.kept)._known == figures._known


def test_every_step_that_trains_has_networks():
    trained = [step.name for step in STEPS.values() if step.gpu]
    assert all(STEPS[name].passes is not passes.none for name in trained)
    assert {step.name for step in STEPS.values() if step.passes is not passes.none} == set(trained)


def test_the_thesis_asks_for_the_time_that_it_takes(thesis):
    for name in ("lstm", "cnn1d", "convlstm"):
        rule, wildcards = next((r, w) for one, r, w in passes.networks(thesis.settings) if one == name)
        work = STEPS[rule].work(wildcards, thesis.settings, SIZE)
        assert work.per in STEPPED
        (one,) = thesis.passes(rule, wildcards)
        assert 60 * asked(thesis, name)[2] > 2 * thesis.an_item(one) * work.amount > 7200


def test_what_does_not_fit_is_named_with_the_remedy(thesis):
    lines = list(too_large(thesis, Limits(5_000, 3_000), passes.networks(thesis.settings)))
    assert any(
        line.startswith("c3d needs") and "this machine has 5,000: set end_to_end.c3d.micro_batch" in line
        for line in lines
    )
    assert any("MB of a GPU, this machine has 3,000" in line for line in lines)
    assert len(lines) == len(set(lines)) and all("\n" not in line for line in lines)
    assert not list(too_large(thesis, Limits(10**6, 10**6), passes.networks(thesis.settings)))
    # The author's cards had 24 GB: with its batch of 16 in passes all of the thesis fits 22.
    assert not list(too_large(thesis, Limits(24_000, 22 * 1024), passes.networks(thesis.settings)))
    assert not list(too_large(thesis, Limits(0), passes.networks(thesis.settings)))  # a cluster: unknown


def test_a_profile_says_what_its_machine_has(small_settings, tmp_path):
    (tmp_path / "config.yaml").write_text("__use_yte__: true\nresources:\n  mem_mb: ?100 + 200\n")
    lines = check.fitting(small_settings(), tmp_path)
    assert all(f"profile {tmp_path.name} has 300" in line for line in lines) and "lstm" in " ".join(lines)
    assert "all networks fit this machine" in check.fitting(small_settings({"machine": "cpu"}))[0]
    (tmp_path / "config.yaml").write_text("__use_yte__: true\nconfig:\n  machine: v100\n")
    assert "v100 of 30,518 MB" in check.fitting(small_settings(), tmp_path)[0]


def test_a_machine_is_known_by_what_names_it(monkeypatch):
    assert cost.machine_of("cpu").is_gpu is False
    named = {"a100": "a100", "gpu:a100:1": "a100", "gpu:1": "t4", "gpu": "t4", "gpu:NVIDIA H200": "h200"}
    for one, name in named.items():
        assert cost.machine_of(one).name == name
    with pytest.raises(SettingError, match="no rates of abacus"):
        cost.machine_of("abacus")
    card = machine.Card(0, "GPU-1", "NVIDIA GeForce RTX 3090", 24_000)
    monkeypatch.setattr(machine, "cards", lambda: (card,))
    assert (cost.machine_of("auto").name, cost.machine_of("auto").memory) == ("rtx3090", 24_000)
    monkeypatch.setattr(machine, "cards", lambda: ())
    assert cost.machine_of("auto").name == "cpu"


def test_more_attempts_ask_for_more_and_a_gpu_for_one_card(thesis):
    own = STEPS["end_to_end_fold"].resources(thesis.asked("end_to_end_fold"))
    first, second = ({n: own[n]({"network": "c3d"}, k) for n in ("mem_mb", "runtime")} for k in (1, 2))
    assert all(second[name] == 2 * first[name] for name in first)
    assert own["card"] == 1 and 4000 < own["gpu_mb"]({"network": "c3d"}) < 22 * 1024
    assert "card" not in STEPS["faces"].resources()
    assert not {"gpu", "gpus", "gres", "nvidia_gpu"} & set(own)  # mean something to Slurm's plugin


STEP = """
import json, sys
from ferflow.bench.footprint import measure
print(json.dumps(measure(json.loads(sys.argv[1]))))
"""


def test_a_real_step_takes_no_more_than_is_asked_for(small_settings):
    """In a process of its own, whose size no other test has seen."""
    settings = small_settings({"end_to_end": {"c3d": {"frames": 32, "size": 64}}})
    costs = Costs(settings, lambda: Sizes({}), Figures(None), on="cpu")
    (one,) = costs.passes("end_to_end_fold", {"network": "c3d"})
    done = subprocess.run(
        [sys.executable, "-c", STEP, json.dumps(one.described)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    grown = found["peak"] - found["before"]
    assert grown > 150 * 2**20  # much more than the spread of a process's size
    assert grown < costs.memory_of(one) < 3 * grown
    assert found["before"] < cost.BASE


def test_stated_rates_foretell_a_recorded_run(figures):
    """Of `demo`, without a step measured; trainings count as many epochs as they may have, and stop early."""
    settings = load(REPOSITORY / "params.yaml")
    size = Sizes({f"F{n:02}": (6, 506) for n in range(26)}, 2100)
    costs = Costs(settings, lambda: size, figures, on="cpu")
    took, stated = defaultdict(float), defaultdict(float)
    with Path(__file__).with_name("recorded_jobs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == "demo" and row["rule"] in STEPS]
    for row in rows:
        kind = row["variant"].split(" ")[0]
        named = {"head": kind, "network": kind, "model": settings.spatial.network, "subject": "F00"}
        named.pop("network" if kind in settings.temporal.heads else "head")
        work = Work(row["per"], float(row["amount"]), row["variant"])
        found = [] if work.per == CONSTANT else costs.passes(row["rule"], named)
        took[row["rule"]] += float(row["cpu"])
        stated[row["rule"]] += costs.seconds(row["rule"], work, found)
    assert {"fold", "end_to_end_fold", "features", "faces"} <= set(took)
    assert 1 / 1.5 < sum(stated.values()) / sum(took.values()) < 1.5
    for rule in took:
        assert 0.45 < stated[rule] / took[rule] < 2.2, rule
