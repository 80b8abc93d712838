"""A real Slurm for the tests of this folder, and the study as this machine alone runs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_study import PREDICTIONS, TRAINED, Run, checkout
from slurm_daemons import Cluster, stop_when_terminated

from debian_packages import NoPackagesError


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A controller and two nodes; what needs it is skipped, with the reason, where no Slurm can be had."""
    stop_when_terminated()
    try:
        running = Cluster().start()
    except NoPackagesError as error:
        pytest.skip(f"no Slurm here: {error}")
    with running:
        yield running


@pytest.fixture(scope="session")
def with_weights(tmp_path_factory, weights_folder) -> Path:
    """A checkout with the study's settings, and nothing but the pretrained files in its data."""
    folder = tmp_path_factory.mktemp("empty") / "checkout"
    checkout(folder)
    shutil.copytree(weights_folder, folder / "data/weights", ignore=shutil.ignore_patterns("*.whl"))
    return folder


@pytest.fixture(scope="session")
def local(cluster, tmp_path_factory, with_weights) -> Run:
    """The finished study, run by this machine alone."""
    folder = tmp_path_factory.mktemp("alone") / "local"
    shutil.copytree(with_weights, folder)
    run = Run(folder)
    code, said = run.finish()
    assert code == 0, said
    return run


@pytest.fixture
def untrained(tmp_path, cluster, local) -> Run:
    """The study in a folder of its own, all done but the head's training, which is the cluster's."""
    folder = tmp_path / "run"
    shutil.copytree(local.folder, folder)
    shutil.rmtree(folder / TRAINED)
    shutil.rmtree(folder / "logs")
    (folder / PREDICTIONS).unlink()
    return Run(folder, cluster)
