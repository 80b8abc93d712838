"""The machine that jobs run on: its memory, its GPUs, and one of them for each training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yte
from snakemake.iocontainers import Namedlist

from ferflow.runs import machine
from ferflow.steps import run

PROFILE = Path(__file__).parents[2] / "workflow/profiles/default/config.yaml"
SMI = """#!/bin/sh
echo "0, GPU-aaa, NVIDIA A100-SXM4-40GB, 40960"
echo "1, GPU-bbb, NVIDIA A100-SXM4-40GB, 40960"
"""


@pytest.fixture
def two_cards(tmp_path, monkeypatch):
    """A machine with two GPUs, by the program that lists them."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name in (machine.VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    machine.cards.cache_clear()
    yield tmp_path
    machine.cards.cache_clear()


def test_a_control_group_may_allow_less_than_the_machine_has(tmp_path, monkeypatch):
    total = psutil.virtual_memory().total // machine.MIB
    assert 0 < machine.memory() <= total
    monkeypatch.setattr(machine, "_limits", lambda: [300 * machine.MIB, 10**15])
    assert machine.memory() == 300
    monkeypatch.setattr(machine, "_limits", list)
    assert machine.memory() == total


def test_cards_are_those_that_are_visible(two_cards, monkeypatch):
    first, second = machine.cards()
    assert (first.uuid, second.index, second.memory) == ("GPU-aaa", 1, 40960)
    for named, seen in {"1": ["GPU-bbb"], "1,0": ["GPU-bbb", "GPU-aaa"], "GPU-a": ["GPU-aaa"]}.items():
        assert [card.uuid for card in machine._visible([first, second], named)] == seen
    for named in ("", "-1", "7,0"):
        assert machine._visible([first, second], named) == []


def test_without_a_gpu_there_are_no_cards_and_the_profile_limits_none(monkeypatch):
    monkeypatch.setattr(machine, "NVIDIA", Path("/nowhere"))
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    machine.cards.cache_clear()
    assert machine.cards() == ()
    made = yte.process_yaml(PROFILE.read_text(encoding="utf-8"), require_use_yte=True)
    assert made["resources"] == {"mem_mb": machine.memory()}
    machine.take_card()
    assert machine.VISIBLE not in os.environ or not machine._held
    machine.cards.cache_clear()


def test_the_profile_has_as_many_trainings_as_cards(two_cards):
    made = yte.process_yaml(PROFILE.read_text(encoding="utf-8"), require_use_yte=True)
    assert made["resources"] == {"mem_mb": machine.memory(), "card": 2} and made["cores"] == "all"


JOB = """
import json, os, sys, time
from pathlib import Path
from types import SimpleNamespace
from ferflow.runs import machine
from ferflow.steps import run

machine.take_card(lambda line: print(line, flush=True), Path(sys.argv[1]))
print(json.dumps(os.environ.get(machine.VISIBLE)), flush=True)
sys.stdin.read()
"""


def test_each_training_has_a_card_of_its_own_and_the_next_one_waits(two_cards):
    command = [sys.executable, "-c", JOB, str(two_cards / "locks")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    seen = [json.loads(job.stdout.readline()) for job in started]
    assert sorted(seen) == ["GPU-aaa", "GPU-bbb"]
    third = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "waits for a GPU: trainings of another run have all 2" in third.stdout.readline()
    started[1].kill()  # the system lets go of its card
    started[1].wait()
    assert json.loads(third.stdout.readline()) == seen[1]
    for job in (started[0], third):
        job.stdin.close()
        job.wait()


def test_slurm_gives_out_the_cards_itself(two_cards, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    before = time.monotonic()
    machine.take_card(folder=two_cards / "locks")
    assert machine.VISIBLE not in os.environ and time.monotonic() - before < 1


def test_a_gpu_is_known_by_its_own_name():
    names = ["a100", "rtx3090", "t4"]
    assert machine.known_as("NVIDIA GeForce RTX 3090", names) == "rtx3090"
    assert machine.known_as("Tesla T4", names) == "t4"
    assert machine.known_as("Radeon", names) is None


def test_a_job_that_asks_for_a_card_takes_it_before_anything_else(tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(machine, "take_card", lambda say: taken.append("card"))
    monkeypatch.setattr(run, "call", lambda *arguments: taken.append("call"))
    monkeypatch.chdir(tmp_path)
    for resources, expected in ({"card": 1}, ["card", "call"]), ({"mem_mb": 5}, ["call"]):
        job = SimpleNamespace(
            resources=SimpleNamespace(**resources),
            log=["a.log"],
            rule="fold",
            input=Namedlist(),
            output=Namedlist(["out.csv"]),
            wildcards=Namedlist(),
            params=Namedlist(fromdict={"call": "ferflow.nothing:here"}),
            threads=1,
            config={},
        )
        run.execute(job)
        assert taken == expected
        taken.clear()
