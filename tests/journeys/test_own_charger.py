"""Journey 1: our driver on our charger."""

import pytest

from tests.journeys.network import Network, eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_our_driver_taps_at_our_charger_and_a_priced_cdr_is_stored(network: Network, protocol: str) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol=protocol)

    charged = await station.tap("04AABBCCDD", seconds=0.6)

    assert charged is not None

    async def cdrs() -> list[dict[str, object]]:
        return (await network.get("/cdrs"))["items"]

    [cdr] = await eventually(cdrs)
    kwh = charged.energy_wh / 1000
    assert float(cdr["kwh"]) == pytest.approx(kwh)
    assert float(cdr["total_cost"]) == pytest.approx(0.5 + 0.4 * kwh, abs=0.0001)
    [session] = (await network.get("/sessions"))["items"]
    assert session["status"] == "COMPLETED"
    assert session["review"] is None
