"""The ceiling of a list page: Starlette under uvicorn, answering with the same prebuilt bytes every time.

python -m bench.servers.bare_page FILE
"""

import socket
import sys
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _main(page: bytes) -> None:
    async def answer(_: Request) -> Response:
        return Response(page, media_type="application/json")

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/page", answer)])
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/page", flush=True)  # who connects now waits in the backlog
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([listener])


if __name__ == "__main__":
    uvloop.run(_main(Path(sys.argv[1]).read_bytes()))
