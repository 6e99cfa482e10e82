"""One correlation id from the driver's card to the last delivery."""

import pytest

from tests.journeys.network import PARTNER_TOKEN, Network, eventually

pytestmark = pytest.mark.anyio


async def test_what_a_tap_leads_to_carries_one_correlation_id(network: Network) -> None:
    await network.publish()
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[PARTNER_TOKEN["uid"]] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    station = await network.station()
    await station.tap(PARTNER_TOKEN["uid"], seconds=0.2)

    async def billed() -> bool:
        return bool(emsp.state.cdrs) and any(
            push.body["status"] == "COMPLETED" for push in emsp.state.pushed if push.module == "sessions" and push.body
        )

    await eventually(billed)
    asked = emsp.state.asked_under[-1]
    told = {push.correlation_id for push in emsp.state.pushed if push.module in ("sessions", "cdrs")}
    assert told == {asked}
