"""The profile for Slurm reads the steps, and what they ask for grows with every attempt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yte

from ferflow.steps.computing import STEPS
from ferflow.steps.cost import machine_of

REPOSITORY = Path(__file__).parents[2]
PROFILE = REPOSITORY / "workflow/profiles/slurm/config.yaml"


def profile(**values: str) -> dict:
    """The profile as Snakemake reads it, with values of its first block."""
    text = PROFILE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = re.sub(rf"^  {name}: \S+", f"  {name}: {value}", text, count=1, flags=re.M)
    return yte.process_yaml(text, require_use_yte=True)


@pytest.mark.parametrize("name", STEPS)
def test_a_second_attempt_asks_for_twice_the_memory_and_time(name):
    asked = STEPS[name].resources()
    for resource in ("mem_mb", "runtime"):
        assert 0 < 2 * asked[resource](None, 1) == asked[resource](None, 2)


def test_weights_are_fetched_where_snakemake_runs():
    text = (REPOSITORY / "workflow/rules/weights.smk").read_text(encoding="utf-8")
    assert text.count("localrule: True") == len(re.findall(r"^rule ", text, flags=re.M)) == 2


def test_account_partition_and_gres_are_off_until_they_are_set():
    made = profile()
    assert set(made["default-resources"]) == {"mem_mb", "runtime"} and "set-resources" not in made
    made = profile(account="physics", partition="long", gres="gpu:1", status="sacct")
    assert made["default-resources"]["slurm_account"] == "physics"
    assert made["default-resources"]["slurm_partition"] == "long"
    assert made["slurm-status-command"] == "sacct"
    assert all(
        made["set-resources"][name]["gres"] == "gpu:1" for name in ("features", "fold", "nested_outer")
    )
    assert "faces" not in made["set-resources"]


def test_jobs_ask_time_for_the_gpu_that_gpu_or_gres_names():
    named = {"cpu": {}, "gpu:v100:1": {"gres": "gpu:v100:1"}, "a100": {"gres": "gpu:1", "gpu": "a100"}}
    for machine, values in named.items():
        assert profile(**values)["config"] == {"machine": machine}
        assert machine_of(machine).name in machine


def test_what_shares_a_job_runs_in_turn_and_so_needs_the_memory_of_one():
    made = profile()
    assert made["resources"] == {"in_turn": 1} and made["set-resource-scopes"] == {"in_turn": "local"}
    groups = {step.group for step in STEPS.values() if step.group} | {"report"}
    assert groups <= set(made["group-components"])
    assert all((step.resources().get("in_turn") == 1) == bool(step.group) for step in STEPS.values())
