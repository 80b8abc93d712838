"""How much of a run was work, on a made-up working folder."""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import pytest
from typer.testing import CliRunner

from ferflow import settings
from ferflow.apps.cli import app
from ferflow.errors import InputError
from ferflow.planning.jobs import past
from ferflow.runs import events, overhead
from ferflow.runs.events import Job


def started(
    second: float, rule: str, number: int, benchmark: str | None = None, threads: int = 1, outputs=("a.csv",)
) -> dict:
    about = {"rule": rule, "benchmark": benchmark, "threads": threads, "outputs": outputs}
    return {"event": "job_info", "time": second, "jobs": [number], "job": about}


def finished(second: float, number: int) -> dict:
    return {"event": "job_finished", "time": second, "jobs": [number]}


def failed(second: float, number: int) -> dict:
    about = {"number": None, "message": "", "log": None, "group": False}
    return {"event": "job_error", "time": second, "jobs": [number], "failure": about}


def written(folder: Path, day: int, *lines: dict, study: str = "demo", cores: int | None = 2) -> Path:
    """The record of a run that began at second 0."""
    path = folder / events.FOLDER / f"2026-01-{day:02d}T100000.000000.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    first = {"event": "run", "time": 0, "study": study, "cores": cores}
    path.write_text("".join(json.dumps(line) + "\n" for line in (first, *lines)))
    return path


def benchmark(folder: Path, name: str, seconds: float) -> str:
    path = folder / "benchmarks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t1.0\n")
    return f"benchmarks/{name}"


@pytest.fixture
def folder(tmp_path) -> Path:
    """100 s on two cores: faces for 40 s and 60 s, then a head for 30 s alone, then a table for 4 s."""
    written(
        tmp_path,
        5,
        started(0, "faces", 1, benchmark(tmp_path, "one.tsv", 38)),
        started(0, "faces", 2, benchmark(tmp_path, "two.tsv", 58)),
        finished(40, 1),
        finished(60, 2),
        started(62, "fold", 3, benchmark(tmp_path, "three.tsv", 28)),
        finished(92, 3),
        started(92, "table", 4),
        finished(96, 4),
        started(96, "all", 0, outputs=()),
        finished(100, 0),
    )
    return tmp_path


def test_shares_of_wall_time_times_cores(folder):
    found = overhead.of_folder(folder)
    assert (found["wall"], found["cores"], found["jobs"], found["jobs_measured"]) == (100, 2, 4, 3)
    assert found["share_jobs"] == pytest.approx((40 + 60 + 30 + 4) / 200)
    # What lies around a script is 2 s (median), also of the table, which has no benchmark.
    assert found["start_of_a_job"] == pytest.approx(2)
    assert found["share_work"] == pytest.approx((38 + 58 + 28 + 2) / 200)
    assert found["share_work"] + found["share_starts"] + found["share_idle"] == pytest.approx(1)


def test_it_says_beside_what_cores_lay_idle(folder):
    found = overhead.of_folder(folder)
    assert found["alone"] == pytest.approx({"fold": 0.15, "faces": 0.1, "table": 0.02})
    assert list(found["alone"]) == ["fold", "faces", "table"]
    assert list(found["rules"]) == ["faces", "fold", "table"]
    assert found["rules"]["faces"] == {"jobs": 2, "seconds": 96}
    text = "\n".join(overhead.lines(found))
    assert "67.0%" in text and "fold 15.0%, faces 10.0%" in text


def test_a_job_on_two_cores_counts_twice():
    jobs = [Job("wide", threads=2, start=0, end=10), Job("narrow", start=10, end=20)]
    assert overhead.alone(jobs, 2) == {"narrow": 10}


def test_threads_are_read_and_failures_counted(tmp_path):
    wide = started(0, "wide", 1, threads=2), finished(10, 1)
    found = overhead.of_folder(tmp_path, written(tmp_path, 5, *wide, started(10, "bad", 2), failed(12, 2)))
    assert (found["jobs"], found["jobs_failed"]) == (1, 1)
    # Stopped: the last moment there is.
    assert (found["wall"], found["share_jobs"]) == (12, pytest.approx(20 / 24))


def test_a_benchmark_of_another_run_is_not_taken(folder):
    benchmark(folder, "one.tsv", 300)
    found = overhead.of_folder(folder)
    assert found["jobs_measured"] == 2
    assert found["share_work"] == pytest.approx((38 + 58 + 28 + 2) / 200)


def test_a_run_that_ended_no_job_is_none(folder):
    written(folder, 6, started(0, "table", 1))
    assert overhead.of_folder(folder)["jobs"] == 4


def test_the_newest_run_of_a_study_is_found(folder):
    path = written(folder, 7, started(0, "table", 1), finished(8, 1), study="other")
    assert overhead.newest(folder).path == path
    assert overhead.newest(folder, "other").path == path
    assert overhead.newest(folder, "demo").path != path
    with pytest.raises(InputError, match="no run of study mine that ended a job"):
        overhead.newest(folder, "mine")


def test_the_newest_run_of_a_job_tells_of_it_and_has_its_benchmark(tmp_path):
    first = started(0, "fold", 1, "fold.tsv"), finished(9, 1)
    written(tmp_path, 5, *first, study="other")
    written(tmp_path, 6, *first, started(9, "table", 2, outputs=["b.csv"]), finished(10, 2))
    # Another study's job has written over the same benchmark file.
    written(tmp_path, 7, started(0, "fold", 1, "fold.tsv", outputs=["c.csv"]), finished(8, 1), study="third")
    # On a cluster a job waits, which only a benchmark file leaves out.
    written(tmp_path, 8, started(0, "late", 3), finished(900, 3), cores=None)
    found = [(study, job.rule, job.seconds, job.benchmark) for study, job in past(tmp_path)]
    assert found == [("third", "fold", 8, "fold.tsv"), ("demo", "fold", 9, None), ("demo", "table", 1, None)]


def test_the_reports_first_page_says_it(folder):
    text = (Path(__file__).parents[2] / "workflow/report/workflow.rst").read_text()
    config = settings.load(Path(__file__).parents[2] / "params.yaml").model_dump()

    def page(run: dict | None) -> str:
        return jinja2.Template(text).render(snakemake={"config": config | {"last_run": run}})

    assert "4 jobs in 1.7 minutes on 2 cores" in page(overhead.of_folder(folder))
    assert "are 67 % of wall time" in page(overhead.of_folder(folder))
    assert "newest run" not in page(None)


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(InputError, match="holds no record of a run"):
        overhead.of_folder(tmp_path)
    cluster = written(tmp_path, 5, started(0, "a", 1), finished(1, 1), cores=None)
    with pytest.raises(InputError, match="number of cores"):
        overhead.of_folder(tmp_path, cluster)
    with pytest.raises(InputError, match="names no job that ended"):
        overhead.of_folder(tmp_path, written(tmp_path, 6))


def test_the_command_prints_and_writes(folder, tmp_path):
    out = tmp_path / "results/overhead.json"
    done = CliRunner().invoke(app, ["overhead", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "sum of job times / (wall time x cores): 67.0%" in done.output
    assert json.loads(out.read_text())["share_jobs"] == pytest.approx(0.67)
