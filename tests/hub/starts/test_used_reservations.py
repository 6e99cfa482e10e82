"""The time of a reservation that was used is part of its session, whatever came when; nobody pays for one unused."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import permutations
from typing import Any

import orjson
import pytest
from sqlalchemy import delete
from sqlmodel import SQLModel, select

from csms.commands import CommandOutcome, CommandStatus
from csms.station import FactKind, TokenType, TransactionFact
from csms.tables import Transaction, TransactionMessage
from hub.sessions.crediting import credit
from hub.sessions.running import RunningSessions
from hub.sessions.tables import Cdr, Session
from hub.starts.places import Where
from hub.starts.unused_reservations import biller
from hub.starts.used_reservations import waiting_until_now
from hub.stations import reservations
from hub.stations.reservations import Keeping, ReservationState, StationReservation
from hub.tariffs import service as tariffs
from hub.tariffs.cdr import price_cdr
from kit.clock import ManualClock
from kit.crypto import KeyRing
from kit.tx import Database
from ocpi.v221.cdrs import Cdr as WireCdr
from tests.hub.starts.charger import PLACE, Charger, at, tariff

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

UID, NUMBER = "0411AABBCC", 77
BEGUN = TransactionFact(FactKind.STARTED, "s", at(0), evse_id=1, token=UID, meter_wh=Decimal(0), reservation_id=NUMBER)
ENDED = TransactionFact(FactKind.ENDED, "e", at(30), meter_wh=Decimal(3000))
DONE = CommandOutcome(CommandStatus.ACCEPTED, payload={"status": "Accepted"})
UNKNOWN = CommandOutcome(CommandStatus.REJECTED, payload={"status": "Rejected"})


def element(kind: str, price: float, **restrictions: Any) -> Json:
    component = {"type": kind, "price": price, "vat": 21, "step_size": 1}
    return {"price_components": [component], "restrictions": restrictions}


RESERVING = [
    element("TIME", 6, reservation="RESERVATION"),
    element("TIME", 9, reservation="RESERVATION_EXPIRES"),
]


@pytest.fixture(autouse=True)
async def published(charger: Charger, db: Database) -> None:
    """A token that may charge, and 6 an hour for a reservation; 9 for one that runs out."""
    await charger.store_token()
    body = {**tariff(), "elements": [*RESERVING, *tariff()["elements"]], "last_updated": "2026-03-01T10:00:00Z"}
    async with db.tx() as tx:
        await tariffs.put(tx, body, platform_id=None)


async def reserve(
    db: Database,
    keys: KeyRing,
    *,
    made: datetime = at(-20),
    expires: datetime = at(40),
    state: ReservationState = ReservationState.HELD,
    station_id: str = "CS-1",
    uid: str = UID,
    **more: Any,
) -> None:
    """From 20 minutes before the session until 40 minutes after it began."""
    async with db.tx() as tx:
        row = reservations.make(
            tx,
            keys,
            station_id=station_id,
            evse_id=1,
            token=uid,
            token_type=TokenType.RFID,
            expires_at=expires,
            number=NUMBER,
        )
        row.created_at, row.state = made, state
        for name, value in more.items():
            setattr(row, name, value)


async def kept(db: Database) -> StationReservation:
    async with db.read() as tx:
        row = await tx.get(StationReservation, NUMBER)
    assert row is not None
    return row


async def settle(db: Database, outcome: CommandOutcome, *, cancels: bool) -> None:
    async with db.tx() as tx:
        await reservations.settle(tx, NUMBER, outcome, cancels=cancels)


def reserved_hours(doc: Json) -> float:
    volumes = [
        dimension["volume"]
        for period in doc["charging_periods"]
        for dimension in period["dimensions"]
        if dimension["type"] == "RESERVATION_TIME"
    ]
    return sum(volumes)


async def test_its_time_is_in_the_session_and_in_the_cdr(charger: Charger, db: Database, keys: KeyRing) -> None:
    await reserve(db, keys)
    await charger.say(1, BEGUN, verdict="accepted")
    live = (await charger.session()).body()
    assert (live["start_date_time"], reserved_hours(live)) == ("2026-03-01T11:00:00Z", 0.3333)
    assert live["total_cost"] == {"excl_vat": 2, "incl_vat": 2.42}, "waited for, and not charged yet"
    await charger.say(1, ENDED)
    [cdr] = await charger.cdrs()
    body = cdr.body()
    WireCdr.model_validate_json(orjson.dumps(body))
    assert (body["start_date_time"], body["end_date_time"]) == ("2026-03-01T10:40:00Z", "2026-03-01T11:30:00Z")
    assert body["charging_periods"][0]["dimensions"] == [{"type": "RESERVATION_TIME", "volume": 0.3333}]
    assert body["total_reservation_cost"] == {"excl_vat": 2, "incl_vat": 2.42}
    assert body["total_cost"] == {"excl_vat": 3.2, "incl_vat": 3.62}
    assert body["total_time"] == 0.5
    assert price_cdr(body["tariffs"], body).priced.total.incl_vat == Decimal("3.62"), "a partner comes to the same"
    assert (await kept(db)).state == ReservationState.USED
    assert (await charger.session()).started_at == at(0)


@pytest.mark.parametrize(
    ("how", "hours"),
    [
        ({}, 0.3333),
        ({"expires": at(-5)}, 0.25),
        ({"made": at(1)}, 0),
        ({"uid": "ANOTHER"}, 0),
        ({"uid": UID.lower()}, 0.3333),
        ({"emsp": "FR*ABC"}, 0),
        ({"emsp": "DE*EMS"}, 0.3333),
        ({"station_id": "CS-2"}, 0),
        ({"state": ReservationState.CANCELLED, "cancelled_at": at(-1)}, 0),
        ({"state": ReservationState.CANCELLED, "cancelled_at": at(1)}, 0.3333),
        ({"state": ReservationState.CANCELLED}, 0.3333),
        ({"state": ReservationState.ASKED}, 0.3333),
        ({"state": ReservationState.REFUSED}, 0.3333),
    ],
)
async def test_only_what_was_kept_for_this_driver_until_he_came_counts(
    charger: Charger, db: Database, keys: KeyRing, how: Json, hours: float
) -> None:
    """The charger's word that it began under a reservation holds, but for one that it gave back before."""
    await reserve(db, keys, **how)
    await charger.say(1, BEGUN, ENDED, verdict="accepted")
    [cdr] = await charger.cdrs()
    assert reserved_hours(cdr.body()) == hours
    is_here = how.get("station_id", "CS-1") == "CS-1"
    assert ((await kept(db)).state == ReservationState.USED) is is_here, "nobody pays for it as unused"


