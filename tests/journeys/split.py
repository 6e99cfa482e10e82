"""One hub in several processes: the stations' sockets are in one, the operator and the partners at another."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.processes import reserved_port
from simulators.station import SimulatedStation
from tests.journeys.network import Network
from tests.journeys.process import HubProcess


@dataclass(frozen=True)
class Split:
    """`front` has the APIs and OCPI, `back` has the stations and does the work."""

    front: HubProcess
    back: HubProcess
    stack: AsyncExitStack

    @property
    def http_url(self) -> str:
        """Where the APIs are."""
        return self.front.http_url

    @property
    def ocpp_url(self) -> str:
        """Where stations connect."""
        return self.back.ocpp_url

    async def another(self, name: str, roles: str, *, ocpp_url: str = "") -> HubProcess:
        """One more process; `ocpp_url` gives it the port that a dead one had."""
        made = _process(self.back, name, roles)
        made.ocpp_url = ocpp_url
        return await _started(made, self.stack)

    def at(self, where: HubProcess, station: SimulatedStation) -> SimulatedStation:
        """The same station once more, for the door of another process."""
        twin = replace(station, url=where.ocpp_url, finished=[], received=[], answers={}, _tasks=set())
        self.stack.push_async_callback(twin.close)
        return twin


@asynccontextmanager
async def split_hub(directory: Path, database_url: str, bus_url: str) -> AsyncIterator[Network[Split]]:
    """The network of a hub of two processes, started side by side, that are up when the block is entered."""
    async with AsyncExitStack() as stack:
        http_url = f"http://localhost:{stack.enter_context(reserved_port())}"
        shared = {"bus_url": bus_url, "keys_file": str(directory / "keys"), "public_url": http_url}
        common = HubProcess(directory / "common", database_url, shared)
        front, back = _process(common, "front", "api,ocpi"), _process(common, "back", "csms,worker")
        front.http_url = http_url
        await asyncio.gather(_started(front, stack), _started(back, stack))
        headers = {"Authorization": f"Bearer {await front.operator_key()}"}
        api = httpx.AsyncClient(
            base_url=f"{front.http_url}/api/operator/v1", headers=headers, trust_env=False, timeout=30
        )
        await stack.enter_async_context(api)
        yield Network(Split(front, back, stack), api, stack)


@asynccontextmanager
async def one_door(*hubs: HubProcess) -> AsyncIterator[str]:
    """One URL for the stations of several processes: who connects is passed on to the first that listens."""

    async def let_in(reader: StreamReader, writer: StreamWriter) -> None:
        for hub in hubs:
            try:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", urlsplit(hub.ocpp_url).port)
            except OSError:
                continue
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
            return
        writer.close()

    server = await asyncio.start_server(let_in, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
    finally:
        server.close()


async def _pass_on(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
    writer.close()


def _process(like: HubProcess, name: str, roles: str) -> HubProcess:
    """A process with the settings of another one, its own roles and its own log."""
    directory = like.directory.with_name(name)
    directory.mkdir()
    return HubProcess(directory, like.database_url, {**like.settings, "roles": roles})


async def _started(hub: HubProcess, stack: AsyncExitStack) -> HubProcess:
    stack.push_async_callback(hub.kill)
    await hub.start()
    return hub
