"""What a connection costs: measured at a central system in a process of its own."""

import asyncio
import json
import sys
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CONNECTIONS, MOST_BYTES = 600, 40_000


@pytest.mark.parametrize(
    ("protocol", "compression"), [("ocpp1.6", None), ("ocpp2.0.1", None), ("ocpp2.0.1", "deflate")]
)
async def test_a_connection_takes_no_more_than_40_kb(tmp_path: Path, protocol: str, compression: str | None) -> None:
    """After a first message, with TCP buffers left aside, which belong to the kernel."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.servers.csms", f"sqlite:///{tmp_path}/csms.db", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = (await asyncio.wait_for(server.stdout.readline(), 60)).decode().strip()
        process = psutil.Process(server.pid)

        async def open_some(first: int, count: int) -> list:
            sockets = []
            for number in range(first, first + count):
                socket = await connect(
                    f"{url}/CP{number}", subprotocols=[Subprotocol(protocol)], compression=compression, proxy=None
                )
                assert ("permessage-deflate" in str(socket.response.headers)) is (compression is not None)
                await socket.send(json.dumps([2, "1", "Heartbeat", {}]))
                await socket.recv()
                sockets.append(socket)
            return sockets

        sockets = await open_some(0, 100)
        await asyncio.sleep(1)
        before = process.memory_info().rss
        sockets += await open_some(100, CONNECTIONS)
        await asyncio.sleep(1)
        each = (process.memory_info().rss - before) / CONNECTIONS
        print(f"{protocol} {compression}: {each:.0f} bytes a connection")
        assert each < MOST_BYTES
        await asyncio.gather(*(socket.close() for socket in sockets))
    finally:
        server.terminate()
        await server.wait()
