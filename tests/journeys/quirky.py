"""Chargers with the habits of the field, each of which can be had or not: they charge, and remember what flowed."""

import asyncio
import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from random import Random
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Json = dict[str, Any]

READINGS, STEP_WH = 5, 250
ANSWER_S = 60.0
_NO_FRAMES = ("{no json", "[]", '[9,"x",{}]', '[2,"alone"]', '{"a":1}', '[2,"x",["list"],{}]')
_OCCUPIED = frozenset({"Preparing", "Charging", "Finishing"})


class Quirk(StrEnum):
    """What a charger may do in a session that it should not."""

    DUP = "its start and its end are told twice"
    LATE = "its end is told after the connection was lost"
    BADTS = "times without a zone, with another one, with seven digits, or from before the clock was set"
    NOSUB = "the first subprotocol that it offers does not exist"
    CASEID = "the card is written in another case at the end"
    METERBACK = "the register begins anew in the middle"
    BURST = "meter values do not wait for each other's answers"
    UNIT = "readings are texts in kWh that say neither unit nor measurand"
    NOTX = "meter values name no transaction"
    ZEROTX = "the end names transaction 0 or -1"
    EARLYSTATUS = "it tells of a connector before it boots"
    UNKNOWNACTION = "it sends an action of its vendor's own"
    BADFRAMES = "it sends what is no frame"
    LATERESULT = "it answers what was never asked"


ONLY_16 = frozenset({Quirk.NOTX, Quirk.ZEROTX})
"""In 2.x, every event names its transaction."""


@dataclass(frozen=True)
class Charged:
    """A session as the charger knows it; `reference` is its own name or the number that it was given."""

    station_id: str
    reference: str
    flowed_wh: int
    quirks: frozenset[Quirk]


