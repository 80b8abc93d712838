"""A line for each job of a cluster that failed: which, why, and where its log is."""

from __future__ import annotations

import pytest

from ferflow.report.failed_jobs import failed_jobs

# As the Slurm plugin and Snakemake write it into .snakemake/log; with `quiet: rules` the status is left out.
SUBMITTED = "Job {job} has been submitted with SLURM jobid {number} (log: {log}).\n"
FAILED = (
    SUBMITTED
    + """\
[Sun Nov 22 23:48:40 2026]
Error in rule fold:
    message: SLURM-job '{number}' failed, SLURM status is: '{status}'. Detailed failure reason unavailable.
    jobid: {job}
    log: logs/fold/lstm-0.log, {log} (check log file(s) for error details)
"""
)


@pytest.fixture
def slurm_log(tmp_path):
    """Writes a log of Slurm's; its absolute path."""

    def write(text: str, number: int = 3, place: str = "rule_fold/lstm_0") -> str:
        path = tmp_path / "logs/slurm" / place / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def lines(text, folder):
    return [str(job) for job in failed_jobs(text, folder)]


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ("slurmstepd: error: StepId=1.0 exceeded memory limit (323375104 > 104857600), being killed",
         "FAILED", "it exceeded its memory (323 of 104 MB)"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=1.0",
         "OUT_OF_MEMORY", "it exceeded its memory"),
        ("", "OUT_OF_MEMORY", "it exceeded its memory"),
        ("slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-22T23:48:40 DUE TO TIME LIMIT ***",
         "TIMEOUT", "it ran out of time"),
        ("slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-22T23:48:40 ***",
         "CANCELLED", "it was cancelled"),
        ("", "NODE_FAIL", "its node failed"),
        ("ferflow: error: a.h5: is no HDF5 file; delete it (rule fold, log logs/fold/lstm-0.log)",
         "FAILED", "a.h5: is no HDF5 file; delete it"),
        ("what no one knows", "FAILED", "Slurm says FAILED"),
    ],
)  # fmt: skip
def test_a_job_is_named_with_the_reason_and_its_log(slurm_log, tmp_path, said, status, why):
    text = FAILED.format(job=6, number=3, status=status, log=slurm_log(said))
    assert lines(text, tmp_path) == [f"job fold lstm_0 failed: {why} (log logs/slurm/rule_fold/lstm_0/3.log)"]


def test_the_last_attempt_counts_and_one_that_succeeds_takes_the_failure_back(slurm_log, tmp_path):
    first = FAILED.format(job=6, number=3, status="FAILED", log=slurm_log("", 3))
    second = FAILED.format(job=6, number=4, status="TIMEOUT", log=slurm_log("DUE TO TIME LIMIT", 4))
    (line,) = lines(first + second, tmp_path)
    assert "out of time" in line and "4.log" in line
    assert lines(first + "[Sun Nov 22 23:50:00 2026]\nFinished jobid: 6 (Rule: fold)\n", tmp_path) == []


def test_a_quiet_run_names_what_its_logs_tell(slurm_log, tmp_path):
    killed = slurm_log("slurmstepd: error: StepId=4.0 exceeded memory limit (400000000 > 200000000)", 4)
    text = SUBMITTED.format(job=6, number=3, log=slurm_log("", 3)) + "Trying to restart job 6.\n"
    text += SUBMITTED.format(job=6, number=4, log=killed)
    done = slurm_log("1 of 1 steps (100%) done", 5, "rule_fold/lstm_1")
    text += SUBMITTED.format(job=7, number=5, log=done)
    (line,) = lines(text, tmp_path)
    assert line.startswith("job fold lstm_0 failed: it exceeded its memory (400 of 200 MB) (log ")
    assert line.endswith("rule_fold/lstm_0/4.log)")


def test_a_group_is_one_line(slurm_log, tmp_path):
    place = "group_prepare_aus_faces_synth4d"
    log = slurm_log("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026 ***", 1, place)
    assert lines(SUBMITTED.format(job="9f-1", number=1, log=log), tmp_path) == [
        f"job prepare_aus_faces_synth4d (a group) failed: it was cancelled (log logs/slurm/{place}/1.log)"
    ]


def test_jobs_of_this_machine_have_said_their_own_line(tmp_path):
    text = (
        "[now]\nError in rule faces:\n    message: None\n    jobid: 8\n    log: logs/faces/F002.log (check)\n"
    )
    assert lines(text, tmp_path) == []
