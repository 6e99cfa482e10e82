"""Operations at stations: noted, carried out once, retried only while nothing has reached the station.

An operation is marked as running before its command is sent; one whose process died on the way is closed later and
not repeated. What was never sent, because the station was not there or busy, is tried again for as long as the
operator wants.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import orjson

from csms.capabilities import QUIRKS, Capabilities, capabilities_of
from csms.commands import CommandOutcome, CommandStatus
from csms.events import StationBooted, StationProgressed
from csms.link import Link
from csms.station import Progress, Task
from csms.words import LARGEST_INT32
from hub.stations import reservations
from hub.stations.at_station import AtStation, Listed, NotYet
from hub.stations.intents import Intent
from hub.stations.live import LiveStation, live_stations
from hub.stations.operation_schemas import INTENT, CapabilitiesOut, OperationOut
from hub.stations.operation_tables import (
    OperationState,
    StationOperation,
    close_lost,
    forget_old,
    locked,
    reported_on,
    waiting_for,
)
from hub.stations.procedures import carry_out
from hub.stations.tables import by_id, evses_of
from hub.stations.uploads import Uploads
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.ids import uuid7
from kit.log import get
from kit.tx import Database, Tx

log = get(__name__)

OPERATE = "stations.operate"
_PURPOSE = "station-operation"
_OPERATION = {Task.FIRMWARE: "update_firmware", Task.LOG: "send_log"}
"""Which operation a station works at."""
_UNSENT = (CommandStatus.OFFLINE, CommandStatus.BUSY)
FIRST_RETRY_S, LONGEST_RETRY_S = 5, 300


@dataclass(frozen=True, slots=True)
class Operations:
    """Has stations do what operators ask."""

    db: Database
    keys: KeyRing
    link: Link
    listed: Listed
    uploads: Uploads

    async def ask(self, station_id: str, intent: Intent, *, asked_by: str | None = None) -> StationOperation:
        """Note an operation, and carry it out when it is due now. Raises `NotFound` for an unknown station."""
        async with self.db.tx() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            row = self.note(tx, station.id, intent, asked_by=asked_by)
            if row.state == OperationState.WAITING:
                return row
        return await self._perform(row, intent)

    def note(self, tx: Tx, station_id: str, intent: Intent, *, asked_by: str | None = None) -> StationOperation:
        """Write an operation down: as running when it is due now, else as a job for its time."""
        due_at = max(intent.at or tx.now, tx.now)
        is_due = due_at <= tx.now
        row = StationOperation(
            id=uuid7(),
            station_id=station_id,
            operation=intent.operation,
            state=OperationState.RUNNING if is_due else OperationState.WAITING,
            request_id=secrets.randbelow(LARGEST_INT32) + 1,
            sealed_intent=self.keys.encrypt(_PURPOSE, intent.model_dump_json().encode()),
            asked_by=asked_by,
            due_at=due_at,
            give_up_at=due_at + timedelta(seconds=intent.patience_s),
            begun_at=tx.now if is_due else None,
            created_at=tx.now,
        )
        tx.add(row)
        if not is_due:
            _enqueue(tx, row)
        return row

    async def operate(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job of an operation whose time has come."""
        async with db.tx() as tx:
            row = await locked(tx, payload["id"])
            if row is None or row.state != OperationState.WAITING:
                return
            row.state, row.begun_at = OperationState.RUNNING, tx.now
        await self._perform(row, self.intent_of(row))

    async def cancel(self, station_id: str, operation_id: str) -> StationOperation:
        """Take back an operation that waits. Raises `NotFound`, or `Conflict` when it is under way or over."""
        async with self.db.tx() as tx:
            row = await locked(tx, operation_id)
            if row is None or row.station_id.casefold() != station_id.casefold():
                raise NotFound("no such operation")
            if row.state != OperationState.WAITING:
                raise Conflict("it is no longer waiting")
            row.state, row.ended_at = OperationState.CANCELLED, tx.now
        return row

    async def on_booted(self, tx: Tx, event: StationBooted) -> None:
        """A station is back: what was tried in vain is tried again, as soon as its model bears it."""
        live = (await live_stations(tx, [event.station_id])).get(event.station_id)
        settle = timedelta(seconds=_capabilities(live).settle_s)
        for row in await waiting_for(tx, event.station_id):
            row.due_at = tx.now + settle
            _enqueue(tx, row)

    async def on_progress(self, tx: Tx, event: StationProgressed) -> None:
        """A station tells how far it is: the operation that it works at shows it. 1.6 does not say which that is."""
        if event.progress == Progress.IDLE:
            return
        row = await reported_on(tx, event.station_id, _OPERATION[Task(event.task)], event.request_id)
        if row is not None:
            row.progress, row.progress_word, row.progress_at = event.progress, event.word, tx.now

    async def tidy(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Close what lost its process, and forget what is long over."""
        async with db.tx() as tx:
            if lost := await close_lost(tx):
                log.warning("station_operations_lost", count=lost)
            await forget_old(tx)
            await reservations.forget_past(tx)
        await self.uploads.forget_old()

    def intent_of(self, row: StationOperation) -> Intent:
        """What was asked."""
        return INTENT.validate_json(self.keys.decrypt(_PURPOSE, row.sealed_intent))

    def shown(self, row: StationOperation) -> OperationOut:
        """An operation for the operator API."""
        sealed = row.sealed_result
        return OperationOut(
            id=row.id,
            station_id=row.station_id,
            operation=row.operation,
            asked=self.intent_of(row).shown(),
            state=row.state,
            status=row.status,
            reason=row.reason,
            result=orjson.loads(self.keys.decrypt(_PURPOSE, sealed)) if sealed is not None else None,
            request_id=row.request_id,
            progress=row.progress,
            progress_word=row.progress_word,
            progress_at=row.progress_at,
            attempts=row.attempts,
            due_at=row.due_at,
            give_up_at=row.give_up_at,
            created_at=row.created_at,
            ended_at=row.ended_at,
        )

    async def capabilities(self, station_id: str) -> CapabilitiesOut:
        """What is known of a station's model. Raises `NotFound`."""
        async with self.db.read() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            live = (await live_stations(tx, [station.id])).get(station.id)
        named = (live.vendor, live.model, live.firmware) if live else (None, None, None)
        vendor, model, firmware = named
        return CapabilitiesOut(
            station_id=station.id,
            vendor=vendor,
            model=model,
            firmware_version=firmware,
            capabilities=asdict(_capabilities(live)),
            quirks=[quirk.what for quirk in QUIRKS if quirk.fits(vendor or "", model or "", firmware or "")],
        )

    async def _perform(self, row: StationOperation, intent: Intent) -> StationOperation:
        async with self.db.read() as tx:
            at = await self._at(tx, row, intent)
        try:
            outcome = await carry_out(at, intent)
            again_s = None
            if outcome.status in _UNSENT:
                again_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(row.attempts, 10))
        except NotYet as not_yet:
            outcome, again_s = CommandOutcome(CommandStatus.SCHEDULED, str(not_yet)), not_yet.after_s
        return await self._keep(row.id, outcome, again_s)

    async def _at(self, tx: Tx, row: StationOperation, intent: Intent) -> AtStation:
        live = (await live_stations(tx, [row.station_id])).get(row.station_id)
        evse_ids = {evse.evse_id for evse in await evses_of(tx, row.station_id)}
        evse_ids |= {connector.evse_id for connector in (live.connectors if live else ()) if connector.evse_id}
        return AtStation(
            self.db,
            self.keys,
            self.link,
            self.listed,
            self.uploads,
            row.station_id,
            intent.timeout_s,
            row.request_id,
            _capabilities(live),
            tuple(sorted(evse_ids)),
        )

    async def _keep(self, operation_id: str, outcome: CommandOutcome, again_s: float | None) -> StationOperation:
        """The outcome, and another attempt when there is one to come."""
        async with self.db.tx() as tx:
            row = await locked(tx, operation_id)
            assert row is not None  # noqa: S101 - rows are deleted long after their end
            row.status, row.reason = outcome.status.value, outcome.reason[:500] or None
            row.attempts += 1
            if outcome.result is not None:
                result = orjson.dumps(dict(outcome.result), default=str)
                row.sealed_result = self.keys.encrypt(_PURPOSE, result)
            again_at = None if again_s is None else tx.now + timedelta(seconds=again_s)
            if again_at is not None and again_at <= row.give_up_at:
                row.state, row.due_at = OperationState.WAITING, again_at
                _enqueue(tx, row)
            else:
                row.state, row.ended_at = OperationState.DONE, tx.now
        log.info("station_operation", operation=row.operation, station_id=row.station_id, status=row.status)
        return row


def _capabilities(live: LiveStation | None) -> Capabilities:
    return capabilities_of(live.vendor, live.model, live.firmware) if live else capabilities_of(None, None, None)


def _enqueue(tx: Tx, row: StationOperation) -> None:
    tx.enqueue(OPERATE, {"id": row.id}, replace_key=row.id, run_at=row.due_at)
