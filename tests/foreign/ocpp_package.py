"""Chargers made of the `ocpp` package's own `ChargePoint`, as others write them: its session, casing and checks."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as calls16
from ocpp.v16 import call_result as results16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v21 import call as calls21
from ocpp.v21 import call_result as results21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as calls201
from ocpp.v201 import call_result as results201
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Json = dict[str, Any]


def stamp() -> str:
    """The present, as chargers write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Meter:
    """What a charger keeps while it reboots."""

    register_wh: int = 10_000
    transaction: Any = None
    boots: int = 0
    seen: list[str] = field(default_factory=list)
    """The actions that the central system asked for."""


class Charger16(ChargePoint16):  # type: ignore[misc]
    """A charger of OCPP 1.6."""

    protocol = "ocpp1.6"

    def __init__(self, name: str, socket: ClientConnection, meter: Meter, reboot: Callable[[], None]) -> None:
        super().__init__(name, socket)
        self.meter, self.reboot = meter, reboot

    async def boot(self) -> None:
        answer = await self.call(calls16.BootNotification("Model 1", "Foreign"))
        assert answer.status == "Accepted"
        self.meter.boots += 1
        await self.show("Available")

    async def authorize(self, card: str) -> str:
        answer = await self.call(calls16.Authorize(card))
        return str(answer.id_tag_info["status"])

    async def begin(self, card: str, remote_start_id: int | None = None) -> None:
        answer = await self.call(calls16.StartTransaction(1, card, self.meter.register_wh, stamp()))
        assert answer.id_tag_info["status"] == "Accepted"
        self.meter.transaction = answer.transaction_id
        await self.show("Charging")

    async def draw(self, energy_wh: int) -> None:
        self.meter.register_wh += energy_wh
        reading = {
            "timestamp": stamp(),
            "sampled_value": [{"value": str(self.meter.register_wh), "unit": "Wh", "context": "Sample.Periodic"}],
        }
        await self.call(calls16.MeterValues(1, [reading], self.meter.transaction))

    async def finish(self, reason: str = "Local") -> None:
        transaction, self.meter.transaction = self.meter.transaction, None
        await self.call(calls16.StopTransaction(self.meter.register_wh, stamp(), transaction, reason))
        await self.show("Available")

    async def show(self, status: str) -> None:
        await self.call(calls16.StatusNotification(1, "NoError", status, stamp()))

    @on("RemoteStartTransaction")
    async def on_start(self, **_: Any) -> Any:
        return results16.RemoteStartTransaction("Accepted")

    @after("RemoteStartTransaction")
    async def after_start(self, id_tag: str, **_: Any) -> None:
        self.meter.seen.append("start")
        await self.begin(id_tag)

    @on("RemoteStopTransaction")
    async def on_stop(self, transaction_id: int) -> Any:
        known = transaction_id == self.meter.transaction
        return results16.RemoteStopTransaction("Accepted" if known else "Rejected")

    @after("RemoteStopTransaction")
    async def after_stop(self, **_: Any) -> None:
        self.meter.seen.append("stop")
        await self.finish("Remote")

    @on("Reset")
    async def on_reset(self, **_: Any) -> Any:
        return results16.Reset("Accepted")

    @after("Reset")
    async def after_reset(self, **_: Any) -> None:
        self.meter.seen.append("reset")
        if self.meter.transaction is not None:
            await self.finish("SoftReset")
        self.reboot()


