"""From OCPI 2.2.1 JSON to tariffs. Pure.

Strict where the wire is tolerant: what is not understood might change a price, so it is refused. What pricing does not
need may be absent.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hub.tariffs.model import (
    Band,
    Dimension,
    Element,
    InvalidTariff,
    Limits,
    Measure,
    PriceComponent,
    Reservation,
    Restrictions,
    Tariff,
    UnsupportedTariff,
)
from kit import money

Json = Mapping[str, Any]

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

MOST_DIGITS = 30
"""Before or after the decimal point: more is a mistake, and would make exact arithmetic slow."""

MOST_WHOLE = 10**9
"""Seconds of a duration and steps: thirty years."""

_COMPONENTS = {each.value: each for each in (Dimension.ENERGY, Dimension.FLAT, Dimension.PARKING_TIME, Dimension.TIME)}
_OF_RESERVATIONS = {Dimension.FLAT: Dimension.RESERVATION_FLAT, Dimension.TIME: Dimension.RESERVATION_TIME}
_RESERVATIONS = {"RESERVATION": Reservation.USED, "RESERVATION_EXPIRES": Reservation.EXPIRED}
_RESTRICTIONS = {"start_time", "end_time", "start_date", "end_date", "day_of_week", "reservation"} | {
    f"{bound}_{of}" for bound in ("min", "max") for of in ("kwh", "duration", "power", "current")
}


def parse_tariff(doc: Json, *, measured: frozenset[Measure] = frozenset()) -> Tariff:
    """A valid OCPI 2.2.1 Tariff as a value that can be priced.

    `measured` is what the sessions to be priced will know beside energy and time; nothing at our own chargers.
    Raises `UnsupportedTariff` for what would be mispriced (rebates, restrictions to what nobody measures),
    `InvalidTariff` for what cannot be meant, and `UnknownCurrency`.
    """
    if not isinstance(doc, dict):
        raise InvalidTariff("a tariff is a JSON object")
    currency = _text(doc, "currency").upper()
    money.exponent(currency)
    elements = tuple(_element(element, measured) for element in _list(doc, "elements"))
    rates = {component.vat_percent for element in elements for component in element.components}
    least, most = _limit(doc.get("min_price"), rates), _limit(doc.get("max_price"), rates)
    if least and most and (least.excl_vat > most.excl_vat or (least.incl_vat or 0) > (most.incl_vat or math.inf)):
        raise InvalidTariff("min_price is above max_price")
    starts, ends = instant(doc.get("start_date_time")), instant(doc.get("end_date_time"))
    if starts is not None and ends is not None and starts >= ends:
        raise InvalidTariff("end_date_time is not after start_date_time")
    return Tariff(
        id=_text(doc, "id"),
        currency=currency,
        elements=elements,
        min_price=least,
        max_price=most,
        kind=doc.get("type"),
    )


def _text(doc: Json, name: str) -> str:
    value = doc.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidTariff(f"{name} is missing")
    return value


def _list(doc: Json, name: str) -> Sequence[Any]:
    value = doc.get(name)
    if not isinstance(value, list) or not value:
        raise InvalidTariff(f"{name} is a list with something in it")
    return value


def _element(doc: Json, measured: frozenset[Measure]) -> Element:
    if not isinstance(doc, dict):
        raise InvalidTariff("an element is a JSON object")
    restrictions = _restrictions(doc.get("restrictions") or {}, measured)
    reserving = restrictions is not None and restrictions.reservation is not None
    components = tuple(_component(component, reserving) for component in _list(doc, "price_components"))
    kinds = [component.dimension for component in components]
    if len(set(kinds)) != len(kinds):
        raise InvalidTariff("an element has two price components of one type")
    return Element(components, restrictions)


def _component(doc: Json, reserving: bool) -> PriceComponent:
    if not isinstance(doc, dict):
        raise InvalidTariff("a price component is a JSON object")
    dimension = _COMPONENTS.get(_text(doc, "type"))
    if dimension is None:
        raise UnsupportedTariff("a price component is of a type that is not priced here")
    if reserving:
        if dimension not in _OF_RESERVATIONS:
            raise InvalidTariff("a reservation has a FLAT and a TIME price and no other")
        dimension = _OF_RESERVATIONS[dimension]
    cost, vat, step_size = number(doc.get("price")), _optional_number(doc.get("vat")), whole(doc.get("step_size", 1))
    if cost < 0:
        raise UnsupportedTariff("prices below zero are not priced here")
    if step_size < 0 or (vat is not None and vat < 0):
        raise InvalidTariff("step_size and vat are not below zero")
    return PriceComponent(dimension, cost, vat, step_size)


def _restrictions(doc: Json, measured: frozenset[Measure]) -> Restrictions | None:
    if not isinstance(doc, dict):
        raise InvalidTariff("restrictions are a JSON object")
    given = {name: value for name, value in doc.items() if value is not None and value != []}
    if not given:
        return None
    if unknown := given.keys() - _RESTRICTIONS:
        raise UnsupportedTariff(f"{len(unknown)} unknown restriction(s): an element would be active when it is not")
    start, end = time_of_day(given.get("start_time")), time_of_day(given.get("end_time"))
    if start is not None and start == end and start != time(0, 0):
        raise InvalidTariff("start_time and end_time are the same, which is either never or always")
    return Restrictions(
        start_time=start,
        end_time=end,
        start_date=_date(given.get("start_date")),
        end_date=_date(given.get("end_date")),
        weekdays=_weekdays(given.get("day_of_week", [])),
        min_energy_wh=_watt_hours(given.get("min_kwh")),
        max_energy_wh=_watt_hours(given.get("max_kwh")),
        min_duration_s=_optional_whole(given.get("min_duration")),
        max_duration_s=_optional_whole(given.get("max_duration")),
        power_kw=_band(given, "power", Measure.POWER, measured),
        current_a=_band(given, "current", Measure.CURRENT, measured),
        reservation=_reservation(given.get("reservation")),
    )


def _reservation(name: str | None) -> Reservation | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in _RESERVATIONS:
        raise UnsupportedTariff("an unknown kind of reservation")
    return _RESERVATIONS[name]


def _band(given: Json, name: str, measure: Measure, measured: frozenset[Measure]) -> Band | None:
    least, most = _optional_number(given.get(f"min_{name}")), _optional_number(given.get(f"max_{name}"))
    if least is None and most is None:
        return None
    if measure not in measured:
        raise UnsupportedTariff(f"restrictions to a {name} are not priced here: the sessions do not tell it")
    return Band(least, most)


def _limit(doc: Json | None, rates: Collection[Decimal | None]) -> Limits | None:
    """A limit. Where `incl_vat` is absent and all prices have one rate of VAT, it follows from that."""
    if doc is None:
        return None
    if not isinstance(doc, dict):
        raise InvalidTariff("min_price and max_price are a Price each")
    excl_vat, incl_vat = number(doc.get("excl_vat")), _optional_number(doc.get("incl_vat"))
    if incl_vat is None and len(rates) == 1:
        [rate] = rates
        incl_vat = excl_vat * (100 + (rate or 0)) / 100
    if excl_vat < 0 or (incl_vat is not None and incl_vat < excl_vat):
        raise InvalidTariff("min_price and max_price are not below zero, and not lower with VAT than without")
    return Limits(excl_vat, incl_vat)


def _watt_hours(kwh: object) -> Decimal | None:
    number = _optional_number(kwh)
    return None if number is None else number * 1000


def _optional_number(value: object) -> Decimal | None:
    return None if value is None else number(value)


def number(value: object) -> Decimal:
    """A JSON number as it was written. Raises `InvalidTariff` for anything else."""
    kind = type(value)
    if kind is float:
        return _of_float(value)
    if kind is not int and kind is not Decimal:
        raise InvalidTariff("a number is expected")
    return _sized(Decimal(value))  # type: ignore[arg-type]


@lru_cache(maxsize=4096)
def _of_float(value: float) -> Decimal:
    """Prices and rates come again and again; telling their digits is what costs time."""
    return _sized(Decimal(repr(value)))


def _sized(exact: Decimal) -> Decimal:
    if not exact.is_finite() or abs(exact.adjusted()) > MOST_DIGITS:
        raise InvalidTariff("a number of a size that means something is expected")
    return exact


def whole(value: object) -> int:
    """A JSON number without a fraction. Raises `InvalidTariff` for anything else."""
    if type(value) is int and abs(value) < MOST_WHOLE:
        return value
    exact = number(value)
    if exact != exact.to_integral_value() or abs(exact) >= MOST_WHOLE:
        raise InvalidTariff("a whole number is expected")
    return int(exact)


def _optional_whole(value: object) -> int | None:
    return None if value is None else whole(value)


def _weekdays(names: object) -> frozenset[int]:
    if not isinstance(names, list):
        raise InvalidTariff("day_of_week is a list")
    if unknown := [name for name in names if name not in DAYS]:
        raise UnsupportedTariff(f"{len(unknown)} unknown day(s) of the week")
    return frozenset(DAYS.index(name) for name in names)


def time_of_day(text: str | None) -> time | None:
    """`HH:MM`. Raises `InvalidTariff` for anything else."""
    if text is None:
        return None
    try:
        hour, minute = text.split(":")
        return time(int(hour), int(minute))
    except (AttributeError, ValueError):
        raise InvalidTariff("a time of day is HH:MM") from None


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidTariff("a date is YYYY-MM-DD") from None


def instant(value: object) -> datetime | None:
    """A moment as OCPI writes it, in UTC with or without `Z`, or one that was parsed before."""
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidTariff("a moment is YYYY-MM-DDThh:mm:ssZ") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
