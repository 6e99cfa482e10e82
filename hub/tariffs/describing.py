"""A tariff in a driver's words, made of the tariff itself: what it says is what is billed. Pure.

Prices include VAT and come in the order that AFIR asks for (Regulation (EU) 2023/1804, Article 5(4)): per kWh, per
minute, per session, and what else there is. The words of each language stand in `texts.json`.
"""

import json
from collections.abc import Iterator
from datetime import time
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from itertools import pairwise
from typing import Any

from hub.tariffs.idle import IdleFee
from hub.tariffs.model import Band, Dimension, PriceComponent, Reservation, Restrictions, Tariff
from hub.tariffs.tally import plain
from kit import money

Words = dict[str, Any]

TEXTS: dict[str, Words] = json.loads(files("hub.tariffs").joinpath("texts.json").read_text(encoding="utf-8"))
"""The words of each language, by its ISO 639-1 code."""

LANGUAGES = tuple(TEXTS)

_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
_ORDER = (
    Dimension.ENERGY,
    Dimension.TIME,
    Dimension.PARKING_TIME,
    Dimension.FLAT,
    Dimension.RESERVATION_TIME,
    Dimension.RESERVATION_FLAT,
)
_MOST_DECIMALS = 4
_MINUTES = 60
_HOURS = 3600


def describe(tariff: Tariff, language: str, idle_fee: IdleFee | None = None) -> str:
    """What a driver pays, in a language of `LANGUAGES`; in English for any other."""
    words = _Speech(TEXTS.get(language.lower()[:2], TEXTS["en"]), tariff.currency)
    if not any(component.price for element in tariff.elements for component in element.components) and not idle_fee:
        return str(words.text["free"])
    parts = [*_prices(tariff, words), *(_idle(idle_fee, words) if idle_fee else ()), *_limits(tariff, words)]
    rates = [component.vat_percent for element in tariff.elements for component in element.components]
    vat = words.text["vat_none" if all(rate is None for rate in rates) else "vat"]
    return f"{'; '.join(parts)}. {vat}"


def descriptions(tariff: Tariff, idle_fee: IdleFee | None = None) -> list[dict[str, str]]:
    """The description in every language, as OCPI DisplayTexts."""
    return [{"language": each, "text": describe(tariff, each, idle_fee)} for each in LANGUAGES]


