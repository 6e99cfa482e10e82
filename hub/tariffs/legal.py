"""What the law asks of a public charger's prices, where a program can see it in a tariff. Pure.

European Union, United States (federally funded chargers), California, United Kingdom. Each rule is a few lines with
its source; docs/tariffs.md says what is read and what no program can see. Not legal advice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from hub.tariffs.idle import IdleFee
from hub.tariffs.model import Dimension, Element, PriceComponent, Tariff

AFIR = "Regulation (EU) 2023/1804 (AFIR), Article 5(4)"
NEVI = "23 CFR 680.116(a)({}), NEVI"
CALIFORNIA = "California 4 CCR 4002.11 (NIST Handbook 44, 3.40) and HSC 44268.2"
UNITED_KINGDOM = "Public Charge Point Regulations 2023 (SI 2023/1168), regulation 11"

FAST_KW = 50
"""From this power on, AFIR fixes how an ad hoc price is built."""

EUROPEAN_UNION = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


class Severity(StrEnum):
    """An error forbids publishing, a warning asks somebody to look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `pointer` is a JSON pointer into the tariff, empty for all of it."""

    severity: Severity
    code: str
    message: str
    source: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tariff is to hold. `country` is ISO 3166-1 alpha-2, `state` a part of it as in US-CA.

    `power_kw` None: not known, so that rules for fast chargers warn only. `funded` by the federal programme of the
    United States.
    """

    country: str
    power_kw: Decimal | None = None
    state: str | None = None
    funded: bool = True

    @classmethod
    def of(cls, code: str, power_kw: Decimal | None = None, *, funded: bool = True) -> "Place":
        """From `DE`, or `US-CA`; UK is taken for GB."""
        country, _, state = code.upper().partition("-")
        return cls("GB" if country == "UK" else country, power_kw, state or None, funded)


@dataclass(frozen=True, slots=True)
class _Facts:
    tariff: Tariff
    idle_fee: IdleFee | None
    place: Place

    def priced(self, dimension: Dimension) -> list[tuple[int, Element, PriceComponent]]:
        """The components of a dimension that cost anything, with their elements."""
        return [
            (index, element, component)
            for index, element in enumerate(self.tariff.elements)
            for component in element.components
            if component.dimension is dimension and component.price
        ]

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return self.idle_fee is None and not any(self.priced(dimension) for dimension in Dimension)

    @property
    def is_ad_hoc(self) -> bool:
        """Whether somebody without a contract may be charged by it."""
        return self.tariff.kind in (None, "AD_HOC_PAYMENT")


def legal_findings(tariff: Tariff, idle_fee: IdleFee | None, place: Place) -> Iterator[Finding]:
    """What the law of a place has against a tariff. Nothing where it is free, or where no rules are known here."""
    facts = _Facts(tariff, idle_fee, place)
    if not facts.is_free:
        for applies, rule in _RULES:
            if applies(place):
                yield from rule(facts)


def _afir(facts: _Facts) -> Iterator[Finding]:
    power_kw = facts.place.power_kw
    if not facts.is_ad_hoc or (power_kw is not None and power_kw < FAST_KW):
        return
    severity = Severity.WARNING if power_kw is None else Severity.ERROR
    where = f"from {FAST_KW} kW on, "
    if not facts.priced(Dimension.ENERGY):
        yield Finding(severity, "afir_not_per_kwh", f"{where}the ad hoc price is one per kWh", AFIR)
    for index, element, _ in facts.priced(Dimension.TIME):
        is_late = bool(element.restrictions and element.restrictions.min_duration_s)
        text = f"{where}a price per minute is an occupancy fee against staying long, not one for charging"
        level = Severity.WARNING if is_late else severity
        yield Finding(level, "afir_charging_time", text, AFIR, f"/elements/{index}")
    for index, _, _ in facts.priced(Dimension.FLAT):
        text = f"{where}nothing but a price per kWh and an occupancy fee per minute is allowed"
        yield Finding(severity, "afir_session_fee", text, AFIR, f"/elements/{index}")
    if facts.tariff.min_price is not None:
        text = f"{where}a minimum price makes the price depend on more than the kWh"
        yield Finding(Severity.WARNING, "afir_min_price", text, AFIR, "/min_price")


