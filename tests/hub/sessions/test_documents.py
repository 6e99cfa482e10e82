"""The Session and the CDR of a session of ours, field by field, and as the wire types read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sessions import documents
from hub.sessions.costs import price_periods
from hub.sessions.documents import Facts, Reserved, json_number
from ocpi.v221.cdrs import Cdr
from ocpi.v221.sessions import Session
from tests.hub.sessions.conftest import START

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CourseOf = Any


def test_a_session_says_what_happened_so_far(facts: Facts, course: CourseOf) -> None:
    body = documents.session(facts, course(30, "5500"), status="ACTIVE", total_cost=None, last_updated=NOW)
    assert body == {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "S-1",
        "start_date_time": "2026-03-01T10:00:00Z",
        "kwh": 5.5,
        "cdr_token": facts.cdr_token,
        "auth_method": "AUTH_REQUEST",
        "authorization_reference": "AUTH-1",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": "2026-03-01T10:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 5.5}, {"type": "TIME", "volume": 0.5}],
                "tariff_id": "T1",
            }
        ],
        "status": "ACTIVE",
        "last_updated": "2026-03-01T12:00:00Z",
    }
    Session.model_validate_json(orjson.dumps(body))


def test_a_cdr_holds_everything_that_its_price_comes_from(facts: Facts, course: CourseOf) -> None:
    ended = course(90, "10000", ended=True, parked=30)
    costs = price_periods(facts.tariff, ended.stretches, "EUR", "Europe/Amsterdam")
    assert costs is not None

    body = documents.cdr(facts, ended, cdr_id="S-1", costs=costs.cdr_fields, issued_at=NOW)

    cost_fields = {name: body.pop(name) for name in list(body) if name.endswith("_cost")}
    assert body == {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "S-1",
        "start_date_time": "2026-03-01T10:00:00Z",
        "end_date_time": "2026-03-01T11:30:00Z",
        "session_id": "S-1",
        "cdr_token": facts.cdr_token,
        "auth_method": "AUTH_REQUEST",
        "authorization_reference": "AUTH-1",
        "cdr_location": {
            "id": "LOC1",
            "name": "Canal Street",
            "address": "Canal Street 1",
            "city": "Utrecht",
            "postal_code": "3511AB",
            "country": "NLD",
            "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
            "evse_uid": "E1",
            "evse_id": "NL*PLB*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "tariffs": [facts.tariff],
        "charging_periods": [
            {
                "start_date_time": "2026-03-01T10:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 10}, {"type": "TIME", "volume": 1}],
                "tariff_id": "T1",
            },
            {
                "start_date_time": "2026-03-01T11:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 0}, {"type": "PARKING_TIME", "volume": 0.5}],
                "tariff_id": "T1",
            },
        ],
        "total_energy": 10,
        "total_time": 1.5,
        "total_parking_time": 0.5,
        "last_updated": "2026-03-01T12:00:00Z",
    }
    assert cost_fields["total_cost"] == {"excl_vat": 5, "incl_vat": 6.05}
    assert cost_fields["total_energy_cost"]["excl_vat"] == 4
    assert cost_fields["total_parking_cost"]["excl_vat"] == 1
    Cdr.model_validate_json(orjson.dumps({**body, **cost_fields}))


def test_a_location_that_has_lost_its_evse_since_still_gives_a_valid_cdr(facts: Facts, course: CourseOf) -> None:
    facts.location["evses"] = []
    costs = {"total_cost": {"excl_vat": 0}}
    body = documents.cdr(facts, course(1, "0", ended=True), cdr_id="S-1", costs=costs, issued_at=NOW)
    assert body["cdr_location"]["evse_id"] == "#NA"
    Cdr.model_validate_json(orjson.dumps(body))


def test_a_session_that_runs_has_no_cdr(facts: Facts, course: CourseOf) -> None:
    with pytest.raises(ValueError, match="still runs"):
        documents.cdr(facts, course(1, "0"), cdr_id="S-1", costs={}, issued_at=NOW)


@given(st.decimals(-(10**9), 10**9, places=8))
def test_a_number_is_written_with_four_decimals_half_up(number: Decimal) -> None:
    written = Decimal(str(json_number(number)))
    assert abs(written - number) <= Decimal("0.00005")
    assert written == written.quantize(Decimal("0.0001"))
    assert orjson.loads(orjson.dumps(json_number(number))) == json_number(number)


@pytest.mark.parametrize(
    ("made", "expires", "cancelled", "lasted"),
    [
        (-20, 40, None, 20),
        (-20, -5, None, 15),
        (0, 40, None, None),
        (5, 40, None, None),
        (-20, 40, -1, None),
        (-20, 40, 1, 20),
    ],
)
def test_a_reservation_lasts_until_the_session_begins(
    made: int, expires: int, cancelled: int | None, lasted: int | None
) -> None:
    """Not past its end, not when it was given back before; giving it back afterwards changes nothing."""

    def at(minutes: int) -> datetime:
        return START + timedelta(minutes=minutes)

    ended = None if cancelled is None else at(cancelled)
    reserved = Reserved.until(START, made_at=at(made), expires_at=at(expires), cancelled_at=ended)
    assert (reserved.end - reserved.start if reserved else None) == (timedelta(minutes=lasted) if lasted else None)
