"""A partner reserves one of our chargers, its driver comes, and pays for waiting and charging in one CDR.

The tariff and the sums are those of OCPI 2.2.1, mod_tariffs, "Tariff example with reservation price and fee".
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kit.clock import SystemClock
from ocpi.datetimes import parse_datetime
from simulators.partner.partner import Partner
from simulators.station import SimulatedStation
from tests.journeys.network import PARTNER_TOKEN, Json, Network, eventually
from tests.journeys.peers import hub_with

pytestmark = pytest.mark.anyio

UID = str(PARTNER_TOKEN["uid"])


def element(*prices: tuple[str, float, float, int], **restrictions: Any) -> Json:
    components = [{"type": kind, "price": price, "vat": vat, "step_size": step} for kind, price, vat, step in prices]
    return {"price_components": components, **({"restrictions": restrictions} if restrictions else {})}


TARIFF: Json = {
    "currency": "EUR",
    "elements": [
        element(("FLAT", 2, 20, 1), ("TIME", 5, 20, 300), reservation="RESERVATION"),
        element(("FLAT", 0.5, 20, 1), ("ENERGY", 0.25, 10, 1)),
    ],
}


class Ahead(SystemClock):
    """The machine's clock, and as much as somebody says."""

    by = timedelta()

    def now(self) -> datetime:
        """The present moment there."""
        return super().now() + self.by


@pytest.fixture
def clock() -> Ahead:
    return Ahead()


@pytest.fixture
async def reserving(tmp_path: Path, migrated_database_url: str, clock: Ahead) -> AsyncIterator[Network]:
    """A hub whose clock is moved, with a tariff that has a price for reservations."""
    async with hub_with(tmp_path, migrated_database_url, clock=clock) as network:
        await network.publish()
        published = await network.send("PUT", "/tariffs/STANDARD", TARIFF)
        assert "per reservation" in str(published["description"])
        yield network


async def reserved(network: Network, clock: Ahead, protocol: str) -> tuple[SimulatedStation, Partner]:
    """A charger that has kept its place for thirteen minutes, but for a few seconds, and will for two more."""
    station = await network.station(protocol=protocol, clock=clock)
    emsp = await network.partner("EMSP", "DE*EMS")
    emsp.state.tokens[UID] = {**PARTNER_TOKEN, "country_code": "DE", "party_id": "EMS"}
    asked = await emsp.reserve(UID, "LOC1", "RES-1")

    async def accepted() -> bool:
        return bool(emsp.state.results.get(asked, {}).get("result") == "ACCEPTED")

    await eventually(accepted)
    clock.by = timedelta(minutes=12, seconds=55)
    return station, emsp


async def bill_of(emsp: Partner) -> Json:
    async def delivered() -> Json | None:
        return next(iter(emsp.state.cdrs.values()), None)

    found: Json = await eventually(delivered)
    return found


def waited(doc: Json) -> Decimal:
    """Hours of RESERVATION_TIME."""
    dimensions = [each for period in doc["charging_periods"] for each in period["dimensions"]]
    return sum((Decimal(str(each["volume"])) for each in dimensions if each["type"] == "RESERVATION_TIME"), Decimal(0))


