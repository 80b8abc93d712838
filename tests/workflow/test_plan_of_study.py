"""The plan of the tiny study against what that study really took, by its own benchmark files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from running import REPOSITORY, TINY

import preloaded
from ferflow import settings
from ferflow.planning import jobs
from ferflow.planning.plan import plan
from ferflow.planning.rates import Rates, measured
from ferflow.runs.events import Job
from ferflow.steps import sizes

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def listed(finished) -> list[Job]:
    return jobs.planned(finished, [TINY], True, REPOSITORY / "Snakefile")


def test_the_jobs_of_every_rule_are_those_that_ran(finished, listed):
    ran = Counter(job.rule for _, job in jobs.past(finished))
    there = {"weights"}  # were put there by the tests
    assert Counter(job.rule for job in listed if job.rule not in there) == ran
    assert ran["faces"] == 6 and ran["fold"] == 6 and ran["render_tables"] == 1
    assert jobs.planned(finished, [TINY], False, REPOSITORY / "Snakefile") == []


def test_half_of_the_run_foretells_the_whole_within_a_factor_of_two(finished, listed):
    """Processor seconds of the rules that have benchmark files; how busy the machine was plays no part."""
    benchmarked = [job for job in measured(finished) if job.memory > 0]
    alike = defaultdict(list)
    for job in benchmarked:
        alike[job.rule, job.work.variant].append(job)
    half = [job for same in alike.values() for job in same[::2]]
    study = settings.load(REPOSITORY / "params.yaml", TINY)
    rows = plan(listed, study, sizes.of_study(study, finished), Rates(half))
    known = {job.rule for job in half}
    took, planned = sum(job.cpu for job in benchmarked), sum(row.seconds for row in rows if row.rule in known)
    assert {"synth4d", "faces", "features", "fold", "end_to_end_fold", "final", "nested_inner"} <= known
    assert 0.5 < planned / took < 2
    # What the study left on the disk is known to the byte: half of the subjects tell of the others.
    frames = next(row for row in rows if row.rule == "faces")
    real = sum(path.stat().st_size for path in (finished / "data/interim/synth4d/faces").glob("*.h5"))
    assert 0.5 < frames.bytes / real < 2
    assert 0 < max(row.memory for row in rows) < 3000


def test_the_command_plans_the_data_a_thousand_times_over(finished):
    def said(*more: str) -> str:
        command = "ferflow.apps.cli", "estimate", "--on", "cpu", REPOSITORY / "params.yaml", TINY
        done = preloaded.python(*command, *more, folder=finished)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "nothing is left to run" in said("--left")
    often = said("--times", "1000")
    assert "6,000 subjects, 36,000 clips" in often
    assert re.search(r"^faces +6,000 .* a job a subject, per frame$", often, re.M)
    assert re.search(r"^manifest +1 .* per clip$", often, re.M)
    assert re.search(r"^details +1 .* constant$", often, re.M)
    assert re.search(r"CPU hours, [\d.,]+ GB of files, at most [\d,]+ MB a job$", often, re.M)


def test_a_study_without_its_data_is_one_line(finished, tmp_path):
    study = tmp_path / "mine.yaml"
    study.write_text("dataset: {name: bu4dfe, root: nowhere}\n")
    command = "ferflow.apps.cli", "estimate", REPOSITORY / "params.yaml", study
    done = preloaded.python(*command, folder=finished)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(r"ferflow: error: .*nowhere: is not a folder.*\n", done.stderr)
    assert not (Path(finished) / "nowhere").exists()
