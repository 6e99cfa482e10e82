"""From OCPI 2.2.1 JSON to tariffs and periods. Pure.

Strict where the wire is tolerant: what is not understood might change a price, so it is refused.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from hub.tariffs.model import (
    NOTHING,
    Amount,
    Band,
    CannotPrice,
    Dimension,
    Element,
    InvalidTariff,
    Measure,
    Period,
    PriceComponent,
    Restrictions,
    Tariff,
    UnsupportedTariff,
)
from kit import money

Json = Mapping[str, Any]

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

_RESTRICTIONS = {"start_time", "end_time", "start_date", "end_date", "day_of_week"} | {
    f"{bound}_{of}" for bound in ("min", "max") for of in ("kwh", "duration", "power", "current")
}


def parse_tariff(doc: Json, *, measured: frozenset[Measure] = frozenset()) -> Tariff:
    """A valid OCPI 2.2.1 Tariff as a value that can be priced.

    `measured` is what the sessions to be priced will know beside energy and time; nothing at our own chargers.
    Raises `UnsupportedTariff` for what would be mispriced (reservations, rebates, restrictions to what nobody
    measures), `InvalidTariff` for what cannot be meant, and `UnknownCurrency`.
    """
    currency = str(doc["currency"]).upper()
    money.exponent(currency)
    elements = tuple(_element(element, measured) for element in doc["elements"])
    has_vat = any(each.vat_percent is not None for element in elements for each in element.components)
    least, most = _limit(doc.get("min_price"), has_vat), _limit(doc.get("max_price"), has_vat)
    if least and most and (least.excl_vat > most.excl_vat or least.incl_vat > most.incl_vat):
        raise InvalidTariff("min_price is above max_price")
    return Tariff(
        id=str(doc["id"]),
        currency=currency,
        elements=elements,
        min_price=least,
        max_price=most,
        valid_from=_instant(doc.get("start_date_time")),
        valid_until=_instant(doc.get("end_date_time")),
    )


def parse_periods(charging_periods: Sequence[Json]) -> tuple[Period, ...]:
    """The charging periods of an OCPI Session or CDR.

    Hours come with four decimals, a third of a second: they are read as whole seconds, or each period would lose or
    gain some and be stepped up for it. Raises `CannotPrice` for reservation time, which is not priced yet.
    """
    return tuple(_period(period) for period in charging_periods)


def _element(doc: Json, measured: frozenset[Measure]) -> Element:
    restrictions = _restrictions(doc.get("restrictions") or {}, measured)
    components = tuple(_component(component) for component in doc["price_components"])
    kinds = [component.dimension for component in components]
    if len(set(kinds)) != len(kinds):
        raise InvalidTariff("an element has two price components of one type")
    return Element(components, restrictions)


def _component(doc: Json) -> PriceComponent:
    try:
        dimension = Dimension(doc["type"])
    except ValueError:
        raise UnsupportedTariff("a price component is of a type that is not priced here") from None
    price, vat, step_size = _number(doc["price"]), _optional_number(doc.get("vat")), int(doc["step_size"])
    if price < 0:
        raise UnsupportedTariff("prices below zero are not priced here")
    if step_size < 0 or (vat is not None and vat < 0):
        raise InvalidTariff("step_size and vat are not below zero")
    return PriceComponent(dimension, price, vat, step_size)


def _restrictions(doc: Json, measured: frozenset[Measure]) -> Restrictions | None:
    given = {name: value for name, value in doc.items() if value is not None and value != []}
    if not given:
        return None
    if "reservation" in given:
        raise UnsupportedTariff("reservations are not priced here yet")
    if unknown := given.keys() - _RESTRICTIONS:
        raise UnsupportedTariff(f"{len(unknown)} unknown restriction(s): an element would be active when it is not")
    start, end = _time(given.get("start_time")), _time(given.get("end_time"))
    if start is not None and start == end and start != time(0, 0):
        raise InvalidTariff("start_time and end_time are the same, which is either never or always")
    return Restrictions(
        start_time=start,
        end_time=end,
        start_date=_date(given.get("start_date")),
        end_date=_date(given.get("end_date")),
        weekdays=frozenset(_weekday(day) for day in given.get("day_of_week", [])),
        min_energy_wh=_watt_hours(given.get("min_kwh")),
        max_energy_wh=_watt_hours(given.get("max_kwh")),
        min_duration_s=given.get("min_duration"),
        max_duration_s=given.get("max_duration"),
        power_kw=_band(given, "power", Measure.POWER, measured),
        current_a=_band(given, "current", Measure.CURRENT, measured),
    )


def _band(given: Json, name: str, measure: Measure, measured: frozenset[Measure]) -> Band | None:
    least, most = _optional_number(given.get(f"min_{name}")), _optional_number(given.get(f"max_{name}"))
    if least is None and most is None:
        return None
    if measure not in measured:
        raise UnsupportedTariff(f"restrictions to a {name} are not priced here: the sessions do not tell it")
    return Band(least, most)


def _limit(doc: Json | None, has_vat: bool) -> Amount | None:
    if doc is None:
        return None
    excl_vat, incl_vat = _number(doc["excl_vat"]), _optional_number(doc.get("incl_vat"))
    if incl_vat is None:
        if has_vat:
            raise UnsupportedTariff(
                "where prices carry VAT, min_price and max_price need incl_vat: each limits on its own"
            )
        incl_vat = excl_vat
    if excl_vat < 0 or incl_vat < excl_vat:
        raise InvalidTariff("min_price and max_price are not below zero, and not lower with VAT than without")
    return Amount(excl_vat, incl_vat)


def _period(doc: Json) -> Period:
    volumes: dict[str, Decimal] = {}
    for dimension in doc["dimensions"]:
        kind = str(dimension["type"])
        volumes[kind] = volumes.get(kind, NOTHING) + _number(dimension["volume"])
    if volumes.get("RESERVATION_TIME"):
        raise CannotPrice("reservations are not priced here yet")
    start = _instant(doc["start_date_time"])
    assert start is not None  # noqa: S101 - required by the wire type
    return Period(
        start=start,
        energy_wh=volumes.get("ENERGY", NOTHING) * 1000,
        charging_s=_seconds(volumes.get("TIME", NOTHING)),
        parking_s=_seconds(volumes.get("PARKING_TIME", NOTHING)),
        power_kw=_observed(volumes, "POWER"),
        current_a=_observed(volumes, "CURRENT"),
    )


def _observed(volumes: Mapping[str, Decimal], name: str) -> Band | None:
    average = volumes.get(name)
    band = Band(volumes.get(f"MIN_{name}", average), volumes.get(f"MAX_{name}", average))
    return None if band == Band() else band


def _seconds(hours: Decimal) -> Decimal:
    return (hours * 3600).quantize(Decimal(1))


def _watt_hours(kwh: object) -> Decimal | None:
    number = _optional_number(kwh)
    return None if number is None else number * 1000


def _optional_number(value: object) -> Decimal | None:
    return None if value is None else _number(value)


def _number(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InvalidTariff("a number is expected") from None
    if not number.is_finite() or isinstance(value, bool):
        raise InvalidTariff("a number is expected")
    return number


def _weekday(name: str) -> int:
    try:
        return DAYS.index(name)
    except ValueError:
        raise UnsupportedTariff("an unknown day of the week") from None


def _time(text: str | None) -> time | None:
    if text is None:
        return None
    try:
        hour, minute = text.split(":")
        return time(int(hour), int(minute))
    except ValueError:
        raise InvalidTariff("a time of day is HH:MM") from None


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InvalidTariff("a date is YYYY-MM-DD") from None


def _instant(value: object) -> datetime | None:
    """A moment as OCPI writes it, in UTC with or without `Z`, or one that was parsed before."""
    if value is None:
        return None
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidTariff("a moment is YYYY-MM-DDThh:mm:ssZ") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
