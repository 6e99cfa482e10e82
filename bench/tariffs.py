"""A tariff of six elements and a CDR of eight periods, as a busy operator would have them."""

import json
from typing import Any

Json = dict[str, Any]

ZONE = "Europe/Amsterdam"


def _component(kind: str, price: float, step_size: int = 1) -> Json:
    return {"type": kind, "price": price, "vat": 21.0, "step_size": step_size}


def tariff() -> Json:
    """Fees, a night price, a working-day price for the first energy, parking by day, and a last resort."""
    week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
    night = {"start_time": "23:00", "end_time": "06:00"}
    elements = [
        {"price_components": [_component("FLAT", 0.5)]},
        {"price_components": [_component("ENERGY", 0.29), _component("TIME", 0.6, 60)], "restrictions": night},
        {"price_components": [_component("ENERGY", 0.45)], "restrictions": {"max_kwh": 20, "day_of_week": week}},
        {
            "price_components": [_component("ENERGY", 0.55), _component("TIME", 1.2, 60)],
            "restrictions": {"max_duration": 14400},
        },
        {
            "price_components": [_component("PARKING_TIME", 6.0, 300)],
            "restrictions": {"start_time": "08:00", "end_time": "20:00"},
        },
        {
            "price_components": [
                _component("ENERGY", 0.65),
                _component("TIME", 2.4, 60),
                _component("PARKING_TIME", 3.0, 60),
            ]
        },
    ]
    return {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "BENCH",
        "currency": "EUR",
        "min_price": {"excl_vat": 1.0, "incl_vat": 1.21},
        "max_price": {"excl_vat": 80.0, "incl_vat": 96.8},
        "elements": elements,
        "last_updated": "2026-01-01T00:00:00Z",
    }


def cdr() -> Json:
    """Six half hours of charging from a working afternoon into the night, then an hour of parking."""
    periods = []
    for index in range(8):
        minutes = 19 * 60 + 30 * index
        used = [("ENERGY", 5.1234), ("TIME", 0.5)] if index < 6 else [("ENERGY", 0.0), ("PARKING_TIME", 0.5)]
        dimensions = [{"type": kind, "volume": volume} for kind, volume in used]
        start = f"2026-03-02T{minutes // 60:02d}:{minutes % 60:02d}:00Z"
        periods.append({"start_date_time": start, "dimensions": dimensions, "tariff_id": "BENCH"})
    token = {"country_code": "DE", "party_id": "EMS", "uid": "04AA", "type": "RFID", "contract_id": "DE-EMS-C1"}
    location = {
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
    }
    return {
        "country_code": "NL",
        "party_id": "PLB",
        "id": "CDR-1",
        "start_date_time": "2026-03-02T19:00:00Z",
        "end_date_time": "2026-03-02T23:00:00Z",
        "session_id": "S-1",
        "cdr_token": token,
        "auth_method": "AUTH_REQUEST",
        "cdr_location": location,
        "currency": "EUR",
        "charging_periods": periods,
        "total_cost": {"excl_vat": 0, "incl_vat": 0},
        "total_energy": 30.7404,
        "total_time": 4.0,
        "total_parking_time": 1.0,
        "last_updated": "2026-03-02T23:00:05Z",
    }


def texts() -> tuple[str, str]:
    """Both as JSON."""
    return json.dumps(cdr()), json.dumps(tariff())
