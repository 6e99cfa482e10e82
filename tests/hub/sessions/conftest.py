"""A session at one of our chargers as the sessions room sees it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from hub.sessions.documents import Course, Facts, Stretch

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
STAMP = "2026-03-01T09:00:00Z"


@pytest.fixture
def facts() -> Facts:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 400,
        "max_amperage": 32,
        "tariff_ids": ["T1"],
        "last_updated": STAMP,
    }
    evse = {"uid": "E1", "evse_id": "NL*PLB*E1", "status": "CHARGING", "connectors": [connector], "last_updated": STAMP}
    location: dict[str, Any] = {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "LOC1",
        "publish": True,
        "name": "Canal Street",
        "address": "Canal Street 1",
        "city": "Utrecht",
        "postal_code": "3511AB",
        "country": "NLD",
        "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
        "evses": [evse],
        "time_zone": "Europe/Amsterdam",
        "last_updated": STAMP,
    }
    components = [
        {"type": "ENERGY", "price": 0.4, "vat": 21.0, "step_size": 1},
        {"type": "PARKING_TIME", "price": 2.0, "vat": 21.0, "step_size": 60},
    ]
    tariff = {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "T1",
        "currency": "EUR",
        "elements": [{"price_components": components}],
        "last_updated": STAMP,
    }
    return Facts(
        country_code="NL",
        party_id="PLB",
        session_id="S-1",
        cdr_token={"country_code": "DE", "party_id": "EMS", "uid": "04AA", "type": "RFID", "contract_id": "DE-EMS-C1"},
        auth_method="AUTH_REQUEST",
        authorization_reference="AUTH-1",
        location=location,
        evse_uid="E1",
        connector_id="1",
        currency="EUR",
        tariff=tariff,
    )


CourseOf = Callable[..., Course]


@pytest.fixture
def course() -> CourseOf:
    """Makes the course of a session of so many minutes; with `parked`, the last of them without asking for power."""

    def make(minutes: int, energy_wh: str, *, ended: bool = False, parked: int = 0) -> Course:
        end, energy = START + timedelta(minutes=minutes), Decimal(energy_wh)
        charging = Stretch(START, end - timedelta(minutes=parked), energy, parked=False)
        resting = [replace(charging, start=charging.end, end=end, energy_wh=Decimal(0), parked=True)] if parked else []
        return Course(START, end if ended else None, energy, [charging, *resting])

    return make
