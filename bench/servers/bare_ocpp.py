"""The ceiling of a central system: `websockets` and `orjson`, every call answered with a constant, nothing stored."""

import asyncio

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_NOW = "2026-03-01T12:00:00Z"
_ANSWERS = {
    "BootNotification": {"status": "Accepted", "currentTime": _NOW, "interval": 300},
    "StatusNotification": {},
    "StartTransaction": {"transactionId": 1, "idTagInfo": {"status": "Accepted"}},
    "MeterValues": {},
    "Heartbeat": {"currentTime": _NOW},
    "StopTransaction": {},
    "TransactionEvent": {},
}


async def _answer(socket: ServerConnection) -> None:
    try:
        while True:
            _, call_id, action, _ = orjson.loads(await socket.recv(decode=False))
            await socket.send(orjson.dumps([3, call_id, _ANSWERS[action]]), text=True)
    except ConnectionClosed:
        pass


async def _main() -> None:
    protocols = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]
    async with serve(_answer, "127.0.0.1", 0, subprotocols=protocols, compression=None) as listener:
        print(f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/ocpp", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main())
