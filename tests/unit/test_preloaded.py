"""Jobs in forks of one process: as apart from one another as those that Snakemake starts itself."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

import preloaded

SNAKEFILE = """
rule second:
    input: "first.txt"
    output: "second.txt"
    threads: 2
    script: "second.py"

rule first:
    output: "first.txt"
    benchmark: "first.tsv"
    script: "first.py"
"""
FIRST = """
import os, random, signal, sys
from pathlib import Path
import numpy as np
import torch
Path(snakemake.output[0]).touch()
os.environ["LEFT"] = "behind"
os.chdir("/")
np.random.seed(1), random.seed(1), torch.manual_seed(1), torch.set_num_threads(1)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout = open(os.devnull, "w")
sys.path.insert(0, "left behind")
sys.exit(0)
"""
SECOND = """
import os, signal, sys
from pathlib import Path
import numpy as np
import torch
assert "LEFT" not in os.environ and "left behind" not in sys.path
assert torch.initial_seed() != 1 and np.random.get_state()[1][0] != 1
assert (torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]) == (2, "2")
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
print("second says so")
Path(snakemake.output[0]).touch()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "first.py").write_text(FIRST)
    (tmp_path / "second.py").write_text(SECOND)
    return tmp_path


def run(folder: Path, *more: str, timeout: float = 60) -> subprocess.CompletedProcess:
    called = "--cores", "2", "--profile", "none", *more
    return preloaded.snakemake(*called, folder=folder, timeout=timeout)


def test_a_job_leaves_nothing_behind_for_the_next(folder):
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "second says so" in done.stdout
    assert (folder / "first.tsv").read_text().startswith("s\th:m:s")
    assert run(folder, "--dry-run").returncode == 0


@pytest.mark.parametrize("end", ["raise ValueError('wrong')", "sys.exit('wrong')", "os.kill(os.getpid(), 9)"])
def test_a_job_that_ends_badly_fails(folder, end):
    (folder / "second.py").write_text(f"import os, sys\n{end}\n")
    done = run(folder)
    assert done.returncode == 1 and "Error in rule second" in done.stderr
    assert ("wrong" in done.stderr) == ("wrong" in end)
    assert not (folder / "second.txt").exists()


def test_what_takes_too_long_is_ended_with_its_jobs(folder):
    (folder / "first.py").write_text(
        "import os, time\nfrom pathlib import Path\n"
        "Path('sleeping').write_text(str(os.getpid()))\ntime.sleep(600)\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        run(folder, timeout=5)
    sleeping, end = Path("/proc", (folder / "sleeping").read_text()), time.monotonic() + 20
    while sleeping.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not sleeping.exists()


def test_a_command_says_what_it_says_in_a_shell(tmp_path):
    done = preloaded.python("ferflow.apps.cli", "check", "gone.yaml", folder=tmp_path)
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1
