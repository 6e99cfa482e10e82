"""Fixtures that every test may use.

`database_url` is an empty database and `migrated_database_url` one with the newest schema: of a test's own, SQLite by
default, PostgreSQL with `--db=postgresql`. Each process that runs tests starts a server for itself, because the change
log waits for every open transaction of a server, those of other databases too. To test on a server that runs already,
name it in `PLUGBRIDGE_TEST_DATABASE_URL` and run without `-n`.
"""

import asyncio
import gc
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL, make_url

from bench.postgres import postgres_server
from bench.processes import reserved_port
from hub import schema
from kit import migrate
from tests import once

SERVER_URL = "PLUGBRIDGE_TEST_DATABASE_URL"

# How long an example takes is no finding: the machine may be busy. `make test-slow` takes the thorough profile. Both
# take the same examples each time, so that a run tells of the change and not of luck; `adrift` looks for others.
for name, examples in {"quick": 25, "thorough": 400, "adrift": 400}.items():
    settings.register_profile(
        name,
        max_examples=examples,
        derandomize=name != "adrift",
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")


once.compile_statements()
once.read_routes()
once.miss_sniffio()

# The garbage collector looks at young objects a few hundred at a time, and at the old ones, of which collected tests
# are many, again and again: that took a fifteenth of a run.
gc.set_threshold(20_000, 20, 20)
gc.disable()  # until all is collected, of which nothing is garbage


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--db` chooses the database."""
    default = "postgresql" if os.environ.get(SERVER_URL) else "sqlite"
    parser.addoption("--db", choices=["sqlite", "postgresql"], default=default, help="the database to test on")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each core (`-n auto`): half of the time a test waits for a socket."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a database."""
    for item in items:
        if {"database_url", "migrated_database_url", "module_database_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What is there by now stays: nobody need look whether it is garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Tests run on the loop that the product runs on."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


class Databases(Protocol):
    """Makes databases of one kind."""

    def new(self, directory: Path) -> AbstractContextManager[str]:
        """An empty database, by URL, that is gone when the block is left."""
        ...

    def copy(self, url: str, directory: Path) -> AbstractContextManager[str]:
        """The same with the contents of another one, which nobody uses at the moment."""
        ...


class SqliteDatabases:
    """Files."""

    @contextmanager
    def new(self, directory: Path) -> Iterator[str]:
        """A file that is not there yet."""
        yield f"sqlite:///{directory}/t.db"

    @contextmanager
    def copy(self, url: str, directory: Path) -> Iterator[str]:
        """A copy of the file."""
        shutil.copy(str(make_url(url).database), directory / "t.db")
        yield f"sqlite:///{directory}/t.db"


@dataclass(frozen=True)
class PostgresqlDatabases:
    """Databases of one server."""

    server: URL

    @contextmanager
    def new(self, directory: Path, *, template: str = "template1") -> Iterator[str]:
        """A database with a name of its own. Files are copied: the default way writes every page to the log as well."""
        name = f"t_{uuid4().hex}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'))
        try:
            yield self.server.set(database=name).render_as_string(hide_password=False)
        finally:
            asyncio.run(self._execute(f'DROP DATABASE "{name}" WITH (FORCE)'))

    def copy(self, url: str, directory: Path) -> AbstractContextManager[str]:
        """A copy that the server makes."""
        return self.new(directory, template=str(make_url(url).database))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Where this run's databases come from."""
    if request.config.getoption("--db") == "sqlite":
        yield SqliteDatabases()
    elif SERVER_URL in os.environ:
        yield PostgresqlDatabases(make_url(os.environ[SERVER_URL]))
    else:
        with postgres_server(durable=False) as server:
            yield PostgresqlDatabases(make_url(server.url()))


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    with databases.new(tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the newest schema, there to be copied."""
    with databases.new(tmp_path_factory.mktemp("migrated")) as url:
        migrate.upgrade(url, schema.SCRIPTS)
        yield url


@pytest.fixture
def migrated_database_url(databases: Databases, migrated_template: str, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own with the newest schema: a copy, much faster than migrating."""
    with databases.copy(migrated_template, tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(
    databases: Databases, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The same for the tests of a module together, which leave it as they found it."""
    with databases.copy(migrated_template, tmp_path_factory.mktemp("module")) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql(databases: Databases) -> Iterator[Databases]:
    """Databases of PostgreSQL, whatever the others are."""
    if isinstance(databases, PostgresqlDatabases):
        yield databases
    else:
        with postgres_server(durable=False) as server:
            yield PostgresqlDatabases(make_url(server.url()))


@pytest.fixture
def postgresql_url(postgresql: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own on PostgreSQL."""
    with postgresql.new(tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def start_nats(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], str]]]:
    """Starts real NATS servers: `start_nats()` or `start_nats(port)` gives the process and its URL."""
    started: list[subprocess.Popen[bytes]] = []
    ports = ExitStack()

    def start(port: int | None = None) -> tuple[subprocess.Popen[bytes], str]:
        port = ports.enter_context(reserved_port()) if port is None else port
        directory = tmp_path_factory.mktemp("nats")
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        command: list[str | Path] = [binary, "-a", "127.0.0.1", "-p", str(port), "--ports_file_dir", directory]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        ports_file = directory / f"nats-server_{process.pid}.ports"
        deadline = time.monotonic() + 60
        while not (ports_file.exists() and ports_file.read_text().endswith("}")):
            assert process.poll() is None, "nats-server ended at once"
            assert time.monotonic() < deadline, "nats-server does not come up"
            time.sleep(0.02)
        return process, json.loads(ports_file.read_text())["nats"][0]

    yield start
    for process in started:
        process.terminate()
        process.wait(60)
    ports.close()


@pytest.fixture(scope="session")
def nats_url(start_nats: Callable[..., tuple[subprocess.Popen[bytes], str]]) -> str:
    """The URL of a real NATS server that lives as long as the test run."""
    return start_nats()[1]
