"""What has cost others money, on the way from a charger's word to the bill; the table is in `docs/payments.md`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from csms.station import FactKind
from hub.billing.tables import Bill
from hub.drivers.tables import PaymentMethod
from hub.sessions.tables import Cdr
from hub.starts.tables import Start
from hub.tariffs import service as tariffs
from payments.documents.tables import DocumentRow
from payments.tables import Hold
from payments.wallet_tables import WalletRefund
from tests.journeys.house import House, open_house, priced
from tests.journeys.proof import balances_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path, migrated_database_url: str) -> AsyncIterator[House]:
    async with open_house(tmp_path, migrated_database_url) as opened:
        yield opened


async def test_a_session_without_energy_costs_nothing_and_holds_nothing(house: House) -> None:
    await house.held(await house.driver("K-1"))
    charging = await house.begins(house.heard[0])
    await house.ends(charging)
    await house.resolve()
    await house.every_cent_is_where_it_belongs()
    assert [bill.gross.amount_minor for bill in await house.rows(Bill)] == [0]
    assert [hold.state for hold in await house.rows(Hold)] == ["VOIDED"]


async def test_two_ends_of_one_session_are_billed_once_by_the_first(house: House) -> None:
    await house.held(await house.driver("K-1"))
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 5000)
    await house.ends(charging)
    await house.work()
    await house.says(charging, FactKind.ENDED)
    await house.resolve()
    await house.every_cent_is_where_it_belongs()


async def test_what_is_shown_is_what_is_taken_just_below_half_a_cent(house: House) -> None:
    key = await house.driver("K-1")
    start_id = await house.held(key)
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 2469)  # 1.194996: 1.1950 with the four decimals of OCPI, which would round up
    await house.ends(charging)
    await house.resolve()
    async with house.app(key) as app:
        seen = await app.see({"id": start_id})
    assert (seen["cost"], seen["payment"]["captured"]) == ("1.19", "1.19")


async def test_one_driver_at_two_places_at_once_pays_each_for_itself(house: House) -> None:
    key = await house.driver("K-1")
    for evse_uid in ("E1", "E2"):
        await house.held(key, evse_uid=evse_uid)
    sessions = [await house.begins(order) for order in house.heard]
    for energy_wh, charging in zip((3000, 7000), sessions, strict=True):
        await house.meters(charging, energy_wh)
    await house.work()
    assert [start.state for start in await house.rows(Start)] == ["CHARGING", "CHARGING"]
    for charging in reversed(sessions):
        await house.ends(charging)
    await house.resolve()
    await house.every_cent_is_where_it_belongs()
    assert sorted(hold.captured_minor for hold in await house.rows(Hold)) == [145, 339]


async def test_a_tariff_that_changes_while_a_car_charges_changes_nothing_for_it(house: House) -> None:
    await house.held(await house.driver("K-1"))
    charging = await house.begins(house.heard[0])
    await house.meters(charging, 2000)
    await house.work()
    async with house.db.tx() as tx:
        await tariffs.put(tx, priced(9), platform_id=None)
    await house.meters(charging, 3000)
    await house.ends(charging)
    await house.resolve()
    await house.every_cent_is_where_it_belongs()


async def test_a_wallet_that_got_a_part_back_gets_the_rest_alone_when_the_session_is_taken_back(house: House) -> None:
    driver_id = await house.driver_id("W-1", PaymentMethod.WALLET)
    gift, first, second = ({"Idempotency-Key": f"the-request-{number}"} for number in range(3))
    async with house.operator() as operator:
        await operator.post(f"/drivers/{driver_id}/wallet/credits", json={"amount": 20}, headers=gift)
        start = await house.start(await house.key(driver_id))
        await house.work()
        charging = await house.begins(house.heard[0])
        await house.meters(charging, 5000)
        await house.ends(charging)
        await house.work()
        path, asked = f"/starts/{start['id']}/refunds", {"amount": "1.00", "reason": "it was slow"}
        answer = await operator.post(path, json=asked, headers=first)
        assert answer.status_code == 202, answer.text
        [cdr] = await house.rows(Cdr)
        credited = await operator.post(f"/cdrs/NL*PLB/{cdr.body()['id']}/credit", json={})
        assert credited.status_code == 201, credited.text
        await house.resolve()
        again = await operator.post(path, json=asked, headers=first)
        assert (again.status_code, again.json()) == (202, answer.json()), "the same request is the same refund"
        late = await operator.post(path, json=asked, headers=second)
        assert (late.status_code, late.json()["code"]) == (409, "nothing_paid")
    assert [back.amount_minor for back in await house.rows(WalletRefund)] == [100, 142]
    notes = [each for each in await house.rows(DocumentRow) if each.corrects is not None]
    assert [note.net_minor + note.vat_minor for note in notes] in ([100, 142], [242])
    balances = await balances_of(house.db)
    assert balances == {"goodwill": balances["goodwill"], f"wallet:driver:{driver_id}": 2000}
