"""An OpenSSH server on this machine alone, with keys of its own, run by an ordinary user."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from debian_packages import PREFIX, libraries, unpack

UNPACKED = PREFIX / "openssh"
UNPRIVILEGED = "nobody"
"""Who runs the server where the tests are run by root."""
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
UsePAM yes
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Server:
    """Where it listens, who may log in with which key, and the folder that is for the remote."""

    user: str
    port: int
    key: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.folder}"


def program() -> str:
    """The server's program: the machine's own, else Debian's, unpacked into a private folder.

    Raises NoPackagesError where there is neither.
    """
    own = shutil.which("sshd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"]))
    if own is not None:
        return own
    unpack(UNPACKED, ["openssh-server"])
    return str(UNPACKED / "usr/sbin/sshd")


@contextmanager
def served(sshd: str) -> Iterator[Server]:
    """The server, for as long as the block runs."""
    root = os.geteuid() == 0
    user = UNPRIVILEGED if root else getpass.getuser()
    with tempfile.TemporaryDirectory(prefix="ferflow-ssh-") as temporary:
        folder = Path(temporary)
        for name in ("host_key", "user_key"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(make, check=True)
        (folder / "remote").mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
        if root:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user)
        if UNPACKED in Path(sshd).parents:  # which may lie where that user cannot read
            shutil.copytree(UNPACKED, folder / "openssh")
            sshd = str(folder / "openssh" / Path(sshd).relative_to(UNPACKED))
        ordinary = {"user": user, "group": "nogroup", "extra_groups": []} if root else {}
        with (folder / "log").open("wb") as log:
            command = [sshd, "-D", "-e", "-f", str(folder / "config")]
            found = os.environ | {"LD_LIBRARY_PATH": libraries(folder / "openssh")}
            process = subprocess.Popen(command, stdout=log, stderr=log, env=found, **ordinary)
        try:
            _wait(process, port, folder / "log")
            yield Server(user, port, folder / "user_key", folder / "remote")
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with socket.socket() as asked:
            asked.settimeout(1)
            if asked.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the SSH server does not answer")