class Charger2x:
    """A charger of OCPP 2.0.1 or 2.1, where `calls` and `results` are the messages of the version."""

    calls: Any
    results: Any
    call: Callable[[Any], Coroutine[Any, Any, Any]]

    def __init__(self, name: str, socket: ClientConnection, meter: Meter, reboot: Callable[[], None]) -> None:
        super().__init__(name, socket)  # type: ignore[call-arg]
        self.meter, self.reboot, self.told = meter, reboot, 0

    async def boot(self) -> None:
        station = {"model": "Model 2", "vendor_name": "Foreign"}
        reason = "RemoteReset" if self.meter.boots else "PowerUp"
        answer = await self.call(self.calls.BootNotification(charging_station=station, reason=reason))
        assert answer.status == "Accepted"
        self.meter.boots += 1
        shown = self.calls.StatusNotification(
            timestamp=stamp(), connector_status="Available", evse_id=1, connector_id=1
        )
        await self.call(shown)

    async def authorize(self, card: str) -> str:
        answer = await self.call(self.calls.Authorize(_token(card)))
        return str(answer.id_token_info["status"])

    async def begin(self, card: str, remote_start_id: int | None = None) -> None:
        self.meter.transaction, self.told = f"T-{self.meter.register_wh}", 0
        trigger = "Authorized" if remote_start_id is None else "RemoteStart"
        answer = await self._tell("Started", trigger, id_token=_token(card), remote_start_id=remote_start_id)
        assert answer.id_token_info["status"] == "Accepted"

    async def draw(self, energy_wh: int) -> None:
        self.meter.register_wh += energy_wh
        await self._tell("Updated", "MeterValuePeriodic", charging_state="Charging")

    async def finish(self, reason: str = "Local") -> None:
        trigger = {"Local": "StopAuthorized", "Remote": "RemoteStop"}.get(reason, "ResetCommand")
        stopped = {"Local": "Local", "Remote": "Remote"}.get(reason, "ImmediateReset")
        await self._tell("Ended", trigger, stopped_reason=stopped)
        self.meter.transaction = None

    async def _tell(self, event: str, trigger: str, *, id_token: Json | None = None, **info: Any) -> Any:
        sampled = {"value": self.meter.register_wh, "measurand": "Energy.Active.Import.Register"}
        known = {name: value for name, value in info.items() if value is not None}
        self.told += 1
        return await self.call(
            self.calls.TransactionEvent(
                event_type=event,
                timestamp=stamp(),
                trigger_reason=trigger,
                seq_no=self.told - 1,
                transaction_info={"transaction_id": self.meter.transaction, **known},
                meter_value=[{"timestamp": stamp(), "sampled_value": [sampled]}],
                evse={"id": 1, "connector_id": 1},
                id_token=id_token,
            )
        )

    @on("RequestStartTransaction")
    async def on_start(self, **_: Any) -> Any:
        return self.results.RequestStartTransaction("Accepted")

    @after("RequestStartTransaction")
    async def after_start(self, id_token: Json, remote_start_id: int, **_: Any) -> None:
        self.meter.seen.append("start")
        await self.begin(id_token["id_token"], remote_start_id)

    @on("RequestStopTransaction")
    async def on_stop(self, transaction_id: str) -> Any:
        known = transaction_id == self.meter.transaction
        return self.results.RequestStopTransaction("Accepted" if known else "Rejected")

    @after("RequestStopTransaction")
    async def after_stop(self, **_: Any) -> None:
        self.meter.seen.append("stop")
        await self.finish("Remote")

    @on("Reset")
    async def on_reset(self, **_: Any) -> Any:
        return self.results.Reset("Accepted")

    @after("Reset")
    async def after_reset(self, **_: Any) -> None:
        self.meter.seen.append("reset")
        if self.meter.transaction is not None:
            await self.finish("Reset")
        self.reboot()


class Charger201(Charger2x, ChargePoint201):  # type: ignore[misc]
    """A charger of OCPP 2.0.1."""

    protocol, calls, results = "ocpp2.0.1", calls201, results201


class Charger21(Charger2x, ChargePoint21):  # type: ignore[misc]
    """A charger of OCPP 2.1."""

    protocol, calls, results = "ocpp2.1", calls21, results21


def _token(card: str) -> Json:
    return {"id_token": card, "type": "ISO14443"}


Charger = Charger16 | Charger201 | Charger21
CHARGERS: dict[str, type[Charger16] | type[Charger201] | type[Charger21]] = {
    each.protocol: each for each in (Charger16, Charger201, Charger21)
}


class Device:
    """The hardware around a charger: it connects, boots, and does both again after a reset."""

    def __init__(self, url: str, name: str, password: str, protocol: str) -> None:
        self.meter = Meter()
        self.charger: Charger | None = None
        self.booted = asyncio.Event()
        self._target, self._password, self._name, self._protocol = f"{url}/{name}", password, name, protocol

    async def run(self) -> None:
        """Live until cancelled."""
        credentials = base64.b64encode(f"{self._name}:{self._password}".encode()).decode()
        while True:
            async with connect(
                self._target,
                subprotocols=[Subprotocol(self._protocol)],
                additional_headers={"Authorization": f"Basic {credentials}"},
                proxy=None,
            ) as socket:
                await self._live(socket)

    async def _live(self, socket: ClientConnection) -> None:
        down = asyncio.Event()
        charger = CHARGERS[self._protocol](self._name, socket, self.meter, down.set)
        reading = asyncio.create_task(_until_closed(charger.start()))
        try:
            await charger.boot()
            self.charger = charger
            self.booted.set()
            await down.wait()
            self.booted.clear()
        finally:
            await socket.close()
            await reading


async def _until_closed(reading: Coroutine[Any, Any, None]) -> None:
    with suppress(ConnectionClosed):
        await reading
