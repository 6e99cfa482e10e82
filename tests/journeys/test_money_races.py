"""The same thing in several processes at once: exactly one wins. Row locks decide, so PostgreSQL is the judge."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from httpx import ASGITransport
from sqlalchemy import select

from csms.events import TransactionChanged
from csms.station import FactKind
from hub.app import Hub, open_hub
from hub.billing.tables import Bill
from hub.drivers.tables import PaymentMethod
from hub.endpoints import driver_app, json_app
from hub.schema import SCRIPTS
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr
from hub.starts.tables import Start
from kit import migrate
from payments.documents.tables import DocumentRow
from payments.tables import Hold
from payments.wallet_tables import WalletRefund
from tests.journeys.house import House, open_house

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def house(tmp_path: Path, postgresql_url: str) -> AsyncIterator[House]:
    await asyncio.to_thread(migrate.upgrade, postgresql_url, SCRIPTS)
    async with open_house(tmp_path, postgresql_url) as opened:
        yield opened


@pytest.fixture
async def others(house: House) -> AsyncIterator[list[Hub]]:
    """More processes of the same deployment."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(4):
            hub = await open_hub(house.hub.settings, public_url="http://hub.test", clock=house.clock)
            stack.push_async_callback(hub.close)
            made.append(hub)
        yield made


async def at_once(works: list[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*works))


async def test_one_quote_that_is_sent_to_every_process_at_once_is_one_start(house: House, others: list[Hub]) -> None:
    key = await house.driver("K-1")
    async with house.app(key) as app:
        quote = await app.quote(location_id="LOC1", evse_uid="E1")
    body = {"quote_id": quote["id"], "signature": quote["signature"]}

    async def begin(hub: Hub, idempotency_key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency_key}
        base = "http://hub.test/api/driver/v1"
        async with httpx.AsyncClient(transport=ASGITransport(driver_app(hub)), base_url=base) as http:
            return await http.post("/starts", json=body, headers=headers)

    answers = await at_once([begin(hub, str(uuid4())) for hub in others for _ in range(2)])
    assert sorted(answer.status_code for answer in answers) == [202, *[409] * 7]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"quote_used"}
    assert len(await house.rows(Start)) == 1
    assert len(await house.rows(Hold)) == 1
    assert len(await house.bank.intents()) == 1


async def test_one_request_that_is_sent_to_every_process_at_once_is_one_start(house: House, others: list[Hub]) -> None:
    key, same = await house.driver("K-1"), str(uuid4())
    async with house.app(key) as app:
        quote = await app.quote(location_id="LOC1", evse_uid="E1")
    body = {"quote_id": quote["id"], "signature": quote["signature"]}

    async def begin(hub: Hub) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": same}
        base = "http://hub.test/api/driver/v1"
        async with httpx.AsyncClient(transport=ASGITransport(driver_app(hub)), base_url=base) as http:
            return await http.post("/starts", json=body, headers=headers)

    answers = await at_once([begin(hub) for hub in others])
    assert {answer.status_code for answer in answers} <= {202, 409}
    [start] = await house.rows(Start)
    assert {answer.json()["id"] for answer in answers if answer.status_code == 202} == {start.id}
    assert len(await house.bank.intents()) == 1


async def test_a_session_that_every_process_bills_at_once_has_one_bill_and_one_capture(
    house: House, others: list[Hub]
) -> None:
    await house.held(await house.driver("K-1"))
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 5000)
    await house.work()
    await house.ends(charging)
    async with house.db.tx() as tx:  # as many times as there are processes, as jobs that run twice do it
        for _ in others:
            tx.emit(TransactionChanged(charging.number))
    await at_once([hub.worker.drain() for hub in others])
    async with house.db.tx() as tx:
        [cdr] = await tx.all(select(Cdr))
        for _ in others:
            tx.emit(CdrStored(cdr.country_code, cdr.party_id, cdr.object_id))
    await at_once([hub.worker.drain() for hub in others])
    await house.resolve()
    assert len(await house.rows(Bill)) == 1
    assert [hold.captured_minor for hold in await house.rows(Hold)] == [242]
    await house.every_cent_is_where_it_belongs()


async def test_a_charger_that_begins_while_its_start_is_given_up_leaves_no_hold_behind(
    house: House, others: list[Hub]
) -> None:
    await house.held(await house.driver("K-1"))
    house.clock.advance(3600)
    charging = await house.begins(house.heard[0])
    await at_once([hub.starter.expire(hub.db, {}) for hub in others[:2]] + [hub.worker.drain() for hub in others[2:]])
    await at_once([hub.worker.drain() for hub in others])
    await house.meters(charging, 5000)
    await at_once([hub.worker.drain() for hub in others])
    await house.says(charging, FactKind.ENDED)
    await at_once([hub.worker.drain() for hub in others])
    await house.resolve()
    await house.every_cent_is_where_it_belongs()


async def test_of_refunds_to_a_wallet_that_every_process_is_asked_for_as_many_win_as_fit(
    house: House, others: list[Hub]
) -> None:
    driver_id = await house.driver_id("W-1", PaymentMethod.WALLET)
    async with house.operator() as operator:
        answer = await operator.post(
            f"/drivers/{driver_id}/wallet/credits", json={"amount": 20}, headers={"Idempotency-Key": str(uuid4())}
        )
        assert answer.status_code == 200, answer.text
    start = await house.start(await house.key(driver_id))
    await house.work()
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 5000)
    await house.work()
    await house.ends(charging)
    await house.work()

    async def give_back(hub: Hub, idempotency_key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {house.operator_key}", "Idempotency-Key": idempotency_key}
        base, body = "http://hub.test/api/operator/v1", {"amount": "1.00", "reason": "it was slow"}
        async with httpx.AsyncClient(transport=ASGITransport(json_app(hub)), base_url=base) as http:
            return await http.post(f"/starts/{start['id']}/refunds", json=body, headers=headers)

    keys = [str(uuid4()) for _ in range(4)]
    answers = await at_once([give_back(hub, key) for key in keys for hub in others])
    won = [answer.json()[0]["id"] for answer in answers if answer.status_code == 202]
    assert (len(won), len(set(won))) == (8, 2), "2.42 were paid: two of one euro each, by each key alike"
    assert {answer.json()["code"] for answer in answers if answer.status_code != 202} == {"over_refund"}
    await at_once([hub.worker.drain() for hub in others])
    await house.resolve()
    assert [back.amount_minor for back in await house.rows(WalletRefund)] == [100, 100]
    notes = [each for each in await house.rows(DocumentRow) if each.corrects is not None]
    assert [note.net_minor + note.vat_minor for note in notes] == [100, 100]
    await house.every_cent_is_where_it_belongs({f"driver:{driver_id}": 2000})
