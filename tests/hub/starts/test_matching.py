"""Which attempt a session came of: by command, by verdict, by token; never somebody else's, never a forgotten one."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import delete
from sqlmodel import SQLModel

from csms.station import ChargingState, FactKind, TransactionFact
from csms.tables import Transaction, TransactionMessage
from hub.sessions import service as sessions
from hub.sessions.tables import Cdr, Session
from hub.starts import service
from hub.starts.lifecycle import StartMethod, StartState
from hub.starts.service import Asked
from hub.starts.tables import FORGOTTEN, Start
from hub.stations.service import Place
from hub.stations.tables import by_evse_uid
from hub.tokens.flows import UNKNOWN, Authorization
from hub.tokens.whitelist import Verdict
from kit.clock import ManualClock
from kit.tx import Database
from tests.hub.starts.charger import PLACE, STAMP, Charger, at, token

pytestmark = pytest.mark.anyio

UID = "0411AABBCC"
ALLOWED = Authorization(Verdict.ALLOWED, token(), reference="AUTH-1")
BEGUN = TransactionFact(FactKind.STARTED, "s", at(0), evse_id=1, token=UID, meter_wh=Decimal(0))
ENDED = TransactionFact(FactKind.ENDED, "e", at(30), meter_wh=Decimal(3000))


async def attempt(
    charger: Charger,
    *,
    station_id: str | None = "CS-1",
    place: Place | None = PLACE,
    evse_id: int | None = 1,
    method: StartMethod = StartMethod.RFID,
    verdict: Authorization = ALLOWED,
    uid: str = UID,
    commanded: bool = False,
) -> Start:
    async with charger.db.tx() as tx:
        asked = Asked(method, uid, place, station_id=station_id, evse_id=evse_id)
        start = service.note(tx, charger.keys, asked)
        service.decide(tx, start, verdict)
        if commanded:
            start.state = StartState.COMMANDED
    return start


async def test_a_transaction_belongs_to_the_tap_with_its_token(charger: Charger) -> None:
    other = await attempt(charger, uid="OTHER")
    tap = await attempt(charger, evse_id=None)

    await charger.say(1, BEGUN, verdict="accepted")
    assert (await charger.start(tap.id)).state == StartState.CHARGING
    await charger.say(1, ENDED)

    session = await charger.session()
    assert (session.start_id, session.review, session.audience) == (tap.id, None, "DE*EMS")
    assert session.body()["authorization_reference"] == "AUTH-1"
    assert (await charger.start(tap.id)).state == StartState.ENDED
    assert (await charger.start(other.id)).session_id is None
    [cdr] = await charger.cdrs()
    assert cdr.total_cost == Decimal("1.2")


async def test_a_command_is_recognised_by_its_number_at_its_own_charger_only(charger: Charger) -> None:
    start = await attempt(charger, method=StartMethod.API, commanded=True)
    number = start.remote_start_id
    elsewhere = TransactionFact(FactKind.STARTED, "s", at(0), evse_id=1, token="X", remote_start_id=number)
    await charger.say(1, elsewhere, station_id="CS-2", verdict="accepted")
    assert (await charger.start(start.id)).session_id is None
    assert (await charger.session()).review == "nobody has authorized this token"

    here = TransactionFact(FactKind.STARTED, "s2", at(0), evse_id=1, remote_start_id=number)
    await charger.say(2, here)

    assert (await charger.start(start.id)).state == StartState.CHARGING


async def test_a_verdict_leads_to_its_attempt_at_its_own_charger_only(charger: Charger) -> None:
    first, second = await attempt(charger), await attempt(charger)
    await charger.say(1, BEGUN, station_id="CS-2", verdict="accepted", start=first.id)
    assert (await charger.start(first.id)).session_id is None
    await charger.say(2, BEGUN, verdict="accepted", start=first.id)
    assert (await charger.start(first.id)).session_id is not None, "although a newer attempt fits as well"
    assert (await charger.start(second.id)).session_id is None


@pytest.mark.parametrize("evse_id", [1, 2])
async def test_an_attempt_at_one_evse_is_not_that_of_another(charger: Charger, evse_id: int) -> None:
    start = await attempt(charger, evse_id=1)
    begun = TransactionFact(FactKind.STARTED, "s", at(0), evse_id=evse_id, token=UID, meter_wh=Decimal(0))
    await charger.say(1, begun, verdict="accepted")
    assert ((await charger.start(start.id)).session_id is not None) == (evse_id == 1)


async def test_a_charger_that_starts_after_we_gave_up_is_believed_but_not_for_ever(
    charger: Charger, clock: ManualClock
) -> None:
    start = await attempt(charger)
    async with charger.db.tx() as tx:
        row = await tx.get(Start, start.id)
        assert row is not None
        row.state = StartState.EXPIRED
    clock.advance((service.PATIENCE + FORGOTTEN).total_seconds() - 60)
    await charger.say(1, BEGUN, verdict="accepted")
    assert (await charger.start(start.id)).state == StartState.CHARGING
    old = await attempt(charger)
    clock.advance((service.PATIENCE + FORGOTTEN + timedelta(seconds=1)).total_seconds())
    await charger.say(2, BEGUN, verdict="accepted")
    assert (await charger.start(old.id)).session_id is None


@pytest.mark.parametrize(
    ("stored", "review"),
    [
        ({}, None),
        ({"whitelist": "ALWAYS"}, None),
        ({"whitelist": "ALWAYS", "valid": False}, None),
        ({"whitelist": "ALLOWED_OFFLINE"}, None),
        ({"valid": False}, "the token may not charge without its eMSP being asked"),
        ({"whitelist": "NEVER"}, "the token may not charge without its eMSP being asked"),
    ],
)
async def test_a_card_that_charged_while_the_charger_was_offline_is_billed_only_if_it_might(
    charger: Charger, stored: dict[str, Any], review: str | None
) -> None:
    await charger.store_token(**stored)
    await charger.say(1, BEGUN, ENDED, verdict="accepted")
    session = await charger.session()
    assert (session.review, session.audience) == (review, "DE*EMS")
    assert len(await charger.cdrs()) == (review is None)


async def test_a_driver_who_was_refused_and_charged_all_the_same_is_not_billed(charger: Charger) -> None:
    await charger.store_token(whitelist="ALLOWED_OFFLINE")
    refused = await attempt(charger, verdict=Authorization(Verdict.NO_CREDIT, token()))
    await charger.say(1, BEGUN, ENDED, verdict="no_credit", start=refused.id)
    assert (await charger.session()).review == "the driver was refused"
    assert await charger.cdrs() == []


async def test_a_card_that_nobody_knows_is_billed_to_nobody_until_a_person_says_so(charger: Charger) -> None:
    await attempt(charger, verdict=UNKNOWN)
    await charger.say(1, BEGUN, ENDED, verdict="invalid")
    session = await charger.session()
    assert (session.review, session.audience) == ("nobody has authorized this token", "NL*PLB")
    assert await charger.cdrs() == []
    async with charger.db.tx() as tx:
        row = await tx.get(Session, session.id)
        assert row is not None
        await sessions.release(tx, row)
    [cdr] = await charger.cdrs()
    assert cdr.energy_wh == 3000
    await charger.follow(1)
    assert len(await charger.cdrs()) == 1


async def test_a_car_that_is_plugged_in_before_the_card_is_read_is_the_drivers(charger: Charger) -> None:
    plugged = TransactionFact(
        FactKind.STARTED, "s", at(0), evse_id=1, meter_wh=Decimal(0), state=ChargingState.EV_CONNECTED
    )
    await charger.say(1, plugged)
    assert await charger.rows(Session) == [], "nobody's yet"
    tap = await attempt(charger)
    tapped = TransactionFact(FactKind.UPDATED, "u", at(1), token=UID, state=ChargingState.CHARGING)
    await charger.say(1, tapped, verdict="accepted")
    await charger.say(1, ENDED)
    session = await charger.session()
    assert (session.start_id, session.review, session.audience) == (tap.id, None, "DE*EMS")
    assert len(await charger.cdrs()) == 1


async def test_messages_in_any_order_lead_to_the_same_session_and_one_cdr(charger: Charger) -> None:
    """A station that was offline tells everything at once, or backwards."""
    await charger.store_token()
    told = [
        TransactionFact(
            FactKind.STARTED, "s", at(0), evse_id=1, meter_wh=Decimal(100), state=ChargingState.EV_CONNECTED
        ),
        TransactionFact(FactKind.UPDATED, "t", at(1), token=UID, state=ChargingState.CHARGING),
        TransactionFact(FactKind.UPDATED, "p", at(20), state=ChargingState.SUSPENDED_EV),
        TransactionFact(FactKind.ENDED, "e", at(30), meter_wh=Decimal(3100)),
    ]
    for order in permutations(told):
        for fact in order:
            await charger.say(1, fact, verdict="accepted" if fact.token else None)
            await charger.follow(1)
        session = await charger.session()
        [cdr] = await charger.cdrs()
        names = [fact.key for fact in order]
        assert (session.audience, session.energy_wh, cdr.energy_wh) == ("DE*EMS", 3000, 3000), names
        assert session.review in (None, "the charger's record changed after the CDR was issued"), names
        assert cdr.body()["cdr_token"]["uid"] == UID
        async with charger.db.tx() as tx:
            models: list[type[SQLModel]] = [Session, Cdr, Transaction, TransactionMessage]
            for model in models:
                await tx.execute(delete(model))


def partner_session(session_id: str, *, party: str = "CPO", evse_uid: str = "E1", **fields: Any) -> dict[str, Any]:
    cdr_token = {name: token()[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
    return {
        "country_code": "BE",
        "party_id": party,
        "id": session_id,
        "start_date_time": STAMP,
        "kwh": 1.0,
        "cdr_token": cdr_token,
        "auth_method": "COMMAND",
        "location_id": "L1",
        "evse_uid": evse_uid,
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": STAMP,
        **fields,
    }


async def report(charger: Charger, body: dict[str, Any]) -> Session:
    async with charger.db.tx() as tx:
        kept = await sessions.receive(tx, body, platform_id="P1")
        await service.match_partner_session(tx, charger.keys, kept.row)
    return kept.row


THERE = Place("BE", "CPO", "L1", "E1", "1")


async def at_partner(charger: Charger, place: Place = THERE, *, verdict: Authorization = ALLOWED) -> Start:
    return await attempt(
        charger,
        station_id=None,
        evse_id=None,
        place=place,
        method=StartMethod.API,
        verdict=verdict,
        commanded=verdict is ALLOWED,
    )


async def test_a_partners_session_belongs_to_the_attempt_at_its_evse(charger: Charger) -> None:
    elsewhere = await at_partner(charger, Place("BE", "CPO", "L1", "E2", "1"))
    refused = await at_partner(charger, verdict=UNKNOWN)
    start = await at_partner(charger, Place("BE", "CPO", "L1", "e1", "1"))
    newer_elsewhere = await at_partner(charger, Place("BE", "OTH", "L1", "E1", "1"))

    await report(charger, partner_session("1001"))

    assert (await charger.start(start.id)).state == StartState.CHARGING
    for other in (elsewhere, refused, newer_elsewhere):
        assert (await charger.start(other.id)).session_id is None
    await report(charger, partner_session("1001", status="COMPLETED", last_updated="2026-03-01T09:30:00Z"))
    assert (await charger.start(start.id)).state == StartState.ENDED


async def test_the_same_session_id_at_another_cpo_is_another_session(charger: Charger) -> None:
    """Ids of sessions are unique within their CPO; a stranger's must not touch our driver's attempt."""
    start = await at_partner(charger)
    await report(charger, partner_session("1001"))
    usurper = await report(charger, partner_session("1001", party="OTH", status="COMPLETED"))
    assert usurper.start_id is None
    assert (await charger.start(start.id)).state == StartState.CHARGING


async def test_two_reports_at_once_match_one_attempt(charger: Charger, db: Database) -> None:
    start = await at_partner(charger)
    rows = await asyncio.gather(*(report(charger, partner_session(f"100{number}")) for number in range(3)))
    assert sum(row.start_id == start.id for row in rows) == 1


async def test_an_evse_is_found_however_its_id_is_spelled(charger: Charger, db: Database) -> None:
    async with db.read() as tx:
        found = await by_evse_uid(tx, "NL", "PLB", "e1")
        assert found is not None
        assert (found.evse_uid, await by_evse_uid(tx, "NL", "PLX", "E1")) == ("E1", None)
