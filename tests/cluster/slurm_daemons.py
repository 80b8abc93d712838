"""A real Slurm on this one machine: a controller and two node daemons, for as long as they are needed.

    python tests/cluster/slurm_daemons.py sinfo                     # any command, run with the cluster up
    python tests/cluster/slurm_daemons.py bash                      # a shell that sees it

The commands are on the PATH of what it starts, and of nothing else.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from debian_packages import LOADER, NoPackagesError, libraries, unpack
from debian_packages import PREFIX as PACKAGES

PREFIX = PACKAGES / "slurm"
WANTED = ("slurmctld", "slurmd", "slurm-client", "munge")
COMMANDS = (
    "sbatch", "srun", "scancel", "scontrol", "sinfo", "squeue",
    # Without accounting these say only that there is none; the plugin waits for ever where they are missing.
    "sacct", "sacctmgr", "sshare",
)  # fmt: skip
NODES = ("n1", "n2")
MARK = "FERFLOW_TEST_CLUSTER"
"""In the environment of a node's daemons: whose they are."""
PATIENCE = 20
"""Seconds for a daemon to answer."""
MUNGE = {
    "key-file": "key",
    "socket": "socket",
    "pid-file": "pid",
    "log-file": "log",
    "seed-file": "seed",
}
CONFIGURATION = """\
ClusterName=ferflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={state}/munge.socket,cred_expire=10
PluginDir={plugins}
StateSaveLocation={state}/controller
SlurmctldPidFile={state}/slurmctld.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdPidFile={state}/%n.pid
SlurmdLogFile={state}/%n.log
SlurmdSpoolDir={state}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=300
KillWait=2
SlurmdTimeout=8
SlurmctldTimeout=30
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{node_ports}] CPUs=1 RealMemory=64000
PartitionName=test Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """The running cluster: a context manager, whose end leaves no process and no command on a PATH."""

    def __init__(self, prefix: Path = PREFIX) -> None:
        self.prefix = prefix
        self.programs = prefix / "usr/sbin"
        # Short, since the path of a socket may not exceed a hundred characters.
        self.state = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.commands = self.state / "bin"
        self.configuration = self.state / "slurm.conf"
        self.daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> Cluster:
        """Start the daemons; NoPackagesError, and nothing left behind, where they cannot be had."""
        try:
            unpack_slurm(self.prefix)
            self._configure()
            write_commands(self.prefix, self.commands, self.configuration)
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """The environment in which Slurm's commands are found."""
        return os.environ | {"PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}"}

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def states(self) -> dict[str, str]:
        """Node and its state in one word, such as idle, mixed, down*."""
        return dict(line.split() for line in self.ask("sinfo", "-N", "-h", "-o", "%N %t").splitlines())

    def jobs(self) -> list[dict[str, str]]:
        """All jobs that the controller remembers, in the order of their submission."""
        names = ("id", "state", "node", "memory", "comment")
        lines = self.ask("squeue", "-h", "-t", "all", "-o", "%i|%T|%N|%m|%k").splitlines()
        jobs = [dict(zip(names, line.split("|"), strict=True)) for line in lines]
        return sorted(jobs, key=lambda job: int(job["id"]))

    def start_node(self, name: str) -> None:
        self._start("slurmd", name, "-D", "-N", name, "-d", str(self.programs / "slurmstepd"))
        self._wait(lambda: self.states()[name] in ("idle", "mix", "alloc"), f"node {name}")

    def kill_node(self, name: str) -> None:
        """What a power cut does: the daemon, its step daemons and the jobs under them are gone at once."""
        doomed = [
            process for step in self._marked(name) for process in (step, *step.children(recursive=True))
        ]
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.daemons.pop(name).wait()

    def stop(self) -> None:
        """Stop the daemons and all jobs, and take the commands away."""
        for name in NODES:
            if name in self.daemons:
                self.kill_node(name)
        for process in self.daemons.values():
            process.kill()
            process.wait()
        self.daemons.clear()
        shutil.rmtree(self.state, ignore_errors=True)

    def _marked(self, node: str) -> list[psutil.Process]:
        """The daemon of a node and its step daemons, which leave its family but keep its environment."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == f"{self.state}/{node}":
                    found.append(process)
        return found

    def _configure(self) -> None:
        controller, *nodes = _free_ports(1 + len(NODES))
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            user=getpass.getuser(),
            state=self.state,
            plugins=self.prefix / "usr/lib/x86_64-linux-gnu/slurm-wlm",
            controller_port=controller,
            node_ports=",".join(map(str, nodes)),
        )
        self.configuration.write_text(text, encoding="utf-8")
        (self.state / "controller").mkdir()
        key = self.state / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def _start_all(self) -> None:
        own = [f"--{name}={self.state}/munge.{end}" for name, end in MUNGE.items()]
        self._start("munged", "munged", "--foreground", "--force", *own)
        self._wait((self.state / "munge.socket").exists, "munged")
        self._start("slurmctld", "slurmctld", "-D")
        self._wait(lambda: "UP" in self.ask("scontrol", "ping"), "slurmctld")
        for name in NODES:
            self.start_node(name)

    def _start(self, program: str, name: str, *arguments: str) -> None:
        environment = os.environ | {
            "LD_LIBRARY_PATH": libraries(self.prefix),
            "SLURM_CONF": str(self.configuration),
            MARK: f"{self.state}/{name}",
        }
        with (self.state / f"{name}.out").open("ab") as out:
            self.daemons[name] = subprocess.Popen(
                # Should this process be killed, the daemons go with it.
                ["setpriv", "--pdeathsig", "KILL", str(self.programs / program), *arguments],
                env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def _wait(self, ready: Callable[[], bool], name: str) -> None:
        """Wait until a daemon answers; NoPackagesError with the end of its log if it does not."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(subprocess.SubprocessError, KeyError):
                if ready():
                    return
            time.sleep(0.2)
        logs = [self.state / f"{name.split()[-1]}.{end}" for end in ("log", "out")]
        said = [
            line for log in logs if log.is_file() for line in log.read_text("utf-8", "replace").splitlines()
        ]
        raise NoPackagesError(f"{name} does not answer: {' / '.join(said[-3:]) or 'it says nothing'}")


