"""A charger that begins after its start was given up: the price is the one that was promised, and it is paid."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from csms.commands import CommandStatus
from csms.station import TokenType
from hub.drivers.tables import Driver, PaymentMethod
from hub.sessions import service as sessions
from hub.starts.lifecycle import StartState
from hub.starts.service import match_partner_session
from hub.starts.tables import Start, locked
from hub.starts.taps import Tap
from hub.tariffs import service as tariffs
from kit.job_rows import JobRow
from payments import wallet
from payments.tables import Debt, Hold
from payments.wallet_tables import Earmark
from tests.journeys.house import Charging, House, open_house, priced
from tests.journeys.peers import session_of
from tests.payments.shop import eur

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

JOBS_OF_THE_START = update(JobRow).where(col(JobRow.lane).like("starts.money:%"))


@pytest.fixture
async def house(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, migrated_database_url) as opened:
        yield opened


async def held(house: House, card: str = "pm_card_visa") -> str:
    return await house.held(await house.driver("K-1"), card=card)


async def charged(house: House, charging: Charging, energy_wh: int = 5000) -> None:
    """The session goes on to its end, and the money is where it belongs."""
    await house.meters(charging, energy_wh)
    await house.work()
    await house.ends(charging)
    await house.resolve()
    await house.every_cent_is_where_it_belongs()


@pytest.mark.parametrize("how", ["never plugged in", "no answer"])
async def test_a_session_that_begins_after_all_is_held_for_anew_at_the_promised_price(house: House, how: str) -> None:
    if how == "no answer":
        house.answers = CommandStatus.TIMED_OUT
    start_id = await held(house)
    [order] = house.heard
    await house.pass_time(3600)
    assert (await house.one(Start, start_id)).state in ("FAILED", "EXPIRED")
    async with house.db.tx() as tx:
        await tariffs.put(tx, priced(9), platform_id=None)
    charging = await house.begins(order)
    await house.work()
    first, second = await house.rows(Hold)
    assert (first.state, second.state, second.amount_minor) == ("VOIDED", "HELD", first.amount_minor)
    await charged(house, charging)
    assert house.told_to_stop == []
    assert (await house.one(Hold, second.id)).captured_minor == 242


async def earmark_of(house: House, start_id: str) -> Earmark:
    found = await house.one(Earmark, start_id)
    assert isinstance(found, Earmark)
    return found


@pytest.mark.parametrize("enough", [True, False])
async def test_a_session_that_begins_after_all_is_paid_from_a_wallet_that_has_enough(
    house: House, enough: bool
) -> None:
    driver_id = await house.driver_id("W-1", PaymentMethod.WALLET)
    owner = f"driver:{driver_id}"
    async with house.db.tx() as tx:
        await wallet.open_wallet(tx, owner, "EUR")
        await wallet.credit(tx, owner, eur(1100), reference="a gift")
    start_id = str((await house.start(await house.key(driver_id)))["id"])
    await house.work()
    [order] = house.heard
    await house.pass_time(3600)
    assert (await earmark_of(house, start_id)).state == "RELEASED"
    if not enough:
        async with house.db.tx() as tx:
            await wallet.reserve(tx, owner, "another start", eur(101))
    charging = await house.begins(order)
    await house.work()
    assert (await earmark_of(house, start_id)).state == ("KEPT" if enough else "RELEASED")
    await house.meters(charging, 5000)
    await house.work()
    assert house.told_to_stop == ([] if enough else ["1"])
    async with house.db.tx() as tx:
        await wallet.release(tx, "another start")
    await house.ends(charging)
    await house.resolve()
    await house.every_cent_is_where_it_belongs({owner: 1100})
    paid = await earmark_of(house, start_id)
    assert (paid.state, paid.spent_minor) == ("SPENT", 242)


async def test_a_session_that_nothing_can_be_held_for_is_stopped_at_once_and_owed(house: House) -> None:
    key = await house.driver("K-1")
    start_id = await house.held(key, card="pm_card_authenticationRequired")
    [order] = house.heard
    await house.pass_time(3600)
    charging = await house.begins(order)
    await house.work()
    assert house.told_to_stop == ["1"]
    await house.meters(charging, 100)
    await house.work()
    assert house.told_to_stop == ["1"], "it was asked a moment ago"
    await house.pass_time(61)
    await house.meters(charging, 100)
    await house.work()
    assert house.told_to_stop == ["1", "1"], "it may not have heard"
    await charged(house, charging, 2000)
    [debt] = await house.rows(Debt)
    assert (debt.amount_minor, debt.reason) == (106, "authentication_required")
    async with house.app(key) as app:
        [shown] = (await app.http.get("/debts")).json()
        assert (shown["start_id"], shown["amount"]) == (start_id, "1.06")
        assert (await app.see({"id": start_id}))["payment"]["owed"] == "1.06"


async def test_a_charger_that_begins_before_the_money_is_given_back_keeps_it(house: House) -> None:
    start_id = await held(house)
    [order] = house.heard
    house.clock.advance(3600)
    await house.hub.starter.expire(house.db, {})
    assert (await house.one(Start, start_id)).state == StartState.EXPIRED
    charging = await house.begins(order)
    async with house.db.tx() as tx:  # the session is followed before what was left to do about the start
        await tx.execute(JOBS_OF_THE_START.values(run_at=tx.now + timedelta(seconds=1)))
    await house.work()
    await house.pass_time(2)
    [hold] = await house.rows(Hold)
    assert hold.state == "HELD"
    await charged(house, charging)


async def test_a_hold_that_the_bank_gives_up_while_a_car_charges_is_placed_anew(house: House) -> None:
    await held(house)
    [order] = house.heard
    charging = await house.begins(order)
    await house.meters(charging, 1000)
    await house.work()
    await house.pass_time(8 * 86_400)
    await house.meters(charging, 1000)
    await house.work()
    assert [hold.state for hold in await house.rows(Hold)] == ["EXPIRED", "HELD"]
    await charged(house, charging)


async def test_a_late_session_that_is_taken_for_that_of_a_start_without_money_is_stopped(house: House) -> None:
    """The same driver's next start waits for its money when the charger begins what it was told before."""
    await held(house)
    [order] = house.heard
    await house.pass_time(3600)
    driver = (await house.rows(Start))[0].driver_id
    key = await house.key(driver)
    second = await house.start(key)
    charging = await house.begins(replace(order, remote_start_id=0))  # as one of OCPP 1.6 tells it
    await house.work()
    assert (await house.one(Start, second["id"])).state == StartState.CHARGING
    assert house.told_to_stop == ["1"]
    await house.meters(charging, 100)
    await house.ends(charging)
    await house.resolve()
    assert [debt.amount_minor for debt in await house.rows(Debt)] == [5], "recorded"


