"""A study on a real Slurm: the same predictions as on one machine, also when jobs and nodes die."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys

import pytest
from cluster_study import PREDICTIONS, Run

pytestmark = pytest.mark.cluster
FIRST_FOLD = "rule_fold_wildcards_lstm_0"


def attempts(cluster, first: int, comment: str) -> list[dict[str, str]]:
    """The Slurm jobs of a comment since job number `first`."""
    return [job for job in cluster.jobs() if int(job["id"]) > first and comment in job["comment"]]


@pytest.fixture
def before(cluster) -> int:
    """The number of the newest job before the test."""
    return max((int(job["id"]) for job in cluster.jobs()), default=0)


@pytest.mark.full
def test_the_doctor_sees_the_nodes(cluster, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ferflow.apps.cli", "doctor", "--slurm", "--wait", "200"],
        cwd=tmp_path, env=cluster.environment() | {"COLUMNS": "250"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"seen from node \w+", done.stdout) and f"in {sys.executable}" in done.stdout
    assert done.stdout.endswith("  account: null\n  partition: null\n  gres: null\n  status: squeue\n")


def test_the_predictions_are_those_of_one_machine(cluster, local, with_weights, tmp_path):
    shutil.copytree(with_weights, tmp_path / "run")
    run = Run(tmp_path / "run", cluster)
    code, said = run.finish()
    assert code == 0, said
    assert run.predictions == local.predictions
    jobs = [job for job in cluster.jobs() if job["comment"].startswith("rule_")]
    assert {job["node"] for job in jobs} == {"n1", "n2"}
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    # 34 of the workflow, of which the 18 of the faces and the 6 of the features share two Slurm jobs each,
    # and the 3 that list and split the clips one.
    assert len(jobs) == 12


@pytest.mark.full
def test_a_cancelled_job_is_tried_again_with_twice_the_memory(cluster, local, untrained, before):
    process = untrained.start()
    job = untrained.until(lambda: untrained.working(FIRST_FOLD))
    cluster.ask("scancel", job["id"])
    code, said = untrained.end(process)
    assert code == 0, said
    assert untrained.predictions == local.predictions
    first, second = attempts(cluster, before, FIRST_FOLD)
    assert (first["state"], second["state"]) == ("CANCELLED", "COMPLETED")
    assert (first["memory"], second["memory"]) == ("3000M", "6000M")


@pytest.mark.full
def test_the_jobs_of_a_dead_node_run_on_the_other(cluster, local, untrained, before):
    process = untrained.start()
    job = untrained.until(lambda: untrained.working(FIRST_FOLD))
    cluster.kill_node(job["node"])
    try:
        code, said = untrained.end(process)
    finally:
        cluster.start_node(job["node"])
    assert code == 0, said
    assert untrained.predictions == local.predictions
    last = attempts(cluster, before, FIRST_FOLD)[-1]
    assert last["state"] == "COMPLETED" and last["node"] != job["node"]


@pytest.mark.full
def test_a_job_that_exceeds_its_memory_is_named_and_a_second_call_completes(
    cluster, local, untrained, before
):
    code, said = untrained.finish("--set-resources", "fold:mem_mb=200")
    assert code != 0
    assert len(attempts(cluster, before, FIRST_FOLD)) == 2
    assert re.search(r"^ferflow: error: job fold", said, re.M), said
    (line,) = re.findall(r"^ferflow: error: job fold lstm_0 failed: .*$", said, re.M)
    assert "it exceeded its memory" in line
    assert "Traceback" not in said
    log = untrained.folder / re.search(r"logs/slurm/\S+\.log", line)[0]
    assert "exceeded memory limit" in log.read_text(encoding="utf-8")
    assert not (untrained.folder / PREDICTIONS).exists()

    code, said = untrained.finish()
    assert code == 0, said
    assert untrained.predictions == local.predictions


@pytest.mark.full
def test_what_does_not_hang_on_a_job_that_failed_is_made_without_it(cluster, local, untrained):
    c3d = "end_to_end={run: [c3d], c3d: {frames: 8, size: 16, filters: [4], dense: [8]}, epochs: 2}"
    code, said = untrained.finish("--set-resources", "end_to_end_fold:mem_mb=200", "--config", c3d)
    assert code != 0
    last = said.splitlines()[-1]
    assert re.match(r"ferflow: error: failed: end_to_end_fold c3d \d \(it exceeded its memory", last), said
    assert "tables and figures are made without it" in last
    assert untrained.predictions == local.predictions  # those of the head


@pytest.mark.full
def test_an_interrupted_run_repeats_only_the_interrupted_jobs(cluster, local, untrained, before):
    process = untrained.start("--jobs", "1")
    untrained.until(lambda: untrained.working("rule_fold_wildcards_lstm_1"))
    process.send_signal(signal.SIGINT)
    code, said = untrained.end(process)
    assert code != 0, said
    done = {job["comment"] for job in attempts(cluster, before, "") if job["state"] == "COMPLETED"}
    between = max(int(job["id"]) for job in cluster.jobs())

    code, said = untrained.finish()
    assert code == 0, said
    assert untrained.predictions == local.predictions
    again = {job["comment"] for job in attempts(cluster, between, "")}
    assert not done & again
