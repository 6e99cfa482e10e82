"""What a partner's session costs by the quoted tariff, by the periods that its CPO tells."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from hub.sessions.costs import price_periods
from hub.sessions.partner_course import course_of_partner
from hub.sessions.tables import Session

Json = dict[str, Any]

BEGAN = datetime(2026, 3, 1, 11, tzinfo=UTC)
TARIFF: Json = {
    "id": "T1",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "TIME", "price": 6, "step_size": 1}],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {"price_components": [{"type": "TIME", "price": 3, "step_size": 1}]},
    ],
}


def session(*periods: tuple[str, str, float]) -> Session:
    charging_periods = [
        {"start_date_time": f"2026-03-01T{at}:00Z", "dimensions": [{"type": kind, "volume": volume}]}
        for at, kind, volume in periods
    ]
    doc = orjson.dumps({"charging_periods": charging_periods})
    return Session(doc=doc, started_at=BEGAN, ended_at=None, energy_wh=Decimal(0))


def test_a_reservation_before_it_is_no_charging_time() -> None:
    """It costs what a reservation costs: 30 minutes at 6 an hour, then 20 at 3."""
    told = session(("10:30", "RESERVATION_TIME", 0.5), ("11:00", "TIME", 0.1))
    course = course_of_partner(told, now=BEGAN + timedelta(minutes=20))
    assert [stretch.reserved for stretch in course.stretches] == [True, False]
    costs = price_periods(TARIFF, course.stretches, "EUR", "UTC")
    assert costs is not None
    assert costs.total_excl_vat == 4
    assert costs.cdr_fields["total_reservation_cost"]["excl_vat"] == 3


def test_while_nobody_has_come_the_reservation_is_one_that_is_used() -> None:
    expiring = {**TARIFF["elements"][0], "restrictions": {"reservation": "RESERVATION_EXPIRES"}}
    tariff = {**TARIFF, "elements": [*TARIFF["elements"], expiring]}
    course = course_of_partner(session(("10:30", "RESERVATION_TIME", 0.5)), now=BEGAN)
    costs = price_periods(tariff, course.stretches, "EUR", "UTC")
    assert costs is not None
    assert costs.total_excl_vat == 3
