"""`ferflow doctor --slurm`, with stand-ins for Slurm's commands on the PATH."""

from __future__ import annotations

import io
import stat
import sys

import pytest
from rich.console import Console

from ferflow.apps import doctor_slurm
from ferflow.apps.doctor_slurm import Profile

CONFIGURATION = "AccountingStorageType   = accounting_storage/none\nMinJobAge               = 300 sec\n"
# Runs the script at once, as a node would.
SBATCH = """\
for word in "$@"; do case $word in --output=*) out=${word#--output=} ;; esac; done
echo "$@" > "$0.said"
sh > "$out" 2>&1
echo 7
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A cluster without accounting, of one partition; `slurm(name, script)` changes a command."""
    commands = tmp_path / "commands"
    commands.mkdir()

    def command(name: str, script: str | None) -> None:
        path = commands / name
        path.unlink(missing_ok=True)
        if script is not None:
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    command.folder = commands
    command("sinfo", 'case "$1" in --version) echo slurm 22.05.8 ;; *) echo "test*|up|2|(null)" ;; esac')
    command("squeue", 'case "$1" in -h) echo COMPLETED None ;; esac')
    command("scontrol", f"cat <<'END'\n{CONFIGURATION}END")
    command("sbatch", SBATCH)
    for name in ("scancel", "srun", "sshare"):
        command(name, "exit 0")
    for name in ("sacct", "sacctmgr"):
        command(name, "echo accounting storage is disabled >&2; exit 1")
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    monkeypatch.setattr(doctor_slurm, "SHOWN_AFTER", 0)
    return command


def said(folder, **asked):
    console = Console(file=io.StringIO(), width=250)
    code = doctor_slurm.run(folder, Profile(**asked), 20, console)
    return code, console.file.getvalue()


def test_a_cluster_in_order(slurm, tmp_path):
    code, text = said(tmp_path)
    assert code == 0, text
    assert "seen from node" in text and f"in {sys.executable}" in text
    assert text.splitlines()[-5:] == [
        "  account: null",
        "  partition: null",
        "  gres: null",
        "  gpu: null",
        "  status: squeue",
    ]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".doctor")]


def test_no_slurm_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_slurm.shutil, "which", lambda name: None)
    code, text = said(tmp_path)
    assert code == 1 and "no Slurm on the PATH" in text


def test_a_missing_command_for_which_the_plugin_would_wait(slurm, tmp_path):
    slurm("sacct", None)
    code, text = said(tmp_path)
    assert code == 1 and "missing: sacct; the Slurm plugin waits for ever without" in text


def test_no_controller_is_the_stall_of_ten_seconds(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor_slurm, "SLURM_PATIENCE", 0.2)
    slurm("squeue", "exec sleep 20")
    code, text = said(tmp_path)
    assert code == 1 and "waits ten seconds" in text and "Not in order: controller." in text


def test_accounts_and_partitions_are_named_for_the_profile(slurm, tmp_path):
    slurm("sacctmgr", "echo physics")
    slurm("sinfo", "printf 'short|down|2|(null)\\nlong|up|2|gpu:a100:4\\n'")
    code, text = said(tmp_path)
    assert code == 0, text
    assert "  account: physics\n  partition: long\n" in text and "try --gres gpu:1" in text
    given = (slurm.folder / "sbatch.said").read_text()
    assert "--account=physics" in given and "--partition=long" in given
    code, text = said(tmp_path, partition="short")
    assert code == 1 and "short is not among those that are up: long" in text
    code, text = said(tmp_path, account="chemistry")
    assert code == 1 and "chemistry is not yours: physics" in text


def test_an_account_where_none_are_kept_is_refused(slurm, tmp_path):
    code, text = said(tmp_path, account="physics")
    assert code == 1 and "the cluster knows no account physics" in text


@pytest.mark.parametrize(("kept", "status"), [("none", None), ("slurmdbd", "sacct")])
def test_a_controller_that_soon_forgets_ended_jobs_needs_accounting(slurm, tmp_path, kept, status):
    forgets = CONFIGURATION.replace("300", "10").replace("/none", f"/{kept}")
    slurm("scontrol", f"cat <<'END'\n{forgets}END")
    code, text = said(tmp_path)
    if status is None:
        assert code == 1 and "squeue forgets ended jobs after 10 s" in text
    else:
        assert code == 0 and f"  status: {status}" in text


def test_a_refused_trial_job_says_why(slurm, tmp_path):
    slurm("sbatch", "echo 'sbatch: error: Invalid generic resource (gres) specification' >&2; exit 1")
    code, text = said(tmp_path, gres="gpu:1")
    assert code == 1 and "Invalid generic resource" in text


def test_a_node_that_does_not_see_the_folder(slurm, tmp_path):
    slurm("sbatch", "cat > /dev/null; echo 7")
    code, text = said(tmp_path)
    assert code == 1 and "Not in order: shared folder." in text


def test_a_node_without_this_python(slurm, tmp_path):
    slurm("sbatch", SBATCH.replace("sh >", f"sed 's#{sys.executable}#/nowhere/python#' | sh >"))
    code, text = said(tmp_path)
    assert code == 1 and "Not in order: Python on a node." in text and "/nowhere/python" in text


def test_a_gpu_is_looked_for_if_asked(slurm, tmp_path):
    slurm("sbatch", SBATCH.replace("sh >", "sed 's#.*torch.*#echo gpu NVIDIA H200#' | sh >"))
    code, text = said(tmp_path, gres="gpu:1")
    assert code == 0 and "NVIDIA H200" in text and "  gres: gpu:1\n  gpu: h200\n" in text
    slurm("sbatch", SBATCH.replace("sh >", "sed 's#.*torch.*#echo gpu none#' | sh >"))
    code, text = said(tmp_path, gres="gpu:1")
    assert code == 1 and "torch sees none" in text


def test_a_job_that_does_not_start_is_cancelled_and_no_failure(slurm, tmp_path):
    slurm("sbatch", "cat > /dev/null; echo 7")
    slurm("squeue", 'case "$1" in -h) echo PENDING Resources ;; esac')
    slurm("scancel", 'echo "$1" > "$0.said"')
    console = Console(file=io.StringIO(), width=250)
    code = doctor_slurm.run(tmp_path, Profile(), 1, console)
    assert code == 0 and "still waits after 1 s: PENDING Resources" in console.file.getvalue()
    assert (slurm.folder / "scancel.said").read_text() == "7\n"
