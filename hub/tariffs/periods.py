"""From an OCPI 2.2.1 CDR or Session to the periods that are priced. Pure.

What pricing does not need may be absent: a CDR is checked elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hub.tariffs.model import NOTHING, Band, CannotPrice, InvalidTariff, Period
from hub.tariffs.parsing import instant, number
from hub.tariffs.zones import zone_of_country

Json = Mapping[str, Any]

_HOUR_S = 3600
_FIRST_YEAR, _LAST_YEAR = 2000, 2200
_WHOLE = Decimal(1)
_ROUNDED_S = Decimal("0.18")
"""What rounding to the fourth decimal of an hour does to a second at most."""


class InvalidCdr(CannotPrice):
    """The CDR lacks what pricing needs, or says something that cannot be meant."""

    code, title = "invalid_cdr", "The CDR is not valid"


@dataclass(frozen=True, slots=True)
class Usage:
    """What pricing needs of a CDR or a Session: how much of what, when, and where.

    `tariff_ids` has one for each period, empty where none is named. `time_zone` is None where neither the object nor
    the country of its location tells one.
    """

    currency: str | None
    periods: tuple[Period, ...]
    tariff_ids: tuple[str, ...]
    time_zone: str | None


def parse_usage(doc: Json) -> Usage:
    """The usage that a CDR or a Session tells of. Raises `InvalidCdr`."""
    if not isinstance(doc, dict):
        raise InvalidCdr("a CDR is a JSON object")
    charging_periods = doc.get("charging_periods")
    if not isinstance(charging_periods, list):
        raise InvalidCdr("a CDR has a list of charging_periods")
    currency = doc.get("currency")
    return Usage(
        currency=currency if isinstance(currency, str) else None,
        periods=parse_periods(charging_periods),
        tariff_ids=tuple(str(period.get("tariff_id") or "") for period in charging_periods),
        time_zone=_time_zone(doc),
    )


def parse_periods(charging_periods: Sequence[Json]) -> tuple[Period, ...]:
    """The charging periods of an OCPI Session or CDR, in the order of time.

    Hours come with four decimals, a third of a second. What can be the rounding of whole seconds is read as those, or
    each period would lose or gain some and be stepped up for it; anything else is taken as it stands.
    Raises `InvalidCdr`.
    """
    try:
        periods = [_period(period) for period in charging_periods]
    except InvalidTariff as error:
        raise InvalidCdr(f"charging_periods: {error}") from None
    except (AttributeError, KeyError, TypeError):
        raise InvalidCdr("a charging period has a start_date_time and dimensions, each with type and volume") from None
    if any(before.start > after.start for before, after in pairwise(periods)):
        raise InvalidCdr("charging_periods are not in the order of time")
    return tuple(periods)


def moment(doc: Json, name: str) -> datetime:
    """When something was, in the years of electric vehicles. Raises `InvalidCdr`."""
    try:
        at = instant(doc.get(name))
    except InvalidTariff as error:
        raise InvalidCdr(f"{name}: {error}") from None
    if at is None or not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise InvalidCdr(f"{name} is missing, or not of our time")
    return at


def _period(doc: Json) -> Period:
    volumes: dict[str, Decimal] = {}
    for dimension in doc["dimensions"]:
        kind, volume = dimension["type"], number(dimension["volume"])
        volumes[kind] = volumes[kind] + volume if kind in volumes else volume
    start = moment(doc, "start_date_time")
    energy = volumes.get("ENERGY")
    return Period(
        start=start,
        energy_wh=energy * 1000 if energy else NOTHING,
        charging_s=_seconds(volumes.get("TIME")),
        parking_s=_seconds(volumes.get("PARKING_TIME")),
        power_kw=_observed(volumes, "POWER", "MIN_POWER", "MAX_POWER"),
        current_a=_observed(volumes, "CURRENT", "MIN_CURRENT", "MAX_CURRENT"),
        reserved_s=_seconds(volumes.get("RESERVATION_TIME")),
    )


def _observed(volumes: Mapping[str, Decimal], average: str, least: str, most: str) -> Band | None:
    mean = volumes.get(average)
    lowest, highest = volumes.get(least, mean), volumes.get(most, mean)
    return None if lowest is None and highest is None else Band(lowest, highest)


def _seconds(hours: Decimal | None) -> Decimal:
    if not hours:
        return NOTHING
    exact = hours * _HOUR_S
    whole = exact.quantize(_WHOLE)
    return whole if abs(exact - whole) <= _ROUNDED_S else exact


def _time_zone(doc: Json) -> str | None:
    """OCPI gives a CDR no time zone: one that was added counts, or that of a country which has only one."""
    location = doc.get("cdr_location")
    location = location if isinstance(location, dict) else {}
    named = location.get("time_zone") or doc.get("time_zone")
    return str(named) if named else zone_of_country(location.get("country"))
