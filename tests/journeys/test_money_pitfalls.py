"""What has cost others money, on the way from a charger's word to the bill; the table is in `docs/payments.md`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from csms.station import FactKind
from hub.billing.tables import Bill
from hub.starts.tables import Start
from hub.tariffs import service as tariffs
from payments.tables import Hold
from tests.journeys.house import House, open_house, priced

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
