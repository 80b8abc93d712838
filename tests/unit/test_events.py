"""The events of a run as Snakemake logs them, written to a file and read from it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ferflow.errors import InputError
from ferflow.runs import events

SNAKEFILE = """
from ferflow.runs import events

onstart:
    events.record(workflow, "mine")

rule all:
    input: "results/0.csv", "results/1.csv"

rule table:
    output: "results/{n}.csv"
    benchmark: "benchmarks/{n}.tsv"
    group: "report"
    threads: 2
    resources: mem_mb=300, runtime=7, gpu_mb=40
    shell: "test {wildcards.n} = 0 && sleep 0.3 && touch {output}"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two jobs, one of which fails, without our profile and with nothing on display."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "Snakefile").write_text(SNAKEFILE)
    called = [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", "--quiet", "all"]
    assert subprocess.run(called, cwd=folder, capture_output=True).returncode == 1
    (found,) = events.runs(folder)
    return found


def test_a_run_is_told_by_its_events_whatever_it_displays(run):
    assert (run.study, run.cores) == ("mine", 2)
    done, failed = sorted(run.jobs, key=lambda job: job.outputs)
    assert run.ended == (done,)
    assert (done.rule, done.wildcards, done.threads, done.memory) == ("table", {"n": "0"}, 2, 300)
    assert (done.minutes, done.gpu_mb) == (7, 40)
    assert (done.benchmark, done.outputs) == ("benchmarks/0.tsv", ["results/0.csv"])
    assert 0.3 < done.seconds < run.wall and done.failure is None
    assert failed.end is None and failed.failure.number is None  # it was no job of a cluster


def test_a_killed_run_may_leave_half_a_line(run, tmp_path):
    path = tmp_path / "killed.jsonl"
    path.write_text(run.path.read_text() + '{"event": "job_fini')
    assert events.read(path).jobs == run.jobs


def test_what_is_no_record_of_a_run_is_one_line(tmp_path):
    with pytest.raises(InputError, match="holds no record of a run"):
        events.runs(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        events.read(tmp_path / "none.jsonl")
    for text in ("", "Building DAG of jobs...\n", "{}\n", "[]\n"):
        (tmp_path / "a.log").write_text(text)
        with pytest.raises(InputError, match="is no record of a run"):
            events.read(tmp_path / "a.log")
