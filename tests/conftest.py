"""Fixtures that every test may use."""

import json
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests run on asyncio: it is the loop that the product runs on."""
    return "asyncio"


@pytest.fixture
def database_url(tmp_path: "Path") -> str:
    return f"sqlite:///{tmp_path}/t.db"


@pytest.fixture(scope="session")
def start_nats(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], str]]]:
    """Starts real NATS servers: `start_nats()` or `start_nats(port)` gives the process and its URL."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int = -1) -> tuple[subprocess.Popen[bytes], str]:
        directory = tmp_path_factory.mktemp("nats")
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        command = [binary, "-a", "127.0.0.1", "-p", str(port), "--ports_file_dir", directory]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        ports_file = directory / f"nats-server_{process.pid}.ports"
        deadline = time.monotonic() + 20
        while not (ports_file.exists() and ports_file.read_text().endswith("}")):
            assert process.poll() is None, "nats-server ended at once"
            assert time.monotonic() < deadline, "nats-server does not come up"
            time.sleep(0.02)
        return process, json.loads(ports_file.read_text())["nats"][0]

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def nats_url(start_nats: Callable[..., tuple[subprocess.Popen[bytes], str]]) -> str:
    """The URL of a real NATS server that lives as long as the test run."""
    return start_nats()[1]
