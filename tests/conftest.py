"""Fixtures that every test may use.

`database_url` is an empty database and `migrated_database_url` one with the newest schema: of a test's own, SQLite by
default, PostgreSQL with `--db=postgresql`. One server then serves the whole run: the one that
`PLUGBRIDGE_TEST_DATABASE_URL` names, or one that is started here.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from bench.postgres import postgres_server
from hub import schema
from kit import migrate

SERVER_URL = "PLUGBRIDGE_TEST_DATABASE_URL"
_running = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--db` chooses the database."""
    default = "postgresql" if os.environ.get(SERVER_URL) else "sqlite"
    parser.addoption("--db", choices=["sqlite", "postgresql"], default=default, help="the database to test on")


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL before the workers of pytest-xdist are, so that they inherit its address."""
    config.stash[_running] = ExitStack()
    if config.getoption("--db") == "postgresql" and not os.environ.get(SERVER_URL):
        server = config.stash[_running].enter_context(postgres_server(durable=False))
        os.environ[SERVER_URL] = server.url()
        config.stash[_running].callback(os.environ.pop, SERVER_URL)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    config.stash[_running].close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a database."""
    for item in items:
        if {"database_url", "migrated_database_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Tests run on asyncio: it is the loop that the product runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def on_postgresql(request: pytest.FixtureRequest) -> bool:
    """Whether this run is about PostgreSQL."""
    return bool(request.config.getoption("--db") == "postgresql")


@pytest.fixture
def database_url(on_postgresql: bool, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    if not on_postgresql:
        yield f"sqlite:///{tmp_path}/t.db"
        return
    with _postgresql_database(template="template1") as url:
        yield url


@pytest.fixture(scope="session")
def _migrated_template(on_postgresql: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the newest schema, to be copied: its file, or its name on the server."""
    if not on_postgresql:
        path = tmp_path_factory.mktemp("migrated") / "t.db"
        migrate.upgrade(f"sqlite:///{path}", schema.SCRIPTS)
        yield str(path)
        return
    with _postgresql_database(template="template1") as url:
        migrate.upgrade(url, schema.SCRIPTS)
        yield str(make_url(url).database)


@pytest.fixture
def migrated_database_url(on_postgresql: bool, _migrated_template: str, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own with the newest schema: a copy, much faster than migrating."""
    if not on_postgresql:
        shutil.copy(_migrated_template, tmp_path / "t.db")
        yield f"sqlite:///{tmp_path}/t.db"
        return
    with _postgresql_database(template=_migrated_template) as url:
        yield url


@contextmanager
def _postgresql_database(*, template: str) -> Iterator[str]:
    server = make_url(os.environ[SERVER_URL])
    name = f"t_{uuid4().hex}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server.render_as_string(hide_password=False))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(run(f'DROP DATABASE "{name}" WITH (FORCE)'))


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
