"""The profile for Slurm and the rules that it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yte

REPOSITORY = Path(__file__).parents[2]
PROFILE = REPOSITORY / "workflow/profiles/slurm/config.yaml"
WEIGHTS = {"weights", "published_weights"}


def rules() -> dict[str, str]:
    """Every rule that runs a script, with its text."""
    found = {}
    for file in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        text = file.read_text(encoding="utf-8")
        for part in re.split(r"^ *rule (?=\w+:)", text, flags=re.M)[1:]:
            name, _, body = part.partition(":")
            if "script:" in body:
                found[name] = body.partition("script:")[0]
    return found


def profile(**values: str) -> dict:
    """The profile as Snakemake reads it, with values of its first block."""
    text = PROFILE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = re.sub(rf"^  {name}: \S+", f"  {name}: {value}", text, count=1, flags=re.M)
    return yte.process_yaml(text, require_use_yte=True)


@pytest.mark.parametrize("resource", ["mem_mb", "runtime"])
def test_every_rule_names_its_memory_and_time_and_has_more_at_a_second_attempt(resource):
    lacking = [name for name, body in rules().items() if f" {resource}=more(" not in body]
    assert set(lacking) == WEIGHTS


def test_weights_are_fetched_where_snakemake_runs():
    assert all("localrule: True" in rules()[name] for name in WEIGHTS)


def test_the_profile_names_rules_that_there_are():
    made = profile(gres="gpu:1")
    assert set(made["set-resources"]) | set(made["groups"]) <= set(rules())
    assert set(made["groups"].values()) == set(made["group-components"])


def test_account_partition_and_gres_are_off_until_they_are_set():
    made = profile()
    assert set(made["default-resources"]) == {"mem_mb", "runtime"}
    assert not any("gres" in resources for resources in made["set-resources"].values())
    made = profile(account="physics", partition="long", gres="gpu:1", status="sacct")
    assert made["default-resources"]["slurm_account"] == "physics"
    assert made["default-resources"]["slurm_partition"] == "long"
    assert made["slurm-status-command"] == "sacct"
    trains = [name for name, body in rules().items() if "fold" in name and "threads: " in body]
    assert len(trains) > 5 and all(made["set-resources"][name]["gres"] == "gpu:1" for name in trains)
    assert made["set-resources"]["features"] == {"in_turn": 1, "gres": "gpu:1"}
    assert "gres" not in made["set-resources"]["faces"]


def test_what_shares_a_job_runs_in_turn_and_so_needs_the_memory_of_one():
    made = profile()
    assert made["resources"] == {"in_turn": 1} and made["set-resource-scopes"] == {"in_turn": "local"}
    assert all(made["set-resources"][rule]["in_turn"] == 1 for rule in made["groups"])
