"""Files appear whole or not at all, on a full disk too."""

import errno
import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ferflow import files
from ferflow.errors import FerflowError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(ValueError, match="oops"), files.atomic_write(target) as partial:
        partial.write_text("half")
        raise ValueError("oops")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert target.read_text() == "old"


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    target = tmp_path / "a.csv"
    script = f"import os\nfrom ferflow import files\nwith files.atomic_write({str(target)!r}) as p:\n"
    script += "    p.write_text('half')\n    os.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", script], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with files.atomic_write(target) as partial:
        partial.write_text("living")
        with files.atomic_write(tmp_path / "b.csv") as other:
            other.write_text("b")
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted([partial.name, "b.csv"])
    (tmp_path / "b.csv").unlink()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def half_written(target, process):
    partial = target.with_name(f".{target.stem}.{socket.gethostname()}-{process}.part{target.suffix}")
    partial.write_text("half")
    return partial


def test_what_a_process_left_that_nobody_has_reaped_is_removed(tmp_path):
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not asked for yet
    partial = half_written(tmp_path / "a.csv", zombie.pid)
    files.write_text(tmp_path / "a.csv", "whole")
    zombie.wait()
    assert not partial.exists()


def test_what_a_process_left_whose_number_is_another_s_by_now_is_removed(tmp_path):
    theirs = half_written(tmp_path / "a.csv", os.getppid())
    files.write_text(tmp_path / "a.csv", "whole")
    assert theirs.exists()
    os.utime(theirs, (0, 0))  # older than the process that has the number
    files.write_text(tmp_path / "a.csv", "whole")
    assert not theirs.exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("Can't synchronously write data (file write failed: errno = 28, error message = '')"),
        RuntimeError("Unspecified error in H5Fclose: No space left on device"),
    ],
)
def test_a_full_disk_is_one_line_however_the_library_says_it(tmp_path, error):
    full = pytest.raises(FerflowError, match=r"a\.h5: the disk is full; free some space")
    with full, files.atomic_write(tmp_path / "a.h5"):
        raise error
    assert not list(tmp_path.iterdir())


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def write_array(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.random.default_rng(1).integers(0, 255, 1 << 20, dtype=np.uint8)


def write_model(path):
    import torch

    torch.save({"a": torch.rand(1 << 18)}, path)


@pytest.mark.parametrize("write", [lambda path: path.write_bytes(bytes(1 << 20)), write_array, write_model])
def test_a_really_full_disk(small_disk, write):
    with (
        pytest.raises(FerflowError, match="the disk is full"),
        files.atomic_write(small_disk / "a.bin") as partial,
    ):
        write(partial)
    assert not list(small_disk.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(FerflowError, match="cannot be written"),
        files.atomic_write(tmp_path / "a") as partial,
    ):
        partial.write_text("a")
