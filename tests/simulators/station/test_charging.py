"""A driver's visit as the central system sees it, and what the station counts itself."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simulators.station import NeutralAnswer, SimulatedStation, StopReason, Vehicle

pytestmark = pytest.mark.anyio

Made = Callable[..., SimulatedStation]
Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
FULL = Vehicle(capacity_wh=100, stored_mwh=99_000)


def registers(central: Any, protocol: str) -> list[int]:
    """Every reading of the energy register that the central system was told, in order."""
    found = []
    for _, payload in central.calls:
        meter_values = payload.get("meterValue", [])
        samples = [sample for value in meter_values for sample in value["sampledValue"]]
        found += [int(each["value"]) for each in samples if each["measurand"] == "Energy.Active.Import.Register"]
        found += [payload[name] for name in ("meterStart", "meterStop") if name in payload]
    return found


async def test_a_visit_is_told_from_the_first_touch_to_the_last(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()

    charged = await station.tap("04AABBCC", seconds=0.1)

    assert charged is not None
    assert charged.verdict is NeutralAnswer.ACCEPTED
    if protocol == "ocpp1.6":
        statuses = [payload["status"] for payload in central.payloads("StatusNotification")]
        assert statuses == ["Available", "Preparing", "Charging", "Finishing", "Available"]
        [start], [stop] = central.payloads("StartTransaction"), central.payloads("StopTransaction")
        assert stop["meterStop"] - start["meterStart"] == charged.energy_wh
        assert stop["transactionId"] == charged.transaction_id == 1001
        assert all(each["transactionId"] == 1001 for each in central.payloads("MeterValues"))
    else:
        statuses = [payload["connectorStatus"] for payload in central.payloads("StatusNotification")]
        assert statuses == ["Available", "Occupied", "Available"]
        events = central.payloads("TransactionEvent")
        assert [event["seqNo"] for event in events] == list(range(len(events)))
        assert [event["eventType"] for event in events] == ["Started", *["Updated"] * (len(events) - 2), "Ended"]
        assert {event["transactionInfo"]["transactionId"] for event in events} == {charged.reference}
    told = registers(central, protocol)
    assert told == sorted(told)
    assert told[-1] - told[0] == charged.energy_wh > 0
    assert station.finished == [charged]


async def test_energy_follows_power_and_the_speed_of_time(make: Made) -> None:
    station = make(power_w=3600, speed=1000.0)
    await station.connect()
    began_s = station.clock.monotonic()
    charged = await station.charge("04AABBCC", seconds=0.2)
    took_s = station.clock.monotonic() - began_s
    assert 200 <= charged.energy_wh <= took_s * 1000


@pytest.mark.parametrize("verdict", [each for each in NeutralAnswer if each is not NeutralAnswer.ACCEPTED][:4])
async def test_a_refused_card_charges_nothing(central: Any, make: Made, protocol: str, verdict: NeutralAnswer) -> None:
    info = "idTagInfo" if protocol == "ocpp1.6" else "idTokenInfo"
    central.answers["Authorize"] = {info: {"status": verdict.value}}
    station = make(protocol)
    await station.connect()
    assert await station.authorize("04AABBCC") is verdict
    assert await station.tap("04AABBCC") is None
    assert not {"StartTransaction", "TransactionEvent"} & set(central.actions())
    assert station.evses[1].vehicle is None


async def test_a_verdict_that_cannot_be_read_is_none(central: Any, make: Made, protocol: str) -> None:
    central.answers["Authorize"] = {"idTagInfo": "yes", "idTokenInfo": None}
    station = make(protocol)
    await station.connect()
    assert await station.authorize("04AABBCC") is NeutralAnswer.INVALID


async def test_a_station_may_be_told_to_end_what_is_not_authorized(
    central: Any, make: Made, protocol: str, eventually: Eventually
) -> None:
    info = "idTagInfo" if protocol == "ocpp1.6" else "idTokenInfo"
    answer = {info: {"status": "Blocked"}}
    central.answers |= {"StartTransaction": {"transactionId": 5, **answer}, "TransactionEvent": answer}
    station = make(protocol)
    station.configuration["StopTransactionOnInvalidId"] = "true"
    await station.connect()
    charging = await station.start("04AABBCC")
    await eventually(lambda: station.finished)
    assert charging.verdict is NeutralAnswer.BLOCKED
    assert charging.stop_reason is StopReason.DEAUTHORIZED


async def test_taking_the_plug_out_ends_the_transaction(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    await station.plug_in()
    charging = await station.start("04AABBCC")
    await station.unplug()
    assert charging.stop_reason is StopReason.EV_DISCONNECTED
    last = central.calls[-2 if protocol != "ocpp1.6" else -3][1]
    assert last.get("reason") == "EVDisconnected" or last["transactionInfo"]["stoppedReason"] == "EVDisconnected"


async def test_a_full_vehicle_takes_nothing_more_and_says_so(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol)
    await station.connect()
    await station.plug_in(vehicle=Vehicle(capacity_wh=100, stored_mwh=99_000))
    charged = await station.charge("04AABBCC", seconds=0.1)
    assert charged.energy_wh == 1
    if protocol == "ocpp1.6":
        assert "SuspendedEV" in [payload["status"] for payload in central.payloads("StatusNotification")]
    else:
        changes = [
            event["transactionInfo"]["chargingState"]
            for event in central.payloads("TransactionEvent")
            if event["triggerReason"] == "ChargingStateChanged"
        ]
        assert changes == ["SuspendedEV"]


async def test_a_power_limit_holds(make: Made) -> None:
    station = make(power_w=22_000)
    await station.connect()
    station.evses[1].limit_w = 0
    charged = await station.charge("04AABBCC", seconds=0.05)
    assert charged.energy_wh == 0
    assert charged.flow == "SuspendedEVSE"


def test_a_vehicle_takes_less_when_it_is_nearly_full() -> None:
    vehicle = Vehicle(capacity_wh=10_000, stored_mwh=0, max_power_w=50_000)
    assert vehicle.power_w(11_000) == 11_000
    assert vehicle.power_w(100_000) == 50_000
    seen = []
    while not vehicle.is_full:
        seen.append(vehicle.power_w(100_000))
        vehicle.take(seen[-1], 10_000)
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] >= 5_000
    assert vehicle.stored_mwh == 10_000_000


async def test_two_evses_charge_side_by_side_and_one_only_once(central: Any, make: Made, protocol: str) -> None:
    station = make(protocol, evse_count=2)
    await station.connect()
    first = await station.start("04AABBCC", evse_id=1)
    second = await station.start("04DDEEFF", evse_id=2)
    assert station.charging == {1: first, 2: second}
    with pytest.raises(ValueError, match="EVSE 2"):
        await station.start("04DDEEFF", evse_id=2)
    await station.meter(2, 500)
    await station.stop(2)
    assert (first.energy_wh, second.energy_wh) == (0, 500)
    assert station.evses[2].register_wh == second.meter_wh
