"""The ceiling of a relay: Starlette under uvicorn sends each request on with aiohttp and gives the answer back.

python -m bench.servers.bare_relay TARGET
"""

import socket
import sys

import aiohttp
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _main(target: str) -> None:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200))

    async def relay(request: Request) -> Response:
        body = await request.body()
        headers = {"Authorization": "Token abc", "Content-Type": "application/json"}
        url = f"{target}{request.url.path}"
        async with session.request(request.method, url, data=body or None, headers=headers) as answer:
            return Response(await answer.read(), answer.status, media_type="application/json")

    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    app = Starlette(routes=[Route("/{path:path}", relay, methods=["GET", "POST"])])
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([listener])
    await session.close()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
