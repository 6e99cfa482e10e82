"""Journey 1: our driver on our charger."""

import asyncio

import pytest

from simulators.station import SimulatedStation
from tests.journeys.network import Network, eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
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


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_charger_that_starts_before_it_asks_gets_its_verdict_and_its_session(
    network: Network, protocol: str
) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol=protocol)

    await station.start("04AABBCCDD")
    await station.meter(1, 1500)
    await station.stop()

    async def cdrs() -> list[dict[str, object]]:
        return (await network.get("/cdrs"))["items"]

    [cdr] = await eventually(cdrs)
    assert float(cdr["kwh"]) == 1.5  # type: ignore[arg-type]
    [session] = (await network.get("/sessions"))["items"]
    assert (session["review"], session["emsp"]) == (None, "NL*PLB")
    assert session["start_id"] is not None


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_charger_that_loses_its_connection_while_it_charges_has_one_session_with_all_energy(
    network: Network, protocol: str
) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    station = await network.station(protocol=protocol)
    assert await station.authorize("04AABBCCDD") == "Accepted"
    await station.start("04AABBCCDD")
    await station.meter(1, 700)

    await station.disconnect(hard=True)
    await station.meter(1, 1100)
    await station.connect()
    await station.meter(1, 200)
    await station.stop()

    async def cdrs() -> list[dict[str, object]]:
        return (await network.get("/cdrs"))["items"]

    [cdr] = await eventually(cdrs)
    assert float(cdr["kwh"]) == 2.0  # type: ignore[arg-type]
    [session] = (await network.get("/sessions"))["items"]
    assert (session["status"], session["review"]) == ("COMPLETED", None)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_second_socket_with_the_same_identity_takes_the_charger_over(network: Network, protocol: str) -> None:
    await network.publish()
    await network.send("POST", "/tokens", {"uid": "04AABBCCDD"}, expect=201)
    first = await network.station(protocol=protocol)
    second = SimulatedStation("CS-1", first.url, password=first.password, protocol=protocol, meter_interval_s=0.05)
    network.stack.push_async_callback(second.close)

    await second.connect()

    async with asyncio.timeout(30):
        await first.wait_disconnected()
    heartbeat = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
    answer = await network.send("POST", "/stations/CS-1/calls", heartbeat)
    assert answer["payload"] == {"status": "Accepted"}
    assert [action for action, _ in second.received] == ["TriggerMessage"]
    assert first.received == []
    assert await second.tap("04AABBCCDD", seconds=0.2) is not None
    assert [station["connected"] for station in (await network.get("/stations"))["items"]] == [True]


async def test_energy_that_nobody_authorized_is_recorded_for_a_person_to_look_at(network: Network) -> None:
    await network.publish()
    station = await network.station()

    await station.start("NOBODYS-CARD")
    await station.meter(1, 900)
    await station.stop()

    async def ended() -> bool:
        items = (await network.get("/sessions"))["items"]
        return bool(items) and items[0]["status"] == "COMPLETED"

    await eventually(ended)
    [session] = (await network.get("/sessions"))["items"]
    assert float(session["kwh"]) == 0.9
    assert session["review"] == "nobody has authorized this token"
