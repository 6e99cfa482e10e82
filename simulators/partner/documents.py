"""The Session and the CDR of a charge at a simulated CPO's charger, as OCPI JSON, and what it costs. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.headers import Party

Json = dict[str, Any]

_TOKEN_FIELDS = ("country_code", "party_id", "uid", "type", "contract_id")
_LOCATION_FIELDS = ("id", "name", "address", "city", "postal_code", "state", "country", "coordinates")
_CDR_FROM_SESSION = (
    "country_code",
    "party_id",
    "start_date_time",
    "end_date_time",
    "cdr_token",
    "auth_method",
    "authorization_reference",
    "currency",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a driver charges: an EVSE of a location and its first connector."""

    location: Json
    evse: Json

    @property
    def connector(self) -> Json:
        """The connector."""
        first: Json = self.evse["connectors"][0]
        return first


def session(
    party: Party, session_id: str, place: Place, token: Json, *, auth: Json, currency: str, at: datetime
) -> Json:
    """A Session that has just begun. `auth` has its `auth_method` and perhaps an `authorization_reference`."""
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": session_id,
        "start_date_time": format_datetime(at),
        "kwh": 0,
        "cdr_token": {name: token[name] for name in _TOKEN_FIELDS},
        **{name: value for name, value in auth.items() if value is not None},
        "location_id": place.location["id"],
        "evse_uid": place.evse["uid"],
        "connector_id": place.connector["id"],
        "currency": currency,
        "status": "ACTIVE",
        "last_updated": format_datetime(at),
    }


def cdr(session: Json, cdr_id: str, place: Place, tariff: Json | None, *, billing_error: Decimal, at: datetime) -> Json:
    """The CDR of a Session that has ended. `billing_error` falsifies its total, to see who notices."""
    kwh, hours = Decimal(str(session["kwh"])), _hours(session)
    cost = price(tariff, kwh, hours)
    connector = place.connector
    location = {name: place.location[name] for name in _LOCATION_FIELDS if place.location.get(name) is not None}
    return {
        **{name: session[name] for name in _CDR_FROM_SESSION if name in session},
        "id": cdr_id,
        "session_id": session["id"],
        "cdr_location": {
            **location,
            "evse_uid": place.evse["uid"],
            "evse_id": place.evse.get("evse_id", "#NA"),
            "connector_id": connector["id"],
            "connector_standard": connector["standard"],
            "connector_format": connector["format"],
            "connector_power_type": connector["power_type"],
        },
        "tariffs": [tariff] if tariff else [],
        "charging_periods": periods(session, tariff),
        "total_cost": {name: number(amount + billing_error) for name, amount in cost.items()},
        "total_energy": number(kwh),
        "total_time": number(hours),
        "last_updated": format_datetime(at),
    }


def periods(session: Json, tariff: Json | None) -> list[Json]:
    """The one charging period of a Session that has ended."""
    dimensions = [
        {"type": "ENERGY", "volume": session["kwh"]},
        {"type": "TIME", "volume": number(_hours(session))},
    ]
    period: Json = {"start_date_time": session["start_date_time"], "dimensions": dimensions}
    return [period | ({"tariff_id": tariff["id"]} if tariff else {})]


def price(tariff: Json | None, kwh: Decimal, hours: Decimal) -> dict[str, Decimal]:
    """What a charge costs by the first FLAT, ENERGY and TIME prices of a tariff, without and with VAT.

    Restrictions, steps and limits are the business of the tariffs that a simulated partner does not have.
    """
    volumes = {"FLAT": Decimal(1), "ENERGY": kwh, "TIME": hours}
    excl_vat = incl_vat = Decimal(0)
    for kind, volume in volumes.items():
        component = next((each for each in _components(tariff) if each["type"] == kind), None)
        if component is not None:
            cost = Decimal(str(component["price"])) * volume
            excl_vat += cost
            incl_vat += cost * (100 + Decimal(str(component.get("vat") or 0))) / 100
    return {"excl_vat": excl_vat, "incl_vat": incl_vat}


def number(value: Decimal) -> int | float:
    """A number as OCPI writes it: at most four decimals."""
    rounded = value.quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def _components(tariff: Mapping[str, Any] | None) -> Iterable[Json]:
    return (component for element in (tariff or {}).get("elements", []) for component in element["price_components"])


def _hours(session: Json) -> Decimal:
    lasted = parse_datetime(session["end_date_time"]) - parse_datetime(session["start_date_time"])
    return Decimal(lasted // timedelta(milliseconds=1)) / 3_600_000
