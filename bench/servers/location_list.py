"""A partner's list of locations as ready pages of a hundred, whatever limit is asked for."""

import socket
import sys
from urllib.parse import parse_qs

import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

PAGE = 100
STAMP = "2026-01-01T00:00:00Z"


def _location(number: int) -> dict[str, object]:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 400,
        "max_amperage": 32,
        "last_updated": STAMP,
    }
    evse = {"uid": f"E{number}", "status": "AVAILABLE", "connectors": [connector], "last_updated": STAMP}
    return {
        "country_code": "BE",
        "party_id": "CPO",
        "id": f"L{number}",
        "publish": True,
        "name": f"Canal Street {number}",
        "address": f"Canal Street {number}",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.04759", "longitude": "3.72979"},
        "time_zone": "Europe/Brussels",
        "evses": [evse],
        "last_updated": STAMP,
    }


async def _main(count: int) -> None:
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/locations"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        query = parse_qs(scope["query_string"].decode())
        offset = int(query.get("offset", ["0"])[0])
        items = [] if "date_from" in query else [_location(n) for n in range(offset, min(offset + PAGE, count))]
        body = orjson.dumps({"data": items, "status_code": 1000, "timestamp": STAMP})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(b"x-total-count", b"%d" % count), (b"x-limit", b"%d" % PAGE)]
        if offset + PAGE < count:
            headers.append((b"link", f'<{url}?offset={offset + PAGE}&limit={PAGE}>; rel="next"'.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    print(url, flush=True)
    config = uvicorn.Config(app, log_config=None, access_log=False)
    await uvicorn.Server(config)._serve(sockets=[listener])


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
