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
from hub.sessions.documents import Facts
from hub.tariffs.cdr import price_cdr
from ocpi.v221.cdrs import Cdr

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


def issued(facts: Facts, course: Any, **tariff: Any) -> tuple[Costs, Json]:
    assert facts.tariff is not None
    frozen = replace(facts, tariff={**facts.tariff, **tariff})
    costs = price_periods(frozen.tariff, course.stretches, "EUR", "Europe/Amsterdam", curve=course.curve)
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
)
def test_a_partner_comes_to_the_same_sum(
    facts: Facts, course: CourseOf, minutes: int, parked: int, grace: int, cap: int | None, max_kwh: int
) -> None:
    fee = {"price": 12, "grace": grace * 60, **({} if cap is None else {"max_price": cap})}
    elements = [element("ENERGY", 0.3, max_kwh=max_kwh), element("ENERGY", 0.6)]
    parked = min(parked, minutes - 1)
    costs, body = issued(facts, course(minutes, "12345", ended=True, parked=parked), elements=elements, idle_fee=fee)
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