async def test_a_late_session_that_is_billed_later_costs_nothing_now(house: House) -> None:
    key = await house.driver("K-1", PaymentMethod.INVOICE)
    await house.start(key)
    await house.work()
    await house.pass_time(3600)
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 100)
    await house.work()
    assert house.told_to_stop == []
    assert await house.rows(Hold) == []


async def partners_start(house: House) -> Start:
    """A start at a partner's charger, which was told."""
    await held(house)
    [start] = await house.rows(Start)
    async with house.db.tx() as tx:
        row = await locked(tx, start.id)
        assert row is not None
        row.station_id, row.country_code, row.party_id, row.evse_uid = None, "BE", "CPO", "E1"
    return start


async def partner_says(house: House, status: str) -> None:
    body = session_of("BE*CPO", "S-1", "NL*PLB", evse_uid="E1", status=status)
    [driver] = await house.rows(Driver)
    body["cdr_token"]["uid"] = driver.token_uid
    async with house.db.tx() as tx:
        kept = await sessions.receive(tx, body, platform_id="P1")
        await match_partner_session(tx, house.hub.keys, kept.row)
    await house.work()


async def test_a_partner_that_declares_a_session_invalid_gets_nothing_and_the_money_goes_back(house: House) -> None:
    await partners_start(house)
    await partner_says(house, "ACTIVE")
    assert [hold.state for hold in await house.rows(Hold)] == ["HELD"]
    await partner_says(house, "INVALID")
    assert [hold.state for hold in await house.rows(Hold)] == ["VOIDED"]


async def test_a_session_that_a_partner_only_announced_is_ended_before_the_money_goes_back(house: House) -> None:
    await partners_start(house)
    await partner_says(house, "PENDING")
    asked = []

    async def partner_command(starter: object, start: Start, command: str, body: object) -> str:
        [hold] = await house.rows(Hold)
        asked.append((command, hold.state))
        return "ACCEPTED"

    with pytest.MonkeyPatch().context() as patched:
        patched.setattr(type(house.hub.starter), "_partner_command", partner_command)
        await house.pass_time(3600)
    assert asked == [("STOP_SESSION", "HELD")]
    assert [hold.state for hold in await house.rows(Hold)] == ["VOIDED"]


@pytest.mark.parametrize("late", [False, True])
async def test_a_charger_that_asks_again_about_a_guest_whom_it_was_told_of_may_go_on(house: House, late: bool) -> None:
    """The answer to its message was lost: a second attempt, or a no, would end a session that is paid."""
    start_id = await house.held(None)
    [order] = house.heard
    if late:
        await house.pass_time(3600)
    for _ in range(2):
        verdict, reference = await house.hub.taps.tap(Tap("CS-1", 1, order.token, TokenType.CENTRAL))
        assert (verdict.allowed, reference) == (True, start_id)
        if not house.transactions:
            await house.begins(order)
            await house.work()
    assert len(await house.rows(Start)) == 1
