"""An OCPI 2.2.1 CDR priced by OCPI tariffs, and the price as JSON. Pure.

For whoever holds both as JSON: the check of a partner's CDR, the command line, and our own CDRs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hub.tariffs.choosing import choose
from hub.tariffs.cuts import cut
from hub.tariffs.idle import FIELD, Occupancy, expanded
from hub.tariffs.model import CannotPrice, Measure, Period, Reservation, StepReading, Tariff
from hub.tariffs.parsing import parse_tariff
from hub.tariffs.periods import InvalidCdr, Usage, moment, parse_usage
from hub.tariffs.pricing import Priced, cost_fields, price, price_in_turns
from hub.tariffs.tally import Line

Json = dict[str, Any]

EVERYTHING = frozenset(Measure)
LONGEST = timedelta(days=366)
"""What is looked at day by day is no longer than this."""


@dataclass(frozen=True, slots=True)
class PricedCdr:
    """What a CDR costs by a tariff. `time_zone` is what its hours were read in; None where no price asks for them."""

    tariff: Tariff
    time_zone: str | None
    periods: tuple[Period, ...]
    priced: Priced


def price_cdr(
    tariffs: Sequence[Json],
    cdr: Json,
    *,
    time_zone: str | None = None,
    otherwise_zone: str | None = None,
    reservation: Reservation | None = None,
    steps: StepReading = StepReading.PARKING,
    occupancy: Sequence[Occupancy] = (),
) -> PricedCdr:
    """Price the charging periods of a CDR.

    One tariff prices all of it. Of several, those that its periods name, or else the one that is valid at its start.
    `time_zone` goes before what the CDR tells, `otherwise_zone` comes after it. Raises `InvalidTariff`,
    `UnsupportedTariff`, `InvalidCdr` and `CannotPrice`.
    """
    usage = parse_usage(cdr)
    if len({tariff_id.casefold() for tariff_id in usage.tariff_ids if tariff_id}) > 1 and len(tariffs) > 1:
        zone = time_zone or usage.time_zone or otherwise_zone
        return _price_in_turns(tariffs, usage, time_zone=zone, reservation=reservation, steps=steps)
    doc = _tariff_of(tariffs, usage)
    tariff = parse_tariff(doc, measured=EVERYTHING)
    asks = tariff.is_local or doc.get(FIELD) is not None
    zone = (time_zone or usage.time_zone or otherwise_zone) if asks else None
    periods = usage.periods
    if doc.get(FIELD) is not None and periods:
        ended_at = _end(cdr, periods)
        doc = expanded(doc, periods, ended_at=ended_at, time_zone=zone, occupancy=occupancy, measured=EVERYTHING)
        tariff = parse_tariff(doc, measured=EVERYTHING)
        periods = cut(tariff, periods, ended_at=ended_at, time_zone=zone)
    currency = usage.currency or tariff.currency
    priced = price(tariff, periods, currency=currency, time_zone=zone, reservation=reservation, steps=steps)
    return PricedCdr(tariff, zone, periods, priced)


def cost_document(found: PricedCdr) -> Json:
    """The cost fields of the CDR, with the lines that make them."""
    return {
        "tariff_id": found.tariff.id,
        "currency": found.priced.currency,
        "time_zone": found.time_zone,
        **cost_fields(found.priced, all_of_them=True),
        "lines": [line_document(line) for line in found.priced.lines],
    }


def line_document(line: Line) -> Json:
    """A line as JSON. Numbers keep all their digits that a JSON reader keeps; lines add up to the total."""
    return {
        "dimension": line.kind.value,
        "period": line.period,
        "element": line.element,
        "volume": json_number(line.volume),
        "unit": line.unit,
        "step_size": line.component.step_size if line.component else None,
        "step_added": json_number(line.step_added),
        "unit_price": json_number(line.unit_price),
        "vat": None if line.vat_percent is None else json_number(line.vat_percent),
        "excl_vat": json_number(line.amount.excl_vat),
        "incl_vat": json_number(line.amount.incl_vat),
    }


def json_number(number: Decimal) -> int | float:
    """A number without a fraction where it has none."""
    shown = float(number)
    return int(shown) if shown.is_integer() else shown


def _tariff_of(docs: Sequence[Json], usage: Usage) -> Json:
    if len(docs) == 1:
        return docs[0]
    named = {tariff_id.casefold() for tariff_id in usage.tariff_ids if tariff_id}
    found = [doc for doc in docs if str(doc.get("id")).casefold() in named] or docs
    chosen = choose(found, usage.periods[0].start) if usage.periods else None
    if chosen is None:
        raise CannotPrice("none of the tariffs is valid at the start of the session")
    return chosen


def _price_in_turns(
    docs: Sequence[Json],
    usage: Usage,
    *,
    time_zone: str | None,
    reservation: Reservation | None,
    steps: StepReading,
) -> PricedCdr:
    """A session whose periods name several tariffs; a period that names none has no price (mod_cdrs)."""
    if any(doc.get(FIELD) is not None for doc in docs):
        raise CannotPrice("an idle fee is that of one tariff, and the session changed its tariff")
    known = {str(doc.get("id")).casefold(): parse_tariff(doc, measured=EVERYTHING) for doc in docs}
    free = Tariff("", "", ())
    turns = []
    for tariff_id, period in zip(usage.tariff_ids, usage.periods, strict=True):
        tariff = known.get(tariff_id.casefold()) if tariff_id else free
        if tariff is None:
            raise CannotPrice("a period names a tariff that is not there")
        turns.append((tariff, period))
    first = next(tariff for tariff, _ in turns if tariff is not free)
    nothing = replace(free, currency=first.currency)
    turns = [(nothing if tariff is free else tariff, period) for tariff, period in turns]
    currency = usage.currency or first.currency
    priced = price_in_turns(turns, currency=currency, time_zone=time_zone, reservation=reservation, steps=steps)
    return PricedCdr(first, time_zone, usage.periods, priced)


def _end(cdr: Mapping[str, Any], periods: Sequence[Period]) -> datetime:
    """When the last period ended."""
    ended_at = moment(cdr, "end_date_time")
    if periods and not periods[-1].start <= ended_at <= periods[0].start + LONGEST:
        raise InvalidCdr("end_date_time comes after the last period, and within a year of the first")
    return ended_at
