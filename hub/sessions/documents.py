"""The OCPI Session and CDR of a session at our own charger, as JSON values. Pure.

What was true at the start (location, tariff, token) is frozen in `Facts` and used to the end (OCPI 2.2.1, mod_cdrs:
a CDR holds location, tariffs and token as they were at the start).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from csms.signed import SignedValue
from csms.transaction import Reached
from hub.locations import tree
from ocpi.datetimes import format_datetime

Json = dict[str, Any]

HOUR_S = Decimal(3600)
LONGEST_SIGNED_VALUE, LONGEST_PUBLIC_KEY = 5_000, 512
_FOUR_DECIMALS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a session in which nothing that matters for the price changed.

    `energy_wh` flowed in it. `parked` means that the vehicle did not ask for power (OCPI's PARKING_TIME), `reserved`
    that the place was kept for a driver who had not come yet (RESERVATION_TIME).
    """

    start: datetime
    end: datetime
    energy_wh: Decimal
    parked: bool
    reserved: bool = False

    @property
    def hours(self) -> Decimal:
        """Its duration in hours."""
        return seconds(self.start, self.end) / HOUR_S


@dataclass(frozen=True, slots=True)
class Reserved:
    """The time for which a place was kept for the driver of a session before it began."""

    start: datetime
    end: datetime

    @classmethod
    def until(
        cls, began: datetime, *, made_at: datetime, expires_at: datetime, cancelled_at: datetime | None
    ) -> "Reserved | None":
        """What a reservation was for a session that began then: no longer than it lasted (OCPI 2.2.1, mod_tariffs,
        TariffRestrictions, reservation). None for one that was given back before, or that took no time."""
        end = min(began, expires_at)
        if made_at >= end or (cancelled_at is not None and cancelled_at < began):
            return None
        return cls(made_at, end)

    def stretch(self) -> Stretch:
        """The same as a part of the session, its first."""
        return Stretch(self.start, self.end, Decimal(0), parked=False, reserved=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is fixed when the session starts. `location` and `tariff` are OCPI objects, `cdr_token` a CdrToken."""

    country_code: str
    party_id: str
    session_id: str
    cdr_token: Json
    auth_method: str
    authorization_reference: str | None
    location: Json
    evse_uid: str
    connector_id: str
    currency: str
    tariff: Json | None
    doubt: str | None = None
    """Why a person should look at the session, whatever its record says."""
    reserved: Reserved | None = None
    """The reservation under which it began."""


@dataclass(frozen=True, slots=True)
class Course:
    """How far the session has come. `ended_at` is None while it runs; `curve` is its energy at each reading.

    A reservation before it is no part of its duration, but it is the first of the `stretches` that documents show.
    """

    started_at: datetime
    ended_at: datetime | None
    energy_wh: Decimal
    stretches: Sequence[Stretch]
    curve: Sequence[Reached] = ()

    @property
    def began_at(self) -> datetime:
        """When it began, or the reservation before it."""
        return self.stretches[0].start if self.stretches and self.stretches[0].reserved else self.started_at


def after_reserved(reserved: Reserved | None, stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """The stretches of a session, the reservation before it included."""
    return stretches if reserved is None else [reserved.stretch(), *stretches]


def session(facts: Facts, course: Course, *, status: str, total_cost: Json | None, last_updated: datetime) -> Json:
    """The Session object (OCPI 2.2.1, mod_sessions) in its present state.

    It starts when it becomes ACTIVE; a reservation before it stands in its first charging periods alone.
    """
    body: Json = {
        "country_code": facts.country_code,
        "party_id": facts.party_id,
        "id": facts.session_id,
        "start_date_time": format_datetime(course.started_at),
        "kwh": json_number(kwh(course.energy_wh)),
        "cdr_token": facts.cdr_token,
        "auth_method": facts.auth_method,
        "location_id": facts.location["id"],
        "evse_uid": facts.evse_uid,
        "connector_id": facts.connector_id,
        "currency": facts.currency,
        "charging_periods": periods(course.stretches, facts.tariff),
        "status": status,
        "last_updated": format_datetime(last_updated),
    }
    if course.ended_at is not None:
        body["end_date_time"] = format_datetime(course.ended_at)
    if facts.authorization_reference is not None:
        body["authorization_reference"] = facts.authorization_reference
    if total_cost is not None:
        body["total_cost"] = total_cost
    return body


def cdr(facts: Facts, course: Course, *, cdr_id: str, costs: Mapping[str, Json], issued_at: datetime) -> Json:
    """The CDR (OCPI 2.2.1, mod_cdrs) of a session that has ended. `costs` are its cost fields, `total_cost` among them.

    It starts with the reservation, if there was one; `total_time` is that of the session alone.
    Raises `ValueError` for a session that still runs.
    """
    if course.ended_at is None:
        raise ValueError("a session that still runs has no CDR")
    parked = sum((stretch.hours for stretch in course.stretches if stretch.parked), Decimal(0))
    body: Json = {
        "country_code": facts.country_code,
        "party_id": facts.party_id,
        "id": cdr_id,
        "start_date_time": format_datetime(course.began_at),
        "end_date_time": format_datetime(course.ended_at),
        "session_id": facts.session_id,
        "cdr_token": facts.cdr_token,
        "auth_method": facts.auth_method,
        "cdr_location": cdr_location(facts.location, facts.evse_uid, facts.connector_id),
        "currency": facts.currency,
        "tariffs": [facts.tariff] if facts.tariff else [],
        "charging_periods": periods(course.stretches, facts.tariff),
        "total_energy": json_number(kwh(course.energy_wh)),
        "total_time": json_number(seconds(course.started_at, course.ended_at) / HOUR_S),
        "total_parking_time": json_number(parked),
        **costs,
        "last_updated": format_datetime(issued_at),
    }
    if facts.authorization_reference is not None:
        body["authorization_reference"] = facts.authorization_reference
    return body


def reservation_cdr(facts: Facts, course: Course, *, costs: Mapping[str, Json], issued_at: datetime) -> Json:
    """The CDR, under `facts.session_id`, of a reservation that nobody came for: time, no energy and no session."""
    body = cdr(facts, course, cdr_id=facts.session_id, costs=costs, issued_at=issued_at)
    del body["session_id"]
    return {**body, "total_time": 0}


def signed_data(values: Sequence[SignedValue]) -> Json | None:
    """The signed meter values of a session as a CDR carries them, to the letter (OCPI 2.2.1, mod_cdrs, SignedData).

    A CDR has room for one format, and for values of so many characters: the others stay with the operator. None
    without any.
    """
    fitting = [value for value in values if 0 < len(value.text) <= LONGEST_SIGNED_VALUE]
    if not fitting:
        return None
    encoding = fitting[0].encoding
    alike = [value for value in fitting if value.encoding == encoding]
    key = next((value.public_key for value in alike if value.public_key), None)
    body: Json = {"encoding_method": (encoding or "unknown")[:36]}
    if key is not None and len(key) <= LONGEST_PUBLIC_KEY:
        body["public_key"] = key
    body["signed_values"] = [
        {"nature": value.nature.value, "plain_data": value.plain, "signed_data": value.text} for value in alike
    ]
    return body


def periods(stretches: Sequence[Stretch], tariff: Json | None) -> list[Json]:
    """OCPI charging periods: energy with TIME while charging, with PARKING_TIME while parked."""
    found: list[Json] = []
    for stretch in stretches:
        period: Json = {"start_date_time": format_datetime(stretch.start), "dimensions": _dimensions(stretch)}
        if tariff is not None:
            period["tariff_id"] = tariff["id"]
        found.append(period)
    return found


def _dimensions(stretch: Stretch) -> list[Json]:
    hours = json_number(stretch.hours)
    if stretch.reserved:
        return [{"type": "RESERVATION_TIME", "volume": hours}]
    return [
        {"type": "ENERGY", "volume": json_number(kwh(stretch.energy_wh))},
        {"type": "PARKING_TIME" if stretch.parked else "TIME", "volume": hours},
    ]


def cdr_location(location: Json, evse_uid: str, connector_id: str) -> Json:
    """The part of a Location that a CDR carries: the one EVSE and the one connector, without dynamic data."""
    evse = tree.evse(location, evse_uid) or {}
    plug = tree.connector(evse, connector_id) or {}
    body: Json = {
        "id": location["id"],
        "address": location["address"],
        "city": location["city"],
        "country": location["country"],
        "coordinates": location["coordinates"],
        "evse_uid": evse_uid,
        "evse_id": evse.get("evse_id", "#NA"),
        "connector_id": connector_id,
        "connector_standard": plug.get("standard", "#NA"),
        "connector_format": plug.get("format", "#NA"),
        "connector_power_type": plug.get("power_type", "#NA"),
    }
    for optional in ("name", "postal_code", "state"):
        if location.get(optional) is not None:
            body[optional] = location[optional]
    return body


def kwh(energy_wh: Decimal) -> Decimal:
    """Watt-hours as kilowatt-hours."""
    return energy_wh.scaleb(-3)


def seconds(start: datetime, end: datetime) -> Decimal:
    """The seconds between two moments, exact to the microsecond and never negative."""
    elapsed = end - start
    exact = Decimal(elapsed.days * 86_400 + elapsed.seconds) + Decimal(elapsed.microseconds).scaleb(-6)
    return max(exact, Decimal(0))


def json_number(number: Decimal) -> int | float:
    """A number as OCPI writes it: at most four decimals (OCPI 2.2.1, types, number), half up."""
    rounded = number.quantize(_FOUR_DECIMALS, rounding=ROUND_HALF_UP)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)
