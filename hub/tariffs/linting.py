"""What is wrong with a tariff before it is published: whether it is valid, can be reached, and is allowed. Pure.

Each finding names its source. An error means that the tariff would misprice, or that the law forbids it; a warning that
somebody should look. The law of each place stands in `hub.tariffs.legal`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from hub.tariffs.describing import descriptions
from hub.tariffs.idle import FIELD, IdleFee, parse_idle_fee
from hub.tariffs.legal import Finding, Place, Severity, legal_findings
from hub.tariffs.model import Band, Dimension, Measure, Restrictions, Tariff
from hub.tariffs.parsing import parse_tariff
from kit.errors import InvalidInput
from ocpi.v221.tariffs import Tariff as WireTariff
from ocpi.validation import findings as wire_findings

Json = Mapping[str, Any]

OCPI = "OCPI 2.2.1, mod_tariffs"

_FILLED_IN = {"country_code": "XX", "party_id": "XXX", "id": "X", "last_updated": "2026-01-01T00:00:00Z"}
_DAY_MINUTES = 24 * 60
_WHOLE_DAY = (1 << _DAY_MINUTES) - 1


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a look at a tariff found, errors first, and what drivers read, as OCPI DisplayTexts."""

    findings: list[Finding]
    description: list[dict[str, str]]

    @property
    def is_allowed(self) -> bool:
        """Whether nothing forbids publishing it."""
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def inspect(doc: Any, place: Place, *, measured: frozenset[Measure] = frozenset(Measure)) -> Inspected:
    """Look at an OCPI 2.2.1 Tariff for a place. It may be anything: what is no tariff is a finding.

    `measured` is what the sessions to be priced will know beside energy and time.
    """
    found = list(_wire(doc))
    if any(finding.severity is Severity.ERROR for finding in found):
        return Inspected(found, [])
    try:
        tariff = parse_tariff(doc, measured=measured)
        idle_fee = parse_idle_fee(doc, measured=measured)
    except InvalidInput as error:
        return Inspected([Finding(Severity.ERROR, error.code, error.detail or error.title, OCPI), *found], [])
    found += [*_structure(tariff), *_prices(tariff, doc, idle_fee), *legal_findings(tariff, idle_fee, place)]
    found.sort(key=lambda finding: finding.severity is not Severity.ERROR)
    return Inspected(found, descriptions(tariff, idle_fee))


def finding_document(finding: Finding) -> dict[str, str]:
    """A finding as JSON."""
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
        "source": finding.source,
        "pointer": finding.pointer,
    }


def _wire(doc: Json) -> Iterator[Finding]:
    if not isinstance(doc, dict):
        yield Finding(Severity.ERROR, "invalid_tariff", "a tariff is a JSON object", OCPI)
        return
    for name in sorted(_FILLED_IN.keys() - doc.keys()):
        text = "missing; it is filled in when the tariff is published here"
        yield Finding(Severity.WARNING, "incomplete", text, f"{OCPI}, Tariff", f"/{name}")
    try:
        WireTariff.model_validate({**_FILLED_IN, **doc})
    except ValidationError as error:
        for fault in wire_findings(error):
            yield Finding(Severity.ERROR, "invalid_tariff", fault, OCPI)


def _structure(tariff: Tariff) -> Iterator[Finding]:
    """Elements that never hold, components that others always go before, and dimensions without a last resort."""
    for index, element in enumerate(tariff.elements):
        if element.restrictions is not None and _never(element.restrictions):
            text = "its restrictions exclude each other: it is never active"
            yield Finding(Severity.ERROR, "never_active", text, f"{OCPI}, TariffRestrictions", f"/elements/{index}")
    for dimension, lists in _lookups(tariff).items():
        for candidates in lists:
            for number, candidate in enumerate(candidates):
                before = next((one for one in candidates[:number] if _covers(one[1], candidate[1])), None)
                if before is not None:
                    text = f"its {dimension} price is never reached: element {before[0]} always goes before it"
                    pointer = f"/elements/{candidate[0]}"
                    yield Finding(Severity.WARNING, "unreachable", text, f"{OCPI}, Tariff", pointer)
            if dimension is not Dimension.FLAT and all(_narrows(restrictions) for _, restrictions in candidates):
                text = f"{dimension} has no price where no restriction holds: it is free then"
                yield Finding(Severity.WARNING, "no_default", text, f"{OCPI}, Tariff")