async def test_the_reference_of_a_reservation_comes_back_unless_there_is_a_later_one(
    charger: Charger, db: Database, keys: KeyRing
) -> None:
    """OCPI 2.2.1, mod_cdrs, authorization_reference: the last given value."""
    await reserve(db, keys, authorization_reference="RES-REF")
    await charger.say(1, BEGUN, ENDED, verdict="accepted")
    [cdr] = await charger.cdrs()
    assert cdr.body()["authorization_reference"] == "RES-REF"


@pytest.mark.parametrize("restarts", [False, True])
async def test_whatever_came_when_the_record_is_the_same(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock, restarts: bool
) -> None:
    """The start, the end, that it was billed as unused because nobody had heard of them, and an order to give the place
    back that the charger refuses; also when the process is another one each time."""
    happenings: list[Callable[[], Awaitable[None]]] = [
        lambda: charger.say(1, BEGUN, verdict="accepted"),
        lambda: charger.say(1, ENDED),
        lambda: biller(keys)(db, {}),
        lambda: settle(db, UNKNOWN, cancels=True),
    ]
    clock.advance(3600)
    seen, billed = set(), 0
    for order in permutations(happenings):
        await reserve(db, keys)
        for happening in order:
            charger.running = RunningSessions() if restarts else charger.running
            await happening()
        cdrs = await charger.cdrs()
        [cdr] = [each for each in cdrs if each.session_id is not None]
        owed = sum((each.total_cost for each in cdrs), Decimal(0))
        seen.add((reserved_hours(cdr.body()), cdr.total_cost, owed, (await kept(db)).state))
        billed += len(cdrs) > 1
        await clear(db)
    assert seen == {(0.3333, Decimal("3.2"), Decimal("3.2"), ReservationState.USED)}
    assert billed == 8, "so often it was billed as unused first, and credited"


