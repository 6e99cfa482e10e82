"""What a station said, made durable: facts become rows, rows are committed, then memory follows.

Every method returns only when what it was given is stored, however long the database is away.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from csms.backoffice import Authorization
from csms.events import ConnectorStatusChanged, StationBooted, StationProgressed, TransactionChanged
from csms.record import TransactionEvent, TransactionRecord, apply, reduce
from csms.rows import held_of, message_row, record_columns, station_row, verdict_columns
from csms.state import Held, StationState, locate, same_token
from csms.station import Booted, ChargingState, FactKind, Progressed, StatusChanged, TransactionFact
from csms.store import (
    present_transactions,
    read_events,
    transaction_by_number,
    transaction_by_origin,
)
from csms.tables import Station, Transaction
from csms.timeline import believable
from csms.writer import Conflict, Op, Unstorable, Writer
from kit.bulk import Row
from kit.clock import Clock
from kit.log import get
from kit.tx import Database, Event, Tx

log = get("csms.recorder")

Found = TypeVar("Found")

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0
_SUSPENDED = (ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)


class Recorded(NamedTuple):
    """Where a fact went: our transaction, None for an orphan, and the verdict on its token where there is one."""

    transaction_id: int | None
    authorization: Authorization | None = None


@dataclass(slots=True)
class _Plan:
    """What one fact leads to, before anything of it is true."""

    rows: list[tuple[Op, Row]]
    events: list[Event]
    held: list[Held]
    metered: int | None = None


class Recorder:
    """Records facts. `on_metered` is told the transaction of each meter value that was stored; it returns at once."""

    def __init__(
        self, db: Database, writer: Writer, clock: Clock, on_metered: Callable[[int], None] | None = None
    ) -> None:
        self._db = db
        self._writer = writer
        self._clock = clock
        self._on_metered = on_metered

    async def connected(self, station_id: str, protocol: str) -> None:
        """The station is here, speaking this version."""
        now = self._clock.now()
        row = {"station_id": station_id, "protocol": protocol, "connected_at": now, "last_seen_at": now}
        await self._writer.submit([(Op.STATION_CONNECTED, station_row(row))])

    async def disconnected(self, station_id: str, last_seen_at: datetime) -> None:
        """The station is gone."""
        row = {"station_id": station_id, "disconnected_at": self._clock.now(), "last_seen_at": last_seen_at}
        await self._writer.submit([(Op.STATION_DISCONNECTED, station_row(row))])

    async def seen(self, stations: list[tuple[str, datetime]]) -> None:
        """When stations were last heard."""
        if stations:
            rows: list[tuple[Op, Row]] = [
                (Op.STATION_SEEN, station_row({"station_id": station_id, "last_seen_at": at}))
                for station_id, at in stations
            ]
            await self._writer.submit(rows)

    async def has_booted(self, station_id: str) -> bool:
        """Whether the station has ever introduced itself."""

        async def look(tx: Tx) -> Station | None:
            return await tx.get(Station, station_id)

        row = await self._read(look)
        return row is not None and row.booted_at is not None

    async def booted(self, state: StationState, fact: Booted) -> None:
        """The station has introduced itself."""
        now = self._clock.now()
        row = {
            "station_id": state.station_id,
            "vendor": fact.vendor,
            "model": fact.model,
            "serial": fact.serial,
            "firmware": fact.firmware,
            "boot_reason": fact.reason,
            "booted_at": now,
            "last_seen_at": now,
        }
        await self._writer.submit([(Op.STATION_BOOTED, station_row(row))], (StationBooted(state.station_id),))

    async def progressed(self, state: StationState, fact: Progressed) -> None:
        """The station is so far with its firmware or a log."""
        event = StationProgressed(state.station_id, fact.task, fact.progress, fact.word, fact.request_id)
        await self._writer.submit([], (event,))

    async def status(self, state: StationState, fact: StatusChanged) -> None:
        """A connector has a status; what has not changed is not written again."""
        known = state.connectors.get((fact.evse_id, fact.connector_id))
        if known != (fact.status, fact.error, fact.info):
            event = ConnectorStatusChanged(state.station_id, fact.evse_id, fact.connector_id, fact.status)
            row = {
                "station_id": state.station_id,
                "evse_id": fact.evse_id,
                "connector_id": fact.connector_id,
                "status": fact.status,
                "error": fact.error,
                "info": fact.info,
                "at": self._when(fact.at),
            }
            changed = known is None or known[0] is not fact.status
            await self._writer.submit([(Op.CONNECTOR, row)], (event,) if changed else ())
            state.note_status(fact)
        if fact.state is not None and fact.evse_id:
            await self._charging_state(state, fact)

    async def transaction(
        self, state: StationState, fact: TransactionFact, verdict: Authorization | None = None
    ) -> Recorded:
        """A fact about a transaction; `verdict` is what was just said of the token of a start."""
        async with state.lock:
            conflict = False
            while True:
                if state.transactions is None:
                    await self._patiently(lambda: self._load(state))
                if conflict or self._is_stranger(state, fact):
                    await self._fetch(state, fact)
                plan, recorded = await self._plan(state, fact, verdict)
                try:
                    await self._writer.submit(plan.rows, tuple(plan.events))
                except Conflict:
                    # The same start was recorded by another process, or long ago: begin anew with what is there.
                    state.transactions = None
                    conflict = True
                    continue
                except Unstorable as error:
                    return await self._set_aside(state, fact, error)
                for held in plan.held:
                    state.hold(held)
                if plan.metered is not None and self._on_metered is not None:
                    self._on_metered(plan.metered)
                return recorded

    def known_verdict(self, state: StationState, fact: TransactionFact) -> Authorization | None:
        """The verdict that was given already on the token which this fact presents in its transaction."""
        at = self._when(fact.at)
        match = locate((state.transactions or {}).values(), fact, at, timely=at == fact.at)
        if match is None or not same_token(match.held.token, fact.token):
            return None
        return match.held.authorization

    async def authorized(self, state: StationState, transaction_id: int, token: str, verdict: Authorization) -> None:
        """The verdict on a token that was presented in a transaction; kept when it is the token that pays."""
        held = (state.transactions or {}).get(transaction_id)
        if held is None or not same_token(held.token, token):
            return
        row = {"id": transaction_id, **verdict_columns(verdict)}
        await self._writer.submit([(Op.TRANSACTION_AUTHORIZED, row)], (TransactionChanged(transaction_id),))
        held = (state.transactions or {}).get(transaction_id)
        if held is not None:
            state.hold(held._replace(authorization=verdict))

    async def reference(self, state: StationState, transaction_id: int) -> str | None:
        """The station's name of one of its transactions."""
        held = (state.transactions or {}).get(transaction_id)
        if held is not None:
            return held.reference

        async def look(tx: Tx) -> Transaction | None:
            return await transaction_by_number(tx, state.station_id, transaction_id)

        row = await self._read(look)
        return None if row is None else row.reference

    async def _charging_state(self, state: StationState, fact: StatusChanged) -> None:
        at = self._when(fact.at)
        told = TransactionFact(
            kind=FactKind.STATE,
            key=f"state:{fact.evse_id}:{fact.state}:{at.isoformat()}",
            at=fact.at,
            evse_id=fact.evse_id,
            state=fact.state,
        )
        async with state.lock:
            if state.transactions is None:
                await self._patiently(lambda: self._load(state))
            running = locate((state.transactions or {}).values(), told, at, timely=True)
        if running is not None and running.held.record is not None and running.held.record.state is not fact.state:
            await self.transaction(state, told)

    async def _plan(
        self, state: StationState, fact: TransactionFact, verdict: Authorization | None
    ) -> tuple[_Plan, Recorded]:
        now = self._clock.now()
        timely = believable(fact.at, now)
        at = fact.at if fact.at is not None and timely else now
        match = locate((state.transactions or {}).values(), fact, at, timely=timely)
        plan = _Plan([], [], [])
        if match is not None:
            held = match.held
            event = _belonging(state.station_id, now, fact, held.id, timely=timely, guessed=match.guessed)
            await self._continue(held, event, verdict, plan)
            known = verdict or (held.authorization if same_token(held.token, fact.token) else None)
            return plan, Recorded(held.id, known)
        if fact.opens:
            return plan, Recorded(await self._open(state, fact, now, verdict, plan, timely=timely), verdict)
        plan.rows.append((Op.MESSAGE, message_row(TransactionEvent(state.station_id, 0, now, fact), None)))
        return plan, Recorded(None)

    @staticmethod
    def _is_stranger(state: StationState, fact: TransactionFact) -> bool:
        """Whether a message goes by a number of ours that memory does not hold, but the database may."""
        if fact.opens or fact.reference is None or fact.reference in state.strangers:
            return False
        return int(fact.reference) not in (state.transactions or {})

    async def _fetch(self, state: StationState, fact: TransactionFact) -> None:
        """Bring an older transaction into memory, or remember that there is none of this name."""

        async def look(tx: Tx) -> Transaction | None:
            if fact.opens:
                return await transaction_by_origin(tx, state.station_id, _origin(fact))
            return await transaction_by_number(tx, state.station_id, int(fact.reference or 0))

        row = await self._read(look)
        if row is not None:
            state.hold(held_of(row))
        elif fact.reference is not None:
            state.note_stranger(fact.reference)

    async def _open(
        self,
        state: StationState,
        fact: TransactionFact,
        now: datetime,
        verdict: Authorization | None,
        plan: _Plan,
        *,
        timely: bool,
    ) -> int:
        number = await self._writer.next_number()
        if fact.reference is None and (suspended := state.states.get(fact.evse_id or 0)) in _SUSPENDED:
            fact = replace(fact, state=suspended)
        event = _belonging(state.station_id, now, fact, number, timely=timely, guessed=False)
        await self._abandon_others(state, event, plan)
        record = reduce([event])
        origin = _origin(fact) if timely or fact.reference is not None else f"{_origin(fact)}:{number}"
        held = Held(
            id=number,
            reference=fact.reference or str(number),
            origin=origin,
            evse_id=record.evse_id,
            token=record.token,
            record=record,
            ended=record.ended_at is not None,
            authorization=verdict,
        )
        row = {
            "id": number,
            "station_id": state.station_id,
            "reference": held.reference,
            "origin": origin,
            **verdict_columns(verdict),
            **record_columns(record),
        }
        plan.rows += [(Op.TRANSACTION_OPENED, row), (Op.MESSAGE, message_row(event, number))]
        plan.events.append(TransactionChanged(number))
        plan.held.append(held)
        return number

    async def _abandon_others(self, state: StationState, event: TransactionEvent, plan: _Plan) -> None:
        """One EVSE charges one car: what still runs there when another transaction begins was never ended."""
        if not event.fact.evse_id or event.fact.kind is not FactKind.STARTED:
            return
        for other in (state.transactions or {}).values():
            if other.ended or other.evse_id != event.fact.evse_id or other.record is None:
                continue
            if other.record.started_at <= event.at:
                fact = TransactionFact(FactKind.ABANDONED, f"abandoned:{event.transaction_id}:{other.id}", event.at)
                await self._continue(other, replace(event, transaction_id=other.id, fact=fact), None, plan)

    async def _continue(self, held: Held, event: TransactionEvent, verdict: Authorization | None, plan: _Plan) -> None:
        """One more event of a transaction that is known."""
        before = held.record
        after = None if before is None else apply(before, event)
        if after is None:
            past = await self._read(lambda tx: read_events(tx, held.id))
            before = reduce(past) if past else before
            after = reduce([*past, event])
        changed = before is None or _tells(before, after)
        plan.rows.append((Op.MESSAGE, message_row(event, held.id)))
        if changed:
            plan.rows.append((Op.TRANSACTION_CHANGED, {"id": held.id, **record_columns(after)}))
            plan.events.append(TransactionChanged(held.id))
        elif event.fact.readings and after.ended_at is None:
            plan.metered = held.id
        if not same_token(after.token, event.fact.token):
            verdict = None
        if verdict is not None:
            plan.rows.append((Op.TRANSACTION_AUTHORIZED, {"id": held.id, **verdict_columns(verdict)}))
        plan.held.append(
            Held(
                held.id,
                held.reference,
                held.origin,
                after.evse_id,
                after.token,
                after,
                after.ended_at is not None,
                verdict or held.authorization,
                event.fact.key.partition(":")[0] if event.fact.kind is FactKind.ENDED else held.end_key,
            )
        )

    async def _set_aside(self, state: StationState, fact: TransactionFact, error: Unstorable) -> Recorded:
        """Keep what the database refuses as an orphan, so that the station need not send it forever."""
        log.error("csms fact set aside", station_id=state.station_id, kind=fact.kind, error=str(error))
        event = TransactionEvent(state.station_id, 0, self._clock.now(), fact)
        await self._writer.submit([(Op.MESSAGE, message_row(event, None))])
        return Recorded(None)

    async def _load(self, state: StationState) -> None:
        loaded = {held.id: held for held in await present_transactions(self._db.reader, state.station_id)}
        if running := [held for held in loaded.values() if not held.ended]:
            async with self._db.read() as tx:
                for held in running:
                    loaded[held.id] = held._replace(record=reduce(await read_events(tx, held.id)))
        state.transactions = loaded
        state.strangers.clear()

    async def _read(self, look: Callable[[Tx], Awaitable[Found]]) -> Found:
        async def attempt() -> Found:
            async with self._db.read() as tx:
                return await look(tx)

        return await self._patiently(attempt)

    async def _patiently(self, attempt: Callable[[], Awaitable[Found]]) -> Found:
        """Read again and again until the database answers: a station must not be refused for its sake."""
        failures = 0
        while True:
            try:
                return await attempt()
            except Exception as error:
                failures += 1
                wait_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(failures, 10))
                log.warning("csms waits to read", failures=failures, error=type(error).__name__)
                await self._clock.sleep(wait_s)

    def _when(self, at: datetime | None) -> datetime:
        now = self._clock.now()
        return at if at is not None and believable(at, now) else now


def _belonging(
    station_id: str, now: datetime, fact: TransactionFact, transaction_id: int, *, timely: bool, guessed: bool
) -> TransactionEvent:
    """The event of this transaction. Without a clock equal messages of two transactions differ by it alone."""
    key = fact.key if timely else f"{fact.key}:{transaction_id}"
    if key != fact.key or guessed:
        fact = replace(fact, key=key, guessed=guessed)
    return TransactionEvent(station_id, transaction_id, now, fact)


def _origin(fact: TransactionFact) -> str:
    return fact.key if fact.reference is None else f"named:{fact.reference}"


def _tells(before: TransactionRecord, after: TransactionRecord) -> bool:
    """Whether the rest of the house has to hear of it: more than another meter value."""
    if after.ended_at is not None:
        return before != after
    return (
        before.ended_at is not None
        or before.state is not after.state
        or before.token != after.token
        or before.started_at != after.started_at
        or before.evse_id != after.evse_id
    )
