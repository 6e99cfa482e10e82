"""Our central system without the hub: every station may connect, every token may charge, everything is recorded.

python -m bench.servers.csms DATABASE_URL
"""

import asyncio
import sys

import uvloop

from csms.backoffice import AcceptAll
from csms.server import CentralSystem
from hub import schema
from kit import bus as buses
from kit import log
from kit.clock import SystemClock
from kit.tx import Database


async def _main(database_url: str) -> None:
    log.configure("warning", json=True)
    await schema.upgrade(database_url)
    clock = SystemClock()
    central = CentralSystem(
        Database(database_url, clock=clock), AcceptAll(), await buses.connect("memory://"), clock=clock, port=0
    )
    await central.start()
    print(f"ws://127.0.0.1:{central.port}/ocpp", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
