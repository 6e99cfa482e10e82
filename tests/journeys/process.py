"""Hubs as real processes, that can be killed and started again."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from auth.keys import create_key
from auth.subjects import OperatorRole
from bench.processes import reserved_port, tied
from kit.clock import SystemClock
from kit.crypto import KeyRing
from kit.tx import Database
from tests.journeys.network import Network, operator_api

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 90.0


@dataclass
class HubProcess:
    """`plugbridge serve` with a database, a key file and a log in `directory`. Started again, it keeps its ports."""

    directory: Path
    database_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings by their names in lower case."""
    http_url: str = ""
    ocpp_url: str = ""
    _process: Process | None = None

    async def start(self) -> None:
        """Start and wait until it listens. Fails with the end of its log."""
        command = [sys.executable, "-m", "hub.cli", "serve", "--json"]
        with (self.directory / "hub.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tied(command, signal="KILL"), cwd=ROOT, env=self._environment(), stdout=PIPE, stderr=log
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await self._process.stdout.readline()
        assert line, f"the hub did not start:\n{self.log()[-3000:]}"
        up = json.loads(line)
        self.http_url, self.ocpp_url = up["http_url"], up["ocpp_url"] or ""

    async def kill(self) -> None:
        """End it at once, as a crash or the kernel does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """End it politely; its exit code."""
        return await self._end(signal.SIGTERM)

    def log(self) -> str:
        """What it has logged so far, in all its lives."""
        return (self.directory / "hub.log").read_text()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def operator_key(self) -> str:
        """A new key for its operator API."""
        db = Database(self.database_url, clock=SystemClock())
        try:
            async with db.tx() as tx:
                keys = KeyRing.load_or_create(Path(self._environment()["PLUGBRIDGE_KEYS_FILE"]))
                return await create_key(tx, keys, name="test", role=OperatorRole.ADMIN)
        finally:
            await db.close()

    async def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(how)
        await self._process.communicate()
        code = self._process.returncode
        assert code is not None
        return code

    def _environment(self) -> dict[str, str]:
        settings = {
            "database_url": self.database_url,
            "keys_file": str(self.directory / "keys"),
            "http_port": str(urlsplit(self.http_url).port or 0),
            "ocpp_port": str(urlsplit(self.ocpp_url).port or 0),
            "egress_private_networks": "127.0.0.0/8,::1/128",
            "session_update_interval_s": "0.3",
            "authorize_deadline_s": "30",
            "command_timeout_s": "30",
            **self.settings,
        }
        ours = {f"PLUGBRIDGE_{name.upper()}": value for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PLUGBRIDGE_")}
        return kept | ours


@asynccontextmanager
async def hub_process(directory: Path, database_url: str, **settings: str) -> AsyncIterator[HubProcess]:
    """A hub process that is up when the block is entered, and ended when it is left."""
    with reserved_port() as http, reserved_port() as ocpp:
        hub = HubProcess(directory, database_url, settings, f"http://localhost:{http}", f"ws://localhost:{ocpp}/ocpp")
        try:
            await hub.start()
            yield hub
        finally:
            await hub.kill()


@asynccontextmanager
async def network_of(hub: HubProcess) -> AsyncIterator[Network[HubProcess]]:
    """Whoever takes part in the network of a hub process, with a key to its operator API."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(operator_api(hub.http_url, await hub.operator_key()))
        yield Network(hub, api, stack)