def _lookups(tariff: Tariff) -> dict[Dimension, list[list[tuple[int, Restrictions | None]]]]:
    """The elements that have a price for a dimension, apart for what each kind of reservation looks up."""
    found: dict[tuple[Dimension, object], list[tuple[int, Restrictions | None]]] = {}
    for index, element in enumerate(tariff.elements):
        kind = element.restrictions.reservation if element.restrictions else None
        for component in element.components:
            found.setdefault((component.dimension, kind), []).append((index, element.restrictions))
    lists: dict[Dimension, list[list[tuple[int, Restrictions | None]]]] = {}
    for (dimension, _), candidates in found.items():
        lists.setdefault(dimension, []).append(candidates)
    return lists


def _prices(tariff: Tariff, doc: Json, idle_fee: IdleFee | None) -> Iterator[Finding]:
    for index, element in enumerate(tariff.elements):
        for component in element.components:
            if component.has_steps and component.step_size != 1:
                text = f"step_size {component.step_size} rounds the {component.dimension} up; 1 is advised"
                pointer = f"/elements/{index}"
                yield Finding(
                    Severity.WARNING, "step_size", text, f"{OCPI}, PriceComponent, note on step_size", pointer
                )
    rates = {component.vat_percent for element in tariff.elements for component in element.components}
    if None in rates and len(rates) > 1:
        text = "some prices carry VAT and others none at all: 0 is for a rate of nothing"
        yield Finding(Severity.WARNING, "vat_mixed", text, f"{OCPI}, PriceComponent")
    for name in ("min_price", "max_price"):
        limit = doc.get(name)
        if limit is not None and limit.get("incl_vat") is None and rates != {None}:
            text = "incl_vat is missing: partners may limit the sum with VAT differently"
            yield Finding(Severity.WARNING, "limit_without_vat", text, f"{OCPI}, note on {name}", f"/{name}")
    if idle_fee is not None and not doc.get("tariff_alt_text"):
        text = "OCPI cannot express the idle fee: tariff_alt_text should tell partners of it"
        yield Finding(Severity.WARNING, "idle_fee_untold", text, f"{OCPI}, note on tariff_alt_text", f"/{FIELD}")


def _narrows(restrictions: Restrictions | None) -> bool:
    """Whether an element rests at any time. One for a whole day by its clock does not."""
    return restrictions is not None and not _covers(restrictions, None)


def _never(one: Restrictions) -> bool:
    pairs = (
        (one.min_energy_wh, one.max_energy_wh),
        (one.min_duration_s, one.max_duration_s),
        (one.start_date, one.end_date),
        *((band.least, band.most) for band in (one.power_kw, one.current_a) if band is not None),
    )
    if any(least is not None and most is not None and least >= most for least, most in pairs):  # type: ignore[operator]
        return True
    return one.reservation is not None and bool(one.min_energy_wh)  # no energy flows while nobody has come


def _covers(outer: Restrictions | None, inner: Restrictions | None) -> bool:
    """Whether the outer restrictions hold whenever the inner ones do."""
    if outer is None:
        return True
    inner = inner or Restrictions()
    if _minutes(inner) & ~_minutes(outer):
        return False
    if outer.weekdays and not (inner.weekdays and inner.weekdays <= outer.weekdays):
        return False
    return (
        _within(inner.start_date, inner.end_date, outer.start_date, outer.end_date)
        and _within(inner.min_energy_wh, inner.max_energy_wh, outer.min_energy_wh or None, outer.max_energy_wh)
        and _within(inner.min_duration_s, inner.max_duration_s, outer.min_duration_s or None, outer.max_duration_s)
        and _band_within(inner.power_kw, outer.power_kw)
        and _band_within(inner.current_a, outer.current_a)
    )


def _within(inner_least: Any, inner_most: Any, outer_least: Any, outer_most: Any) -> bool:
    """Whether one range lies in another; None is no bound."""
    if outer_least is not None and (inner_least is None or inner_least < outer_least):
        return False
    return outer_most is None or (inner_most is not None and inner_most <= outer_most)


def _band_within(inner: Band | None, outer: Band | None) -> bool:
    if outer is None:
        return True
    inner = inner or Band()
    least: Decimal | None = outer.least or None
    return _within(inner.least, inner.most, least, outer.most)


def _minutes(restrictions: Restrictions) -> int:
    """The minutes of a day in which an element may be active, one bit each."""
    start, end = (_minute(each) for each in (restrictions.start_time, restrictions.end_time))
    if start == end:
        return _WHOLE_DAY
    end = end or _DAY_MINUTES
    if start < end:
        return ((1 << end) - 1) & ~((1 << start) - 1)
    return _WHOLE_DAY & ~(((1 << start) - 1) & ~((1 << end) - 1))


def _minute(at: time | None) -> int:
    return 0 if at is None else at.hour * 60 + at.minute