async def clear(db: Database) -> None:
    tables: list[type[SQLModel]] = [Cdr, Session, TransactionMessage, Transaction, StationReservation]
    async with db.tx() as tx:
        for table in tables:
            await tx.execute(delete(table))


async def test_what_was_billed_as_unused_is_credited_when_a_charger_tells_late(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    await reserve(db, keys)
    clock.advance(3600)
    await biller(keys)(db, {})
    [unused] = await charger.cdrs()
    assert (unused.total_cost, (await kept(db)).cdr_id) == (9, unused.body()["id"])
    await charger.say(1, BEGUN, ENDED, verdict="accepted")
    await charger.follow(1)
    _, credited, cdr = await charger.cdrs()
    assert (credited.credit_of, credited.total_cost) == (unused.object_id, -9)
    assert (cdr.total_cost, (await kept(db)).state) == (Decimal("3.2"), ReservationState.USED)


async def test_an_operator_who_credited_it_before_is_not_in_the_way(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    await reserve(db, keys)
    clock.advance(3600)
    await biller(keys)(db, {})
    async with db.tx() as tx:
        [unused] = await tx.all(select(Cdr))
        await credit(tx, unused)
    await charger.say(1, BEGUN, ENDED, verdict="accepted")
    assert [each.total_cost for each in await charger.cdrs()] == [9, -9, Decimal("3.2")]


async def test_a_reservation_that_is_told_of_later_joins_the_session_that_runs(
    charger: Charger, db: Database, keys: KeyRing
) -> None:
    """OCPP 2.x: a vehicle is plugged in first, and the token that it is reserved for comes then."""
    await reserve(db, keys)
    await charger.say(1, replace(BEGUN, reservation_id=None), verdict="accepted")
    assert reserved_hours((await charger.session()).body()) == 0
    await charger.say(1, replace(BEGUN, kind=FactKind.UPDATED, key="u", at=at(1), meter_wh=None))
    assert reserved_hours((await charger.session()).body()) == 0.3333
    await charger.say(1, ENDED)
    [cdr] = await charger.cdrs()
    assert cdr.total_cost == Decimal("3.2")


async def test_one_that_is_told_of_after_the_cdr_is_for_a_person_to_look_at(
    charger: Charger, db: Database, keys: KeyRing
) -> None:
    await reserve(db, keys)
    await charger.say(1, replace(BEGUN, reservation_id=None), ENDED, verdict="accepted")
    await charger.say(1, replace(BEGUN, kind=FactKind.UPDATED, key="u", at=at(1), meter_wh=None))
    await charger.follow(1)
    [cdr] = await charger.cdrs()
    assert cdr.total_cost == Decimal("1.2")
    assert (await charger.session()).review == "which reservation it used was told after the CDR was issued"
    async with db.tx() as tx:
        await credit(tx, (await tx.all(select(Cdr)))[0], again=True)
    assert [each.total_cost for each in await charger.cdrs()] == [Decimal("1.2"), Decimal("-1.2"), Decimal("3.2")]
    assert (await charger.session()).review is None


@pytest.mark.parametrize("in_order", [True, False])
async def test_only_the_first_session_that_names_it_has_its_time(
    charger: Charger, db: Database, keys: KeyRing, in_order: bool
) -> None:
    """Some chargers go on naming it when the driver begins again."""
    await reserve(db, keys)
    second = [replace(BEGUN, at=at(32), meter_wh=Decimal(3000)), replace(ENDED, at=at(39), meter_wh=Decimal(6000))]
    told = {1: [BEGUN, ENDED], 2: second}
    for number in (1, 2) if in_order else (2, 1):
        await charger.say(number, told[number][0], verdict="accepted")
    for number in (1, 2):
        await charger.follow(number)  # the one that was taken for the first is followed again
        await charger.say(number, told[number][1])
    by_end = {cdr.body()["end_date_time"]: reserved_hours(cdr.body()) for cdr in await charger.cdrs()}
    assert by_end == {"2026-03-01T11:30:00Z": 0.3333, "2026-03-01T11:39:00Z": 0}
    row = await kept(db)
    assert (row.used_by, row.used_at) == (1, at(0))


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_one_that_the_charger_has_given_back_costs_nothing(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock, cancelled_first: bool
) -> None:
    """Whether we learn first of that, or of a session that began under it all the same."""
    late = replace(BEGUN, at=at(65))
    await reserve(db, keys, expires=at(90))
    happenings = [
        lambda: settle(db, DONE, cancels=True),
        lambda: charger.say(1, late, verdict="accepted"),
    ]
    for happening in happenings if cancelled_first else reversed(happenings):
        await happening()
    assert (await kept(db)).cancelled_at == at(60)
    clock.advance(1800)
    await charger.say(1, replace(ENDED, at=at(85)))
    [cdr] = await charger.cdrs()
    assert (reserved_hours(cdr.body()), cdr.total_cost) == (0, Decimal("1.2"))


async def test_what_a_driver_has_waited_by_now_is_known(charger: Charger, db: Database, keys: KeyRing) -> None:
    await reserve(db, keys, made=at(45), expires=at(90))

    async def waited(uid: str = UID, evse_id: int = 1, station_id: str | None = "CS-1") -> float:
        async with db.read() as tx:
            found = await waiting_until_now(tx, keys, Where(PLACE, station_id, evse_id), uid)
        return (found.end - found.start).total_seconds() if found is not None else 0

    assert await waited() == await waited(UID.lower()) == 15 * 60
    assert not await waited(uid="ANOTHER")
    assert not await waited(evse_id=2)
    assert not await waited(station_id="CS-2")
    assert not await waited(station_id=None)
    await settle(db, UNKNOWN, cancels=True)
    assert not await waited()


async def keep_for_partner(db: Database, keys: KeyRing, **how: Any) -> Keeping | None:
    asked: Json = {"station_id": "CS-1", "evse_id": 1, "token": UID, "expires_at": at(120), "platform_id": "P1"}
    asked |= {"emsp": "DE*EMS", "reservation_id": "R1", "authorization_reference": None, "anywhere": False}
    async with db.tx() as tx:
        return await reservations.keep_for_partner(tx, keys, **{**asked, **how})


async def test_a_reservation_that_is_made_longer_goes_on_and_a_new_one_gets_a_new_number(
    charger: Charger, db: Database, keys: KeyRing, clock: ManualClock
) -> None:
    """So that a charger that tells late of the first is not taken to mean the second."""
    first = await keep_for_partner(db, keys)
    assert first is not None
    async with db.tx() as tx:
        await reservations.settle(tx, first.row.number, DONE, cancels=False)
    made = clock.now()
    clock.advance(600)
    longer = await keep_for_partner(db, keys, expires_at=at(150), authorization_reference="AGAIN")
    assert longer is not None
    assert (longer.row.number, longer.row.created_at, longer.instead_of) == (first.row.number, made, None)
    assert (longer.row.expires_at, longer.row.authorization_reference) == (at(150), "AGAIN")
    begun = replace(BEGUN, at=at(80), reservation_id=first.row.number)
    clock.advance(3600)
    again = await keep_for_partner(db, keys, token="OTHERS", expires_at=at(200))
    assert again is not None
    assert (again.instead_of, again.row.reservation_id) == (first.row.number, "r1")
    assert again.row.number != first.row.number
    await charger.say(1, begun, replace(ENDED, at=at(85)), verdict="accepted")
    [cdr] = await charger.cdrs()
    assert reserved_hours(cdr.body()) == 0.3333
    async with db.read() as tx:
        states = {row.number: row.state for row in await tx.all(select(StationReservation))}
    assert states == {first.row.number: ReservationState.USED, again.row.number: ReservationState.ASKED}
    third = await keep_for_partner(db, keys, reservation_id="R2", expires_at=at(200))
    assert third is not None
    assert third.instead_of is None
    assert await keep_for_partner(db, keys, station_id="CS-2", reservation_id="R2") is None, "that would be two"
