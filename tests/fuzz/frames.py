"""OCPP frames to be damaged, and a charger that sends anything and remembers what was answered."""

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.dialect import DIALECTS
from tests.fuzz import mutations
from tests.fuzz.samples import sample

Json = dict[str, Any]

T = "2026-05-01T10:00:00Z"
CARD = "04AABBCCDD"
_METER_16 = [{"timestamp": T, "sampledValue": [{"value": "1500", "unit": "Wh", "phase": "L1"}, {"value": "11.5"}]}]
_METER_2 = [{"timestamp": T, "sampledValue": [{"value": 1.5, "unitOfMeasure": {"unit": "kWh", "multiplier": 0}}]}]
_EVENT = {
    "eventType": "Started",
    "timestamp": T,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T-1", "chargingState": "Charging", "remoteStartId": 5},
    "evse": {"id": 1, "connectorId": 1},
    "idToken": {"idToken": CARD, "type": "ISO14443"},
    "meterValue": _METER_2,
}
REQUESTS: dict[str, list[tuple[str, Json]]] = {
    "ocpp1.6": [
        ("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1"}),
        ("Heartbeat", {}),
        ("Authorize", {"idTag": CARD}),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": T}),
        ("StartTransaction", {"connectorId": 1, "idTag": CARD, "meterStart": 1, "timestamp": T}),
        ("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": _METER_16}),
        (
            "StopTransaction",
            {"transactionId": 1, "meterStop": 9, "timestamp": T, "reason": "Local", "transactionData": _METER_16},
        ),
        ("DataTransfer", {"vendorId": "v", "messageId": "m", "data": "x"}),
        ("FirmwareStatusNotification", {"status": "Installed"}),
        ("Reset", {"type": "Hard"}),
        ("NobodyKnows", {"a": 1}),
    ],
    "ocpp2.0.1": [
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}),
        ("Heartbeat", {}),
        ("Authorize", {"idToken": {"idToken": CARD, "type": "ISO14443"}}),
        ("StatusNotification", {"timestamp": T, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}),
        ("TransactionEvent", _EVENT),
        ("TransactionEvent", {**_EVENT, "eventType": "Updated", "seqNo": 1}),
        ("TransactionEvent", {**_EVENT, "eventType": "Ended", "seqNo": 2, "triggerReason": "StopAuthorized"}),
        ("MeterValues", {"evseId": 1, "meterValue": _METER_2}),
        ("NotifyReport", {"requestId": 1, "generatedAt": T, "seqNo": 0}),
        ("DataTransfer", {"vendorId": "v", "data": {"a": [1]}}),
        ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": T}),
        ("Reset", {"type": "Immediate"}),
        ("NobodyKnows", {"a": 1}),
    ],
}


@dataclass
class RudeCharger:
    """Sends anything. A connection that the central system closes is opened again."""

    url: str
    name: str
    password: str
    protocol: str
    asked: set[str] = field(default_factory=set)
    """The ids of calls that have to be answered."""
    answers: list[Any] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)
    """The codes with which the central system closed connections."""
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None

    async def send(self, frame: str | bytes) -> None:
        """Send a message, over a new connection when there is none."""
        for _ in range(3):
            try:
                if self._socket is None:
                    await self._open()
                assert self._socket is not None
                await self._socket.send(frame)
                return
            except ConnectionClosed:
                await self.close()
        raise AssertionError("the central system takes no message")

    async def call(self, call_id: str, action: str, payload: Any) -> Any:
        """Send a good call; what answers it."""
        await self.send(json.dumps([2, call_id, action, payload]))
        async with asyncio.timeout(30):
            while True:
                found = next((frame for frame in self.answers if isinstance(frame, list) and frame[1] == call_id), None)
                if found is not None:
                    return found
                await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Hang up. What was asked over this connection needs no answer any more."""
        if self._socket is not None and self._reader is not None:
            await self._socket.close()
            await self._reader
            if self._socket.close_code != 1000:
                self.closed.append(self._socket.close_code)
            self._socket = self._reader = None
            self.asked.clear()

    async def thrown_out(self) -> None:
        """Return when the central system has closed the connection."""
        assert self._reader is not None
        async with asyncio.timeout(30):
            await asyncio.shield(self._reader)
        await self.close()

    async def settle(self) -> None:
        """Return when every call has its answer. Fails when one gets none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                while self.asked - self._answered():
                    await asyncio.sleep(0.01)
        assert self.asked - self._answered() == set()

    def _answered(self) -> set[str]:
        return {frame[1] for frame in self.answers if isinstance(frame[1], str)}

    async def _open(self) -> None:
        credentials = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        self._socket = await connect(
            f"{self.url}/{self.name}",
            subprotocols=[Subprotocol(self.protocol)],
            additional_headers={"Authorization": f"Basic {credentials}"},
            ping_interval=None,
            compression=None,
            proxy=None,
        )
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self.answers.append(json.loads(message))


REQUESTS["ocpp2.1"] = REQUESTS["ocpp2.0.1"]


def request(number: int, protocol: str, random: Random) -> tuple[str, Json]:
    """A good request: each that is understood has its turn, and between them those that charge."""
    understood = sorted(DIALECTS[protocol].understood)
    if number % 2:
        return random.choice(REQUESTS[protocol])
    action = understood[number // 2 % len(understood)]
    return action, sample(protocol, action, random)


def rubbish(number: int, protocol: str, random: Random) -> tuple[str | bytes, str | None]:
    """A frame, and the id that its answer must have; None when it may be left without."""
    call_id = f"f-{number}"
    action, payload = request(number, protocol, random)
    match random.randrange(12):
        case 0:
            return random.randbytes(random.randint(0, 200)), None
        case 1:
            return mutations.raw([2, call_id, action, payload], random), None
        case 2:
            frame = random.choice([[], [2], [2, call_id], [2, call_id, action], [2, call_id, action, payload, 1]])
            return json.dumps(frame), call_id if len(frame) > 1 else None
        case 3:
            named: Any = random.choice([[action], {"a": action}, None, 5, "", "x" * 65, "a\x00", "Ünïcode", "__init__"])
            return json.dumps([2, call_id, named, payload]), call_id
        case 4:
            odd: Any = random.choice([5, None, "", "x" * 37, "x" * 5000, ["x"], {}, 1.5, True, "\x00", "\ud800"])
            return json.dumps([2, odd, action, payload]), None
        case 5:
            kind: Any = random.choice([3, 4, 5, 0, -2, 2.0, True, "2", None, [2], 10**30])
            return json.dumps([kind, call_id, *random.choice([[], [payload], [action, "text", {}], [5, 5, 5]])]), None
        case 6:
            deep = mutations.nested(random.choice([60, 70, 500, 900]), random)
            return json.dumps([2, call_id, action, {**payload, "customData": {"vendorId": "v", "x": deep}}]), call_id
        case 7:
            return random.choice(["[" * 50_000, "[" * 900 + "]" * 900, '{"a":' * 900 + "1" + "}" * 900, '"' * 9]), None
        case 8:
            whole: Any = random.choice([[], 5, None, "x", [payload]])
            return json.dumps([2, call_id, action, whole]), call_id
        case 9 if protocol == "ocpp2.1":
            return json.dumps([6, call_id, action, mutations.mutated(payload, random)]), None
        case _:
            return json.dumps([2, call_id, action, mutations.mutated(payload, random)]), call_id
