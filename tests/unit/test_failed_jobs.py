"""A line for each job of a cluster that failed: which, why, and where its log is."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from snakemake.jobs import GroupJob, Job
from snakemake.logging import logger

from ferflow.errors import InputError
from ferflow.runs import events
from ferflow.runs.failed_jobs import KILLED, FailedJob, Unmade, failed_jobs, failures, job_name

SAID = "SLURM-job '{number}' failed, SLURM status is: '{status}'. Detailed failure reason unavailable."


class FakeJob(SimpleNamespace):
    """A job of which Snakemake's own methods log what they log of any."""

    message = benchmark = shellcmd = container_img = conda_env = None
    priority, threads, input, log = 0, 1, [], []
    log_info, log_error, get_log_error_info = Job.log_info, Job.log_error, Job.get_log_error_info

    def __init__(self, number: int, rule: str, **wildcards: str) -> None:
        about = SimpleNamespace(name=rule, is_checkpoint=False, is_handover=False)
        deployed = SimpleNamespace(deployment_method=())
        workflow = SimpleNamespace(dryrun=False, is_local=bool, deployment_settings=deployed)
        dag = SimpleNamespace(jobid=lambda job: number, reason=str, workflow=workflow)
        super().__init__(
            jobid=number, rule=about, wildcards_dict=wildcards, dag=dag, resources={}, output=[f"{number}"]
        )


class Cluster:
    """Logs what Snakemake logs of the jobs that it gave to Slurm."""

    def __init__(self, folder) -> None:
        self.folder, self.path = folder, folder / "run.jsonl"
        self.path.write_text('{"event": "run", "time": 0, "study": "demo", "cores": null}\n')
        self.handler = logging.FileHandler(self.path)
        logger.setLevel(logging.INFO)
        events.listen(self.handler)

    def log(self, text: str, number: int, place: str = "rule_fold/lstm_0") -> str:
        """Slurm's log of a job; its absolute path."""
        path = self.folder / "logs/slurm" / place / f"{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def fail(self, job: FakeJob, number: int, status: str, said: str) -> None:
        job.log_info()
        message = SAID.format(number=number, status=status)
        job.log_error(message, aux_logs=[self.log(said, number)], external_jobid=str(number))

    def finish(self, job: FakeJob) -> None:
        logger.info("Finished", extra={"event": "job_finished", "job_id": job.jobid})

    def lines(self) -> list[str]:
        return failed_jobs(events.read(self.path), self.folder)


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    logger.removeHandler(made.handler)
    made.handler.close()


@pytest.fixture
def fold() -> FakeJob:
    return FakeJob(6, "fold", head="lstm", fold="0")


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
def test_a_job_is_named_with_the_reason_and_its_log(cluster, fold, said, status, why):
    cluster.fail(fold, 3, status, said)
    assert cluster.lines() == [f"job fold lstm_0 failed: {why} (log logs/slurm/rule_fold/lstm_0/3.log)"]


def test_the_last_attempt_counts_and_one_that_succeeds_takes_the_failure_back(cluster, fold):
    cluster.fail(fold, 3, "FAILED", "")
    cluster.fail(fold, 4, "TIMEOUT", "DUE TO TIME LIMIT")
    (line,) = cluster.lines()
    assert "out of time" in line and "4.log" in line
    fold.log_info()
    assert cluster.lines() == []
    cluster.finish(fold)
    assert cluster.lines() == []


def test_a_group_is_one_line(cluster):
    jobs = [FakeJob(n, rule, dataset="synth4d") for n, rule in ((1, "faces"), (2, "faces"), (3, "aus"))]
    place = "group_prepare_aus_faces"
    log = cluster.log("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026 ***", 1, place)
    for job in jobs:
        job.log_info(indent=True)
    group = SimpleNamespace(groupid="prepare", jobs=jobs)
    GroupJob.log_error(group, "SLURM-job '1' failed", aux_logs=[log], external_jobid="1")
    assert cluster.lines() == [
        f"job prepare_aus_faces (a group) failed: it was cancelled (log logs/slurm/{place}/1.log)"
    ]
    for job in jobs:
        cluster.finish(job)
    assert cluster.lines() == []


def test_jobs_of_this_machine_have_said_their_own_line(cluster, fold):
    fold.log_info()
    fold.log_error()
    assert cluster.lines() == []


@pytest.mark.parametrize(
    ("logged", "why"),
    [
        ("epoch 1\nerror: epoch 2: the loss is not finite; lower the rate\n",
         "epoch 2: the loss is not finite; lower the rate"),
        ("Traceback\ntorch.OutOfMemoryError: CUDA out of memory. Tried\n", "it exceeded its memory"),
        ("Traceback\n  a line\nValueError: shapes differ\n", "ValueError: shapes differ"),
        ("epoch 1\n", KILLED),
        (None, KILLED),
    ],
)  # fmt: skip
def test_the_reason_of_a_job_of_this_machine_is_in_its_log(cluster, fold, logged, why):
    fold.log = ["logs/fold/lstm-0.log"]
    if logged is not None:
        path = cluster.folder / fold.log[0]
        path.parent.mkdir(parents=True)
        path.write_text(logged)
    fold.log_info()
    fold.log_error()
    ((job, reason),) = failures(events.read(cluster.path), cluster.folder)
    assert (job_name(job), reason) == ("fold lstm 0", why)


def test_what_cannot_be_made_is_told_by_the_job_that_failed(tmp_path):
    jobs = [
        FailedJob("fold lstm 0", "it ran out of time", ["a/0.csv"], ["a/final.csv"]),
        FailedJob("fold lstm 3", "it was cancelled", ["a/3.csv"], ["a/final.csv"]),
    ]
    Unmade(jobs).write(tmp_path / "failed.json")
    unmade = Unmade.read(tmp_path / "failed.json")
    assert unmade and not Unmade.read(tmp_path / "none.json")
    assert "a/0.csv" in unmade and "a/final.csv" in unmade and "a/1.csv" not in unmade
    assert unmade.note(["a/1.csv", "a/0.csv"]) == "failed: it ran out of time (fold lstm 0)"
    assert unmade.note(["a/0.csv", "a/3.csv"]) == "failed: it ran out of time (fold lstm 0 and 1 more)"
    assert unmade.note(["a/final.csv"]) == "not run: fold lstm 3 failed"
    assert unmade.note(["a/1.csv"]) == ""
    (tmp_path / "failed.json").write_text("{")
    with pytest.raises(InputError, match="no list of failed jobs"):
        Unmade.read(tmp_path / "failed.json")