@dataclass
class QuirkyCharger:
    """One charger. What is not answered as it should be goes into `complaints`."""

    url: str
    station_id: str
    password: str
    card: str
    protocol: str
    random: Random
    register_wh: int = 0
    complaints: list[str] = field(default_factory=list)
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _pending: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _quirks: frozenset[Quirk] = frozenset()
    _seq_no: int = 0

    def __post_init__(self) -> None:
        self.register_wh = self.random.randint(1_000_000, 5_000_000)

    @property
    def is_16(self) -> bool:
        """Whether it speaks the oldest version."""
        return self.protocol == "ocpp1.6"

    async def session(self, quirks: frozenset[Quirk]) -> Charged:
        """Connect, charge once with these quirks, and leave."""
        self._quirks = quirks
        await self._open()
        try:
            await self._misbehave()
            await self._status("Preparing")
            before_wh = self.register_wh
            reference = await (self._start16() if self.is_16 else self._start2())
            await self._status("Charging")
            flowed_wh = await self._draw(reference)
            if Quirk.LATE in quirks:
                await self.close(hard=True)
                await self._open()
            await (self._stop16(reference) if self.is_16 else self._stop2(reference))
            await self._status("Available")
        finally:
            await self.close()
        if Quirk.METERBACK not in quirks and self.register_wh - before_wh != flowed_wh:
            self.complaints.append("the charger itself is wrong")
        if Quirk.METERBACK in quirks:
            self.register_wh = before_wh + flowed_wh
        return Charged(self.station_id, reference, flowed_wh, quirks)

    async def close(self, *, hard: bool = False) -> None:
        """Hang up, or lose the connection."""
        if self._socket is None or self._reader is None:
            return
        if hard:
            self._socket.transport.abort()
        else:
            await self._socket.close()
        await self._reader
        self._socket = self._reader = None

    async def _open(self) -> None:
        offered = ["ocpp9.9", self.protocol] if Quirk.NOSUB in self._quirks else [self.protocol]
        credentials = base64.b64encode(f"{self.station_id}:{self.password}".encode()).decode()
        self._socket = await connect(
            f"{self.url}/{self.station_id}",
            subprotocols=[Subprotocol(each) for each in offered],
            additional_headers={"Authorization": f"Basic {credentials}"},
            compression=None,
            ping_interval=None,
            open_timeout=ANSWER_S,
            proxy=None,
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        if Quirk.EARLYSTATUS in self._quirks:
            await self._status("Available")
        named: Json = {"reason": "PowerUp", "chargingStation": {"vendorName": "Odd", "model": "Quirky"}}
        boot = {"chargePointVendor": "Odd", "chargePointModel": "Quirky"} if self.is_16 else named
        if (await self._call("BootNotification", boot)).get("status") != "Accepted":
            self.complaints.append("not accepted at its boot")

    async def _misbehave(self) -> None:
        assert self._socket is not None
        if Quirk.BADFRAMES in self._quirks:
            for text in _NO_FRAMES:
                await self._socket.send(text)
        if Quirk.LATERESULT in self._quirks:
            await self._socket.send(json.dumps([3, str(uuid4()), {}]))
        if Quirk.UNKNOWNACTION in self._quirks:
            frame = await self._frame("VendorsOwnPing", {"x": 1})
            if frame[:1] != [4] or frame[2] not in ("NotImplemented", "NotSupported"):
                self.complaints.append(f"an unknown action got {frame}")

    async def _start16(self) -> str:
        begun = {"connectorId": 1, "idTag": self.card, "meterStart": self.register_wh, "timestamp": self._time()}
        answer = await self._call("StartTransaction", begun)
        if Quirk.DUP in self._quirks and await self._call("StartTransaction", begun) != answer:
            self.complaints.append("the same start was answered otherwise")
        return str(answer["transactionId"])

    async def _stop16(self, reference: str) -> None:
        card = self.card.swapcase() if Quirk.CASEID in self._quirks else self.card
        number = self.random.choice([0, -1]) if Quirk.ZEROTX in self._quirks else int(reference)
        ended = {"transactionId": number, "idTag": card, "meterStop": self.register_wh, "timestamp": self._time()}
        await self._call("StopTransaction", ended)
        if Quirk.DUP in self._quirks:
            await self._call("StopTransaction", ended)

    async def _start2(self) -> str:
        reference, self._seq_no = str(uuid4()), 0
        begun = self._event("Started", "Authorized", reference, idToken=self._token(self.card))
        answer = await self._call("TransactionEvent", begun)
        if Quirk.DUP in self._quirks and await self._call("TransactionEvent", begun) != answer:
            self.complaints.append("the same start was answered otherwise")
        return reference

    async def _stop2(self, reference: str) -> None:
        card = self.card.swapcase() if Quirk.CASEID in self._quirks else self.card
        ended = self._event("Ended", "StopAuthorized", reference, idToken=self._token(card))
        ended["transactionInfo"] |= {"chargingState": "EVConnected", "stoppedReason": "Local"}
        await self._call("TransactionEvent", ended)
        if Quirk.DUP in self._quirks:
            await self._call("TransactionEvent", ended)

    async def _draw(self, reference: str) -> int:
        """Let energy flow and tell of it; what flowed."""
        sending = []
        for number in range(READINGS):
            self.register_wh += STEP_WH
            if Quirk.METERBACK in self._quirks and number == READINGS // 2:
                self.register_wh = 7
            if self.is_16:
                values: Json = {"connectorId": 1, "meterValue": [self._reading()]}
                if Quirk.NOTX not in self._quirks:
                    values["transactionId"] = int(reference)
                told = self._call("MeterValues", values)
            else:
                told = self._call("TransactionEvent", self._event("Updated", "MeterValuePeriodic", reference))
            sending.append(asyncio.create_task(told))
            if Quirk.BURST not in self._quirks:
                await sending[-1]
        await asyncio.gather(*sending)
        return READINGS * STEP_WH

    async def _status(self, status: str) -> None:
        if self.is_16:
            told = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": self._time()}
        else:
            known = "Occupied" if status in _OCCUPIED else status
            told = {"timestamp": self._time(), "connectorStatus": known, "evseId": 1, "connectorId": 1}
        await self._call("StatusNotification", told)

    def _event(self, kind: str, trigger: str, reference: str, **more: Any) -> Json:
        self._seq_no += 1
        return {
            "eventType": kind,
            "timestamp": self._time(),
            "triggerReason": trigger,
            "seqNo": self._seq_no - 1,
            "transactionInfo": {"transactionId": reference, "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [self._reading()],
            **more,
        }

    def _reading(self) -> Json:
        energy: Json
        if Quirk.UNIT in self._quirks:
            energy = {"value": f"{self.register_wh / 1000:.3f}"}
        elif self.is_16:
            energy = {"value": str(self.register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        else:
            energy = {"value": self.register_wh, "measurand": "Energy.Active.Import.Register"}
        return {"timestamp": self._time(), "sampledValue": [energy]}

    def _token(self, card: str) -> Json:
        return {"idToken": card, "type": "ISO14443"}

    def _time(self) -> str:
        now = datetime.now(UTC)
        if Quirk.BADTS not in self._quirks:
            return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self.random.choice(
            [
                now.strftime("%Y-%m-%dT%H:%M:%S"),
                now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
                now.astimezone(timezone(timedelta(hours=2))).isoformat(),
                "1970-01-01T00:00:07Z",
            ]
        )

    async def _call(self, action: str, payload: Mapping[str, Any]) -> Json:
        frame = await self._frame(action, payload)
        if frame[0] != 3:
            self.complaints.append(f"{action} got {frame}")
            return {}
        result: Json = frame[2]
        return result

    async def _frame(self, action: str, payload: Mapping[str, Any]) -> list[Any]:
        assert self._socket is not None
        call_id = str(uuid4())
        self._pending[call_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, call_id, action, payload]))
        async with asyncio.timeout(ANSWER_S):
            return await self._pending[call_id]

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    await socket.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
                elif frame[1] in self._pending:
                    self._pending.pop(frame[1]).set_result(frame)
        for waiting in self._pending.values():
            waiting.set_exception(ConnectionError("the connection was closed"))
        self._pending.clear()
