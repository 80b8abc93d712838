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
from ferflow.report import overhead

HEAD = "SNAKEMAKE\n=========\n  Date: 2026-01-05 10:00:00\nProvided cores: 2\n"


def stamp(second: int) -> str:
    return f"[Mon Jan  5 10:{second // 60:02d}:{second % 60:02d} 2026]\n"


def started(second: int, rule: str, number: int, benchmark: str = "", threads: int = 1) -> str:
    text = f"{stamp(second)}localrule {rule}:\n    input: a, b\n    jobid: {number}\n"
    text += f"    benchmark: {benchmark}\n" if benchmark else ""
    text += f"    threads: {threads}\n" if threads > 1 else ""
    return text + "    resources: tmpdir=/tmp, threads: 9\n"


def finished(second: int, rule: str, number: int) -> str:
    return f"{stamp(second)}Finished jobid: {number} (Rule: {rule})\n1 of 9 steps (9%) done\n"


def benchmark(folder: Path, name: str, seconds: float) -> str:
    path = folder / "benchmarks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t1.0\n")
    return f"benchmarks/{name}"


@pytest.fixture
def folder(tmp_path) -> Path:
    """100 s on two cores: faces for 40 s and 60 s, then a head for 30 s alone, then a table for 4 s."""
    log = (
        HEAD
        + started(0, "faces", 1, benchmark(tmp_path, "one.tsv", 38))
        + started(0, "faces", 2, benchmark(tmp_path, "two.tsv", 58))
        + finished(40, "faces", 1)
        + finished(60, "faces", 2)
        + started(62, "fold", 3, benchmark(tmp_path, "three.tsv", 28))
        + finished(92, "fold", 3)
        + started(92, "table", 4)
        + finished(96, "table", 4)
        + started(96, "all", 0)
        + finished(96, "all", 0)
        + "Elapsed time: 0:01:40.000000\n"
    )
    place = tmp_path / overhead.LOGS
    place.mkdir(parents=True)
    (place / "2026-01-05T100000.000000.snakemake.log").write_text(log)
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
    jobs = [overhead.Job("wide", 0, 10, 2), overhead.Job("narrow", 10, 20)]
    assert overhead.alone(jobs, 2) == {"narrow": 10}
    assert jobs[0].span == 20


def test_threads_are_read_and_failures_counted(tmp_path):
    log = tmp_path / "a.log"
    log.write_text(
        HEAD
        + started(0, "wide", 1, threads=2)
        + finished(10, "wide", 1)
        + started(10, "bad", 2)
        + f"{stamp(12)}Error in rule bad:\n    message: None\n    jobid: 2\n    log: x\n"
    )
    run = overhead.read(log)
    assert [(job.rule, job.cores, job.span) for job in run.jobs] == [("wide", 2, 20)]
    assert (run.failed, run.wall) == (1, 12)  # stopped: the last moment there is


def test_a_benchmark_of_another_run_is_not_taken(folder):
    benchmark(folder, "one.tsv", 300)
    found = overhead.of_folder(folder)
    assert found["jobs_measured"] == 2
    assert found["share_work"] == pytest.approx((38 + 58 + 28 + 2) / 200)


def test_a_report_afterwards_is_no_run(folder):
    (folder / overhead.LOGS / "2026-01-06T100000.000000.snakemake.log").write_text("")
    assert overhead.of_folder(folder)["jobs"] == 4


def test_the_newest_run_of_a_study_is_found(folder):
    other = started(0, "table", 1).replace("    input: a, b\n", "    output: results/other/t.csv, x\n")
    log = folder / overhead.LOGS / "2026-01-07T100000.000000.snakemake.log"
    log.write_text(HEAD + other + finished(8, "table", 1))
    assert overhead.newest(folder).log == log
    assert overhead.newest(folder, "other").studies == {"other"}
    with pytest.raises(InputError, match="no run of study demo that ended a job"):
        overhead.newest(folder, "demo")


def test_the_reports_first_page_says_it(folder):
    text = (Path(__file__).parents[2] / "workflow/report/workflow.rst").read_text()
    config = settings.load(Path(__file__).parents[2] / "params.yaml").model_dump()

    def page(run: dict | None) -> str:
        return jinja2.Template(text).render(snakemake={"config": config | {"last_run": run}})

    assert "4 jobs in 1.7 minutes on 2 cores" in page(overhead.of_folder(folder))
    assert "are 67 % of wall time" in page(overhead.of_folder(folder))
    assert "newest run" not in page(None)


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(InputError, match="holds no log of a run"):
        overhead.of_folder(tmp_path)
    bare = tmp_path / "bare.log"
    bare.write_text(started(0, "a", 1) + finished(1, "a", 1))
    with pytest.raises(InputError, match="number of cores"):
        overhead.read(bare)
    with pytest.raises(InputError, match="cannot be read"):
        overhead.read(tmp_path / "none.log")


def test_the_command_prints_and_writes(folder, tmp_path):
    out = tmp_path / "results/overhead.json"
    done = CliRunner().invoke(app, ["overhead", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "sum of job times / (wall time x cores): 67.0%" in done.output
    assert json.loads(out.read_text())["share_jobs"] == pytest.approx(0.67)
