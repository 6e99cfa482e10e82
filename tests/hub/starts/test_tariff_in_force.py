"""The tariff in force at the start of a session prices all of it, whatever happens to it since."""

from decimal import Decimal
from typing import Any

import pytest

from csms.station import FactKind, TransactionFact
from hub.starts.service import NOTHING_IN_FORCE
from hub.tariffs import service as tariffs
from tests.hub.starts.charger import Charger, at, tariff

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

BEGUN = TransactionFact(FactKind.STARTED, "s", at(0), evse_id=1, token="0411AABBCC", meter_wh=Decimal(0))
ENDED = TransactionFact(FactKind.ENDED, "e", at(30), meter_wh=Decimal(3000))


async def publish(charger: Charger, price: float, **changes: Any) -> None:
    doc: Json = {**tariff(), "elements": [{"price_components": [{"type": "ENERGY", "price": price, "step_size": 1}]}]}
    async with charger.db.tx() as tx:
        await tariffs.put(tx, {**doc, **changes}, platform_id=None)


async def test_a_price_that_changes_on_the_way_is_for_later_sessions(charger: Charger) -> None:
    await charger.store_token(whitelist="ALWAYS")
    await charger.say(1, BEGUN, verdict="ALLOWED")
    await publish(charger, 99)
    await charger.say(1, ENDED)
    session = await charger.session()
    assert session.total_cost == Decimal("1.2")


async def test_a_tariff_that_is_over_prices_nothing_and_a_person_looks(charger: Charger) -> None:
    await charger.store_token(whitelist="ALWAYS")
    await publish(charger, 0.4, end_date_time="2026-02-28T23:59:59Z")
    await charger.say(1, BEGUN, ENDED, verdict="ALLOWED")
    session = await charger.session()
    assert (session.total_cost, session.review) == (None, NOTHING_IN_FORCE)
    assert await charger.cdrs() == []
