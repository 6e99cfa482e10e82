"""The ceiling of delivery: an aiohttp session that sends the same body to one URL, so often as it is told.

python -m bench.servers.bare_sender TARGET BODY_FILE
"""

import asyncio
import socket
import sys
from pathlib import Path

import aiohttp
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

AT_ONCE = 100


async def _main(target: str, body: bytes) -> None:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200))
    headers = {"Authorization": "Token abc", "Content-Type": "application/json"}

    async def one() -> None:
        async with session.put(target, data=body, headers=headers) as answer:
            await answer.read()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(int(scope["query_string"]) // AT_ONCE):
            await asyncio.gather(*(one() for _ in range(AT_ONCE)))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([listener])
    await session.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], Path(sys.argv[2]).read_bytes()))