@pytest.mark.parametrize(("protocol", "how"), [("ocpp1.6", "tap"), ("ocpp2.0.1", "START_SESSION")])
async def test_a_driver_who_reserved_pays_for_it_with_the_session(
    reserving: Network, clock: Ahead, protocol: str, how: str
) -> None:
    station, emsp = await reserved(reserving, clock, protocol)
    await station.plug_in()
    if how == "tap":
        await station.authorize(UID)
        await station.start(UID)
    else:
        await emsp.start_session(UID, "LOC1")

        async def begun() -> bool:
            return bool(station.charging)

        await eventually(begun)
        station.evses[1].limit_w = 0
    charging = station.charging[1]

    async def live() -> Json | None:
        return next((each for each in emsp.state.sessions.values() if waited(each)), None)

    session: Json = await eventually(live)
    assert session["status"] == "ACTIVE"
    assert session["total_cost"]["excl_vat"] >= 3.75, "waiting and the fees are owed from the start on"
    await station.meter(1, 20_000 - charging.energy_wh)
    await station.stop(1)

    cdr = await bill_of(emsp)
    energy = Decimal(str(cdr["total_energy"]))
    assert energy >= 20
    began, ended = parse_datetime(cdr["start_date_time"]), parse_datetime(cdr["end_date_time"])
    assert timedelta(minutes=12, seconds=55) <= ended - began < timedelta(minutes=15)
    assert Decimal("0.2152") <= waited(cdr) < Decimal("0.25")
    assert cdr["session_id"] == session["id"]
    assert cdr["total_reservation_cost"] == {"excl_vat": 3.25, "incl_vat": 3.9}, "a fee, and a quarter of an hour"
    assert cdr["total_fixed_cost"] == {"excl_vat": 0.5, "incl_vat": 0.6}
    assert Decimal(str(cdr["total_energy_cost"]["excl_vat"])) == (energy / 4).quantize(Decimal("0.0001"))
    if energy == 20:
        assert cdr["total_cost"] == {"excl_vat": 8.75, "incl_vat": 10}
    [kept] = await reserving.get("/stations/CS-1/reservations")
    assert kept["state"] == "used"
    assert not station.upkeep.reservations


async def test_what_was_billed_as_unused_is_credited_when_a_charger_was_only_offline(
    reserving: Network, clock: Ahead
) -> None:
    station, emsp = await reserved(reserving, clock, "ocpp1.6")
    await station.disconnect()
    await station.start(UID)
    await station.meter(1, 20_000)
    clock.by = timedelta(minutes=50)
    await station.stop(1)
    clock.by = timedelta(minutes=90)
    unused = await bill_of(emsp)
    assert (unused["total_cost"]["excl_vat"], unused.get("session_id")) == (3.25, None)
    await station.connect()

    async def corrected() -> bool:
        return len(emsp.state.cdrs) == 3

    await eventually(corrected)
    [credit] = [each for each in emsp.state.cdrs.values() if each.get("credit")]
    assert (credit["credit_reference_id"], credit["total_cost"]) == (
        unused["id"],
        {"excl_vat": -3.25, "incl_vat": -3.9},
    )
    [cdr] = [each for each in emsp.state.cdrs.values() if each.get("session_id")]
    assert cdr["total_reservation_cost"] == {"excl_vat": 3.25, "incl_vat": 3.9}
    assert cdr["total_cost"] == {"excl_vat": 8.75, "incl_vat": 10}


async def test_the_same_id_for_another_driver_gives_the_first_place_back(reserving: Network, clock: Ahead) -> None:
    station, emsp = await reserved(reserving, clock, "ocpp1.6")
    [first] = station.upkeep.reservations
    emsp.state.tokens["OTHER"] = {**PARTNER_TOKEN, "uid": "OTHER", "country_code": "DE", "party_id": "EMS"}
    asked = await emsp.reserve("OTHER", "LOC1", "RES-1", for_s=7200)

    async def accepted() -> bool:
        return bool(emsp.state.results.get(asked, {}).get("result") == "ACCEPTED")

    await eventually(accepted)
    [second] = station.upkeep.reservations
    assert second != first
    orders = [action for action, _ in station.received if "Reserv" in action]
    assert orders == ["ReserveNow", "CancelReservation", "ReserveNow"]
    kept = {each["reservation_id"]: each["state"] for each in await reserving.get("/stations/CS-1/reservations")}
    assert kept == {first: "cancelled", second: "held"}


async def test_a_place_that_may_not_have_been_given_back_is_kept_for_nobody_else(
    reserving: Network, clock: Ahead
) -> None:
    station, emsp = await reserved(reserving, clock, "ocpp1.6")
    emsp.state.tokens["OTHER"] = {**PARTNER_TOKEN, "uid": "OTHER", "country_code": "DE", "party_id": "EMS"}
    await station.disconnect()
    asked = await emsp.reserve("OTHER", "LOC1", "RES-1", for_s=7200)

    async def told() -> Any:
        return emsp.state.results.get(asked, {}).get("result")

    assert await eventually(told) == "EVSE_INOPERATIVE"
    kept = [each["state"] for each in await reserving.get("/stations/CS-1/reservations")]
    assert sorted(kept) == ["held", "refused"]
