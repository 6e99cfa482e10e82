"""A partner's server as small as can be: it takes a registration, and answers every other request with constant bytes.

It stands in for the other side of the network, so its CPU time is nobody's. `/told` counts the PUTs.
"""

import socket

import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

ANSWER = b'{"data":{"result":"ACCEPTED","timeout":30},"status_code":1000,"timestamp":"2026-03-01T12:00:00Z"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
MODULES = ("commands", "locations", "tokens")


def _details(url: str) -> bytes:
    named = [("credentials", "SENDER"), *((module, "RECEIVER") for module in MODULES)]
    endpoints = [{"identifier": name, "role": role, "url": f"{url}/{role.lower()}/{name}"} for name, role in named]
    return _told({"version": "2.2.1", "endpoints": endpoints})


def _told(data: object) -> bytes:
    return orjson.dumps({"data": data, "status_code": 1000, "timestamp": "2026-03-01T12:00:00Z"})


async def _main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    versions = orjson.dumps(
        {
            "data": [{"version": "2.2.1", "url": f"{url}/details"}],
            "status_code": 1000,
            "timestamp": "2026-03-01T12:00:00Z",
        }
    )
    answers = {"/versions": versions, "/details": _details(url)}

    told = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal told
        while (await receive()).get("more_body"):
            pass
        told += scope["method"] == "PUT"
        body = b"%d" % told if scope["path"] == "/told" else answers.get(scope["path"])
        headers = _HEADERS
        if body is not None:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body or ANSWER})

    print(url, flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([listener])


if __name__ == "__main__":
    uvloop.run(_main())
