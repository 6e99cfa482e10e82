"""What our own CDR says is what a partner makes of it: cut where the price changes, in plain OCPI, to the same sum."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.transaction import Reached
from hub.sessions import documents
from hub.sessions.costs import Costs, price_periods
from hub.sessions.documents import Facts, Reserved
from hub.tariffs.cdr import price_cdr
from ocpi.v221.cdrs import Cdr
from ocpi.v221.sessions import Session as WireSession

Json = dict[str, Any]
CourseOf = Any

NOW = datetime(2026, 3, 1, 18, tzinfo=UTC)


def element(kind: str, price: float, **restrictions: Any) -> Json:
    component = {"type": kind, "price": price, "vat": 21, "step_size": 1}
    return {"price_components": [component], **({"restrictions": restrictions} if restrictions else {})}


def test_energy_before_a_change_of_price_is_what_the_meter_told(facts: Facts, course: CourseOf) -> None:
    """9 of 10 kWh flowed in the first hour of two: readings say so, where evenly it would be 5."""
    by_noon = {"start_time": "00:00", "end_time": "12:00"}
    elements = [element("ENERGY", 0.3, **by_noon), element("ENERGY", 0.6)]
    hours = course(120, "10000", ended=True)
    told = [(30, 6000), (59, 8900), (61, 9100), (90, 9500)]
    curve = [Reached(hours.started_at + timedelta(minutes=minute), Decimal(wh)) for minute, wh in told]
    costs, body = issued(facts, replace(hours, curve=curve), elements=elements)
    volumes = [period["dimensions"][0]["volume"] for period in body["charging_periods"]]
    assert volumes == [9, 1]
    assert costs.total_excl_vat == Decimal("3.3")


def issued(facts: Facts, course: Any, reserved: Reserved | None = None, **tariff: Any) -> tuple[Costs, Json]:
    assert facts.tariff is not None
    frozen = replace(facts, tariff={**facts.tariff, **tariff})
    stretches = documents.after_reserved(reserved, course.stretches)
    costs = price_periods(frozen.tariff, stretches, "EUR", "Europe/Amsterdam", curve=course.curve)
    assert costs is not None
    body = documents.cdr(*costs.applied(frozen, course), cdr_id="S-1", costs=costs.cdr_fields, issued_at=NOW)
    Cdr.model_validate_json(orjson.dumps(body))
    return costs, body


def test_a_cdr_has_a_period_for_each_price(facts: Facts, course: CourseOf) -> None:
    """The session is from 11:00 to 13:00 on the wall."""
    elements = [element("ENERGY", 0.3, start_time="00:00", end_time="12:00"), element("ENERGY", 0.6)]
    costs, body = issued(facts, course(120, "10000", ended=True), elements=elements)
    periods = body["charging_periods"]
    assert [period["start_date_time"] for period in periods] == ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"]
    assert [period["dimensions"][0]["volume"] for period in periods] == [5, 5]
    assert costs.total_excl_vat == Decimal("4.5")
    assert price_cdr(body["tariffs"], body, time_zone="Europe/Amsterdam").priced.total.excl_vat == Decimal("4.5")


RESERVING = [
    {
        "price_components": [
            {"type": "FLAT", "price": 2, "vat": 21, "step_size": 1},
            {"type": "TIME", "price": 5, "vat": 21, "step_size": 300},
        ],
        "restrictions": {"reservation": "RESERVATION"},
    },
    element("ENERGY", 0.4),
    element("PARKING_TIME", 6),
]


def test_a_reservation_that_was_used_is_part_of_the_cdr(facts: Facts, course: CourseOf) -> None:
    """OCPI 2.2.1, mod_tariffs, example "Tariff example with reservation price and fee": 13 minutes cost 15."""
    hour = course(60, "10000", ended=True, parked=15)
    reserved = Reserved(hour.started_at - timedelta(minutes=13), hour.started_at)
    costs, body = issued(facts, hour, reserved=reserved, elements=RESERVING)
    assert body["start_date_time"] == "2026-03-01T09:47:00Z", "the CDR begins with the reservation"
    assert body["end_date_time"] == "2026-03-01T11:00:00Z"
    assert [period["dimensions"] for period in body["charging_periods"]] == [
        [{"type": "RESERVATION_TIME", "volume": 0.2167}],
        [{"type": "ENERGY", "volume": 10}, {"type": "TIME", "volume": 0.75}],
        [{"type": "ENERGY", "volume": 0}, {"type": "PARKING_TIME", "volume": 0.25}],
    ]
    assert body["total_reservation_cost"] == {"excl_vat": 3.25, "incl_vat": 3.9325}
    assert body["total_cost"] == {"excl_vat": 8.75, "incl_vat": 10.5875}
    assert (body["total_time"], body["total_parking_time"]) == (1, 0.25), "of the session alone"
    assert price_cdr(body["tariffs"], body).priced.total.excl_vat == costs.total_excl_vat == Decimal("8.75")
    live = documents.session(*costs.applied(facts, hour), status="ACTIVE", total_cost=costs.total, last_updated=NOW)
    WireSession.model_validate_json(orjson.dumps(live))
    assert live["start_date_time"] == "2026-03-01T10:00:00Z", "a session begins when it is ACTIVE"
    assert live["charging_periods"] == body["charging_periods"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reserved_s=st.integers(1, 20_000), late_s=st.integers(0, 1800), minutes=st.integers(1, 300))
def test_a_partner_prices_a_reservation_to_the_same_sum(
    facts: Facts, course: CourseOf, reserved_s: int, late_s: int, minutes: int
) -> None:
    """By elements that hold at hours of the wall and until a duration, each of its own."""
    night = {"reservation": "RESERVATION", "start_time": "22:00", "end_time": "11:30"}
    elements = [
        element("TIME", 3, **night),
        element("TIME", 7, reservation="RESERVATION", max_duration=7200),
        element("ENERGY", 0.3, max_duration=3600),
        element("ENERGY", 0.6),
    ]
    whole = course(minutes, "12345", ended=True)
    end = whole.started_at - timedelta(seconds=late_s)
    reserved = Reserved(end - timedelta(seconds=reserved_s), end)
    costs, body = issued(facts, whole, reserved=reserved, elements=elements)
    theirs = price_cdr(body["tariffs"], body, time_zone="Europe/Amsterdam").priced.total.excl_vat
    assert abs(theirs - costs.total_excl_vat) < Decimal("0.005")
    waited = [stretch for stretch in costs.stretches if stretch.reserved]
    assert sum((stretch.end - stretch.start for stretch in waited), timedelta()) == timedelta(seconds=reserved_s)


def test_an_idle_fee_is_plain_ocpi_in_the_cdr(facts: Facts, course: CourseOf) -> None:
    fee = {"price": 24, "vat": 21, "grace": 600, "max_price": 10}
    costs, body = issued(
        facts, course(120, "10000", ended=True, parked=60), elements=[element("ENERGY", 0.4)], idle_fee=fee
    )
    assert "idle_fee" not in body["tariffs"][0]
    assert body["total_parking_cost"] == {"excl_vat": 10, "incl_vat": 12.1}
    assert body["total_cost"] == {"excl_vat": 14, "incl_vat": 16.94}
    assert body["total_parking_time"] == 1
    assert price_cdr(body["tariffs"], body).priced.total.excl_vat == costs.total_excl_vat


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.integers(2, 600),
    parked=st.integers(1, 300),
    grace=st.integers(0, 120),
    cap=st.none() | st.integers(1, 40),
    max_kwh=st.integers(1, 20),
    reserved_s=st.just(0) | st.integers(1, 7200),
)
def test_a_partner_comes_to_the_same_sum(
    facts: Facts,
    course: CourseOf,
    minutes: int,
    parked: int,
    grace: int,
    cap: int | None,
    max_kwh: int,
    reserved_s: int,
) -> None:
    fee = {"price": 12, "grace": grace * 60, **({} if cap is None else {"max_price": cap})}
    elements = [element("ENERGY", 0.3, max_kwh=max_kwh), element("ENERGY", 0.6)]
    elements += [element("TIME", 5, reservation="RESERVATION")]
    whole = course(minutes, "12345", ended=True, parked=min(parked, minutes - 1))
    waited = Reserved(whole.started_at - timedelta(seconds=reserved_s), whole.started_at) if reserved_s else None
    costs, body = issued(facts, whole, reserved=waited, elements=elements, idle_fee=fee)
    theirs = price_cdr(body["tariffs"], body).priced.total.excl_vat
    # Where a price changes inside a second, the CDR's periods show hours to a third of a second.
    assert abs(theirs - costs.total_excl_vat) < Decimal("0.005")


def test_a_running_session_shows_what_it_costs_so_far(facts: Facts, course: CourseOf) -> None:
    fee = {"price": 6, "grace": 0}
    hour = course(60, "1000", parked=30)
    costs = price_periods({**(facts.tariff or {}), "elements": [element("ENERGY", 1)], "idle_fee": fee},
                          hour.stretches, "EUR", "Europe/Amsterdam")  # fmt: skip
    assert costs is not None
    assert costs.total_excl_vat == 4
    assert hour.stretches[-1].end - hour.stretches[-1].start == timedelta(minutes=30)