class _Speech:
    """The words of one language, and how it writes numbers and sums."""

    def __init__(self, text: Words, currency: str) -> None:
        self.text, self._currency = text, currency

    def say(self, name: str, **values: str) -> str:
        return str(self.text[name]).format(**values)

    def number(self, number: Decimal) -> str:
        return f"{plain(number):f}".replace(".", self.text["decimal"])

    def sum(self, amount: Decimal) -> str:
        """A sum with VAT, with as many decimals as it needs, and no fewer than its currency has."""
        minor = self.text["minor"].get(self._currency)
        if minor is not None and 0 < amount < 1:
            return str(minor).format(amount=self.number(amount * 100))
        least = money.exponent(self._currency)
        rounded = plain(amount.quantize(Decimal(1).scaleb(-_MOST_DECIMALS), ROUND_HALF_UP))
        decimals = max(least, -int(rounded.as_tuple().exponent))
        shown = f"{rounded:.{decimals}f}".replace(".", self.text["decimal"])
        symbol = _SYMBOLS.get(self._currency)
        return self.say("money" if symbol else "code", symbol=symbol or self._currency, amount=shown)

    def lasting(self, seconds: int) -> str:
        if seconds % _HOURS == 0 and seconds:
            return self.say("hours", value=str(seconds // _HOURS))
        return self.say("minutes", value=self.number(Decimal(seconds) / _MINUTES))

    def timed(self, name: str, per_hour: Decimal, **values: str) -> str:
        """A price for time: by the minute where that comes out even, else by the hour."""
        per_minute = per_hour / _MINUTES
        if per_minute == per_minute.quantize(Decimal(1).scaleb(-_MOST_DECIMALS)):
            return self.say(name, price=self.sum(per_minute), unit=self.text["min"], **values)
        return self.say(name, price=self.sum(per_hour), unit=self.text["h"], **values)


def _prices(tariff: Tariff, words: _Speech) -> Iterator[str]:
    for dimension in _ORDER:
        is_first = True
        for element in tariff.elements:
            for component in element.components:
                if component.dimension is dimension:
                    yield _price(component, element.restrictions, words, is_first=is_first)
                    is_first = False


def _price(component: PriceComponent, restrictions: Restrictions | None, words: _Speech, *, is_first: bool) -> str:
    name, cost = component.dimension.value, with_vat(component.price, component.vat_percent)
    if restrictions is not None and restrictions.reservation is Reservation.EXPIRED:
        name = name.replace("RESERVATION", "EXPIRED")
    is_timed = component.dimension.unit == "h"
    said = words.timed(name, cost) if is_timed else words.say(name, price=words.sum(cost))
    conditions = list(_conditions(restrictions, words)) if restrictions else []
    if not is_first and restrictions is None:
        conditions.append(str(words.text["otherwise"]))
    conditions += _step(component, words)
    return words.say("when", price=said, conditions=", ".join(conditions)) if conditions else said


def _step(component: PriceComponent, words: _Speech) -> Iterator[str]:
    if component.dimension is Dimension.ENERGY and component.step_size > 1:
        yield words.say("step", value=f"{component.step_size} Wh")
    if component.dimension.unit == "h" and component.step_size > 1:
        yield words.say("step", value=words.lasting(component.step_size))


def _conditions(restrictions: Restrictions, words: _Speech) -> Iterator[str]:
    if restrictions.weekdays:
        yield _days(sorted(restrictions.weekdays), words)
    yield from _clock(restrictions.start_time, restrictions.end_time, words)
    if restrictions.start_date is not None:
        yield words.say("start_date", date=restrictions.start_date.isoformat())
    if restrictions.end_date is not None:
        yield words.say("end_date", date=restrictions.end_date.isoformat())
    for name, energy_wh in (("min_energy", restrictions.min_energy_wh), ("max_energy", restrictions.max_energy_wh)):
        if energy_wh is not None:
            yield words.say(name, value=words.number(energy_wh / 1000))
    for name, duration_s in (
        ("min_duration", restrictions.min_duration_s),
        ("max_duration", restrictions.max_duration_s),
    ):
        if duration_s is not None:
            yield words.say(name, value=words.lasting(duration_s))
    yield from _band("power", restrictions.power_kw, words)
    yield from _band("current", restrictions.current_a, words)


def _clock(start: time | None, end: time | None, words: _Speech) -> Iterator[str]:
    first, last = start or time(0), end or time(0)
    if first == last:
        return
    shown = {"start": f"{first:%H:%M}", "end": "24:00" if last == time(0) else f"{last:%H:%M}"}
    yield words.say("window", **shown)


def _days(days: list[int], words: _Speech) -> str:
    names = words.text["days"]
    if len(days) > 2 and all(after - before == 1 for before, after in pairwise(days)):
        return words.say("day_range", first=names[days[0]], last=names[days[-1]])
    return " ".join(names[day] for day in days)


def _band(name: str, band: Band | None, words: _Speech) -> Iterator[str]:
    if band is not None and band.least is not None:
        yield words.say(f"min_{name}", value=words.number(band.least))
    if band is not None and band.most is not None:
        yield words.say(f"max_{name}", value=words.number(band.most))


def _idle(fee: IdleFee, words: _Speech) -> Iterator[str]:
    def cost(price: Decimal) -> Decimal:
        return with_vat(price, fee.vat_percent)

    if fee.grace_s:
        yield words.timed("idle", cost(fee.price), grace=words.lasting(fee.grace_s))
    else:
        yield words.timed("idle_now", cost(fee.price))
    for least, price in fee.tiers:
        yield words.timed("idle_tier", cost(price), value=words.number(least))
    if fee.free_from is not None and fee.free_until is not None:
        yield words.say("idle_free", start=f"{fee.free_from:%H:%M}", end=f"{fee.free_until:%H:%M}")
    if fee.max_price is not None:
        yield words.say("idle_cap", price=words.sum(cost(fee.max_price)))


def _limits(tariff: Tariff, words: _Speech) -> Iterator[str]:
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is not None:
            shown = limit.excl_vat if limit.incl_vat is None else limit.incl_vat
            yield words.say(name, price=words.sum(shown))


def with_vat(price: Decimal, vat_percent: Decimal | None) -> Decimal:
    """A price as a driver pays it."""
    return price if vat_percent is None else price * (100 + vat_percent) / 100
