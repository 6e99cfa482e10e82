"""Our central system without the hub: every station may connect, every token may charge, everything is recorded.

python -m bench.servers.csms DATABASE_URL
"""

import asyncio
import sys

import uvloop

from csms.backoffice import AcceptAll
from csms.conformance import Conformance
from csms.frame_log import FrameLog
from csms.logbook import Logbook
from csms.masking import Masker
from csms.server import CentralSystem
from hub import schema
from hub.serve import spare_collector
from kit import bus as buses
from kit import log
from kit.clock import SystemClock
from kit.crypto import KeyRing
from kit.tx import Database


async def _main(database_url: str) -> None:
    log.configure("warning", json=True)
    await schema.upgrade(database_url)
    clock = SystemClock()
    db, keys = Database(database_url, clock=clock), KeyRing.generate()
    frames = FrameLog(db, keys, Masker(lambda text: keys.digest("bench", text)[:16]), queue_bytes=2**26)
    conformance = Conformance(db)
    central = CentralSystem(
        db, AcceptAll(), await buses.connect("memory://"), clock=clock, port=0, logbook=Logbook(frames, conformance)
    )
    await central.start()
    spare_collector()
    print(f"ws://127.0.0.1:{central.port}/ocpp", flush=True)
    await asyncio.gather(frames.run(), conformance.run())


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))
