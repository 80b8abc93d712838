"""The plan of a study: what Snakemake lists, how each rule grows, and earlier runs' figures put to use.

`recorded_jobs.csv` has the benchmark files of two real runs on one machine: the demo, and the tests' tiny
study, which has other clips, epochs and networks.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from ferflow.errors import InputError
from ferflow.planning.plan import plan
from ferflow.planning.rates import Measured, Rates, measured
from ferflow.runs.events import Job, benchmark
from ferflow.steps import sizes
from ferflow.steps import work as works
from ferflow.steps.work import Sizes, Work


def recorded(run: str) -> list[Measured]:
    with Path(__file__).with_name("recorded_jobs.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == run]
    return [
        Measured(
            row["rule"],
            Work(row["per"], float(row["amount"]), row["variant"]),
            float(row["cpu"]),
            float(row["wall"]),
            float(row["memory"]),
            0.0,
        )
        for row in rows
    ]


def reckoned(rates: Rates, of: list[Measured]) -> dict[str, tuple[float, float]]:
    """Of each rule the processor seconds that `of` took and those that are planned."""
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for job in of:
        rate = rates.of(job.rule, job.work)
        if rate is not None:
            found[job.rule][0] += job.cpu
            found[job.rule][1] += rate.seconds(job.work.amount)
    return {rule: (took, planned) for rule, (took, planned) in found.items()}


@pytest.mark.parametrize("run", ["demo", "tiny"])
def test_one_half_of_a_recorded_run_foretells_the_other_within_a_factor_of_two(run):
    alike = defaultdict(list)
    for job in recorded(run):
        alike[job.rule, job.work.variant].append(job)
    first = [job for same in alike.values() for job in same[::2]]
    second = [job for same in alike.values() for job in same[1::2]]
    found = reckoned(Rates(first), second)
    assert {"synth4d", "faces", "aus", "features", "fold", "end_to_end_fold"} <= set(found)
    for rule, (took, planned) in found.items():
        assert 0.5 < planned / took < 2, rule


def test_another_study_is_foretold_within_a_factor_of_two():
    found = reckoned(Rates(recorded("demo")), recorded("tiny"))
    took, planned = (sum(one[side] for one in found.values()) for side in (0, 1))
    assert 0.5 < planned / took < 2
    for rule in ("synth4d", "faces", "features", "fold", "end_to_end_fold", "final", "other_splits_fold"):
        assert 0.5 < found[rule][1] / found[rule][0] < 2, rule


def test_a_run_too_small_to_tell_its_work_from_its_start_says_so():
    rates = Rates(recorded("tiny"))
    lstm = next(job.work for job in recorded("tiny") if job.rule == "fold")
    assert rates.of("fold", lstm).loose
    assert not Rates([Measured("fold", lstm, cpu, cpu, 500, 0) for cpu in (5, 60, 62)]).of("fold", lstm).loose


@pytest.mark.parametrize(
    ("rule", "wildcards", "per", "amount"),
    [
        ("faces", {"subject": "F001"}, works.FRAME, 300),
        ("aus", {"subject": "M001"}, works.FRAME, 600),
        ("features", {"subject": "F001"}, works.VERSION, 300 * (1 + 9)),
        ("trim", {}, works.CLIP, 18),
        # 18 clips in ten versions, without one of five folds; in 40 epochs and in at most 60 more
        ("fold", {"head": "lstm", "fold": "0"}, works.STEP, 18 * 10 * 0.8 * 100),
        ("final", {"head": "lstm"}, works.STEP, 18 * 10 * 60),
        ("other_splits_fold", {"head": "lstm", "fold": "1"}, works.STEP, 18 * 10 * 0.8 * 40),
        ("render_tables", {}, works.CONSTANT, 1),
        ("details", {}, works.CONSTANT, 1),
    ],
)
def test_how_each_rule_grows(small_settings, rule, wildcards, per, amount):
    own = {"augmentations": 9}
    settings = small_settings(
        {
            "temporal": {"heads": {"lstm": own, "bilstm": own, "cnn1d": own}, "epochs": 40},
            "finalize": {"max_epochs": 60},
            "splits": {"folds": 5},
        }
    )
    size = Sizes({"F001": (6, 300), "M001": (12, 600)})
    work = sizes.of_job(rule, wildcards, settings, size)
    assert (work.per, round(work.amount)) == (per, round(amount))


def test_a_thousand_times_the_data_is_a_thousand_times_the_jobs_or_the_work(small_settings):
    settings, size = small_settings(), Sizes({"F001": (6, 300)})
    fold = sizes.of_job("fold", {"head": "lstm"}, settings, size)
    rates = Rates(
        [
            Measured("faces", Work(works.FRAME, 300), 11.0, 11.0, 200, 3e6),
            Measured("aus", Work(works.FRAME, 300), 1.0, 1.0, 100, 3e4),
            Measured("fold", fold, 10.0, 10.0, 500, 1e5),
            Measured("fold", Work(fold.per, 2 * fold.amount, fold.variant), 20.0, 20.0, 500, 1e5),
        ]
    )
    listed = [
        Job("faces", {"subject": "F001"}, memory=1000),
        Job("fold", {"head": "lstm", "fold": "0"}),
        Job("published_comparison"),
    ]
    once = {row.rule: row for row in plan(listed, settings, size, rates)}
    often = {row.rule: row for row in plan(listed, settings, size, rates, times=1000)}
    assert (once["faces"].jobs, often["faces"].jobs) == (1, 1000)
    assert often["faces"].seconds == pytest.approx(1000 * once["faces"].seconds) == pytest.approx(11_000)
    assert often["faces"].longest == once["faces"].longest and often["faces"].bytes == pytest.approx(3e9)
    assert (once["fold"].jobs, often["fold"].jobs) == (1, 1)
    rate = rates.of("fold", fold)
    more = often["fold"].seconds - once["fold"].seconds
    assert more == pytest.approx(999 * rate.each * fold.amount) and rate.each > 0
    assert often["fold"].bytes == once["fold"].bytes == pytest.approx(1e5)
    assert (
        often["published_comparison"].seconds == once["published_comparison"].seconds
        and "assumed" in once["published_comparison"].remark
    )
    assert once["faces"].grows == "a job a subject, per frame" and once["faces"].requested == 1000


def test_a_step_is_measured_where_no_run_tells_of_the_network(small_settings):
    settings, size = small_settings(), Sizes({"F001": (6, 300)})
    rates = Rates([Measured("faces", Work(works.FRAME, 300), 10.0, 10.0, 200, 0)])
    listed = [Job("final", {"head": "lstm"})]
    (unknown,) = plan(listed, settings, size, rates)
    assert unknown.seconds == 0 and "not counted" in unknown.remark
    asked = []

    def step(rule: str, name: str):
        asked.append((rule, name))
        return 0.01, "cuda"

    (known,) = plan(listed, settings, size, rates, step=step)
    work = sizes.of_job("final", {"head": "lstm"}, settings, size)
    assert known.seconds == pytest.approx(0.01 * work.amount) == known.gpu
    assert asked == [("final", "lstm")] and known.remark == "a step measured now"


def test_a_benchmark_file_without_a_sample_counts_its_wall_time(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("s\th:m:s\tmax_rss\tcpu_time\n2.5\t0:00:02\t120.5\tNA\n")
    assert benchmark(path) == (2.5, 2.5, 120.5)
    path.write_text("s\th:m:s\tmax_rss\tcpu_time\n2.5\t0:00:02\t120.5\t1.25\n")
    assert benchmark(path) == (1.25, 2.5, 120.5)
    assert benchmark(tmp_path / "gone.tsv") == (None, None, None)


def test_a_folder_without_runs_is_one_line(tmp_path):
    with pytest.raises(InputError, match="holds no record of a run"):
        measured(tmp_path)