def _nevi(facts: _Facts) -> Iterator[Finding]:
    if not facts.priced(Dimension.ENERGY):
        yield Finding(Severity.ERROR, "nevi_not_per_kwh", "the price for electricity is one in $/kWh", NEVI.format(1))
    for index, _, _ in facts.priced(Dimension.TIME):
        text = "charging is priced by the kWh; a price for charging time needs to be displayed and explained as a fee"
        yield Finding(Severity.WARNING, "nevi_charging_time", text, NEVI.format(3), f"/elements/{index}")
    for index, dimension in _varying(facts.tariff):
        text = f"the {dimension} price may change during the session: that of its start has to hold"
        yield Finding(Severity.ERROR, "nevi_price_changes", text, NEVI.format(2), f"/elements/{index}")
    if facts.tariff.currency != "USD":
        yield Finding(Severity.ERROR, "nevi_currency", "the price is one in dollars", NEVI.format(1), "/currency")


def _california(facts: _Facts) -> Iterator[Finding]:
    if not facts.priced(Dimension.ENERGY) and facts.priced(Dimension.TIME):
        text = "electricity is sold by the kilowatt-hour or megajoule: time is no unit for it"
        yield Finding(Severity.ERROR, "california_not_per_kwh", text, CALIFORNIA)
    for index, _, _ in facts.priced(Dimension.TIME):
        text = "time while electricity flows is no unit to sell it by; fees for parking are another thing"
        yield Finding(Severity.ERROR, "california_charging_time", text, CALIFORNIA, f"/elements/{index}")
    fees = [*facts.priced(Dimension.FLAT), *facts.priced(Dimension.PARKING_TIME)]
    if fees or facts.idle_fee is not None:
        text = "fees beside the price per kWh have to be told at the point of sale, before the session"
        yield Finding(Severity.WARNING, "california_fees", text, CALIFORNIA)


def _united_kingdom(facts: _Facts) -> Iterator[Finding]:
    if not facts.priced(Dimension.ENERGY):
        text = "the total cost of charging is displayed in pence per kilowatt-hour: there is no price per kWh"
        yield Finding(Severity.ERROR, "uk_not_per_kwh", text, UNITED_KINGDOM)
    for dimension in (Dimension.FLAT, Dimension.TIME):
        for index, _, _ in facts.priced(dimension):
            text = f"the total cost is displayed in pence per kilowatt-hour: the {dimension} price has to be part of it"
            yield Finding(Severity.WARNING, "uk_fee_beside_kwh", text, UNITED_KINGDOM, f"/elements/{index}")
    if facts.tariff.currency != "GBP":
        yield Finding(Severity.ERROR, "uk_currency", "the price is displayed in pence", UNITED_KINGDOM, "/currency")


def _varying(tariff: Tariff) -> Iterator[tuple[int, Dimension]]:
    """Elements whose price a running session may reach or leave, where that makes a difference."""
    for dimension in (Dimension.ENERGY, Dimension.TIME):
        candidates = tariff.lookup.get(dimension, ())
        has_default = any(candidate.restrictions is None for candidate in candidates)
        if not has_default or len({candidate.component.price for candidate in candidates}) > 1:
            for candidate in candidates:
                if candidate.restrictions is not None:
                    yield candidate.element, dimension


_RULES: tuple[tuple[Callable[[Place], bool], Callable[[_Facts], Iterator[Finding]]], ...] = (
    (lambda place: place.country in EUROPEAN_UNION, _afir),
    (lambda place: place.country == "US" and place.funded, _nevi),
    (lambda place: place.country == "US" and place.state == "CA", _california),
    (lambda place: place.country == "GB", _united_kingdom),
)
