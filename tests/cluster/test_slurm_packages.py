"""Why no Slurm can be had, in one line, and nothing left behind."""

from __future__ import annotations

import pytest
from slurm_daemons import unpack_slurm

import debian_packages
from debian_packages import NoPackagesError

pytestmark = pytest.mark.cluster


def test_a_machine_without_apt(tmp_path, monkeypatch):
    monkeypatch.setattr(debian_packages.shutil, "which", lambda name: None)
    with pytest.raises(NoPackagesError, match="no apt-get: slurmctld is taken from Debian's packages"):
        unpack_slurm(tmp_path / "prefix")
    assert not (tmp_path / "prefix").exists()


def test_a_package_index_that_does_not_answer(tmp_path, monkeypatch):
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "apt-get").write_text("#!/bin/sh\necho 'E: Unable to locate package slurmd' >&2\nexit 100\n")
    (commands / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    with pytest.raises(NoPackagesError, match="`apt-get update` failed: E: Unable to locate package slurmd"):
        unpack_slurm(tmp_path / "prefix")
    assert not (tmp_path / "prefix" / debian_packages.UNPACKED).exists()