def unpack_slurm(prefix: Path) -> None:
    """Unpack Slurm and munge into `prefix`, once. Raises NoPackagesError where they cannot be had."""
    unpack(prefix, WANTED)
    # Debian's alternatives would do this. The names matter: a daemon knows by its own what it is.
    for program in (prefix / "usr/sbin").glob("*-wlm"):
        named = program.with_name(program.name.removesuffix("-wlm"))
        if not named.is_symlink():
            named.symlink_to(program.name)


def write_commands(prefix: Path, folder: Path, configuration: Path) -> None:
    """Write Slurm's commands into `folder` as small scripts that know their libraries and configuration.

    The commands themselves lean on /etc/slurm/slurm.conf: a job step of the Slurm plugin drops the
    variable SLURM_CONF. The scripts set it again, so that nothing is written outside `prefix`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in COMMANDS:
        script = folder / name
        script.write_text(
            "#!/bin/sh\n"
            f"SLURM_CONF='{configuration}' exec {LOADER} --library-path '{libraries(prefix)}' "
            f"--argv0 {name} '{prefix / 'usr/bin' / name}' \"$@\"\n",
            encoding="utf-8",
        )
        script.chmod(0o755)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def stop_when_terminated() -> None:
    """Have SIGTERM end this process as Ctrl-C does, through the ends of its context managers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main(command: list[str]) -> int:
    """Run a command with the cluster up; its exit code, or 2 where no Slurm can be had."""
    stop_when_terminated()
    try:
        with Cluster().start() as cluster:
            return subprocess.run(command, env=cluster.environment(), check=False).returncode
    except NoPackagesError as error:
        print(f"no Slurm: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["sinfo"]))
