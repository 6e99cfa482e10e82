"""A price that a driver is told before he starts: which rules hold, for whom, where, and until when. Pure.

What is promised is the tariff, not a sum: nobody knows beforehand how much a car takes. The estimate beside it is
reckoned by the same function that prices the session, and the session is priced by the quoted tariff, whatever the
operator's is by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson

from hub.sessions.documents import Reserved, seconds
from hub.tariffs.cuts import cut
from hub.tariffs.pricing import Period, Priced, parse_tariff, price
from kit.errors import Conflict, Gone, InvalidInput
from kit.money import Money
from payments.ledger.conversion import Rate, convert

Json = dict[str, Any]

VALIDITY = timedelta(minutes=15)
"""So long a driver has to begin: enough to walk to the charger and plug in."""

_HOUR_S = Decimal(3600)


class QuoteExpired(Gone):
    """The price was good until a moment that is over."""

    code, title = "quote_expired", "The price has expired: ask for a new one"


class QuoteUsed(Conflict):
    """Another start has begun with it."""

    code, title = "quote_used", "This price was used for another start"


class WrongSignature(InvalidInput):
    """What was sent is not what we signed."""

    code, title = "quote_signature_invalid", "This is not a price of ours"


class NoPrice(Conflict):
    """Nobody can say beforehand what a session here costs."""

    code, title = "price_unknown", "There is no price for this charger"


@dataclass(frozen=True, slots=True)
class Quote:
    """A promise to `payer`. `tariff` is an OCPI Tariff, `place` names a connector in OCPI's words."""

    id: str
    payer: str
    place: Mapping[str, str]
    tariff: Json
    currency: str
    time_zone: str | None
    made_at: datetime
    expires_at: datetime
    exchange: Rate | None = None
    """By which the price becomes what is paid, where that is another currency."""

    @property
    def pay_currency(self) -> str:
        """In which it is paid."""
        return self.exchange.quote if self.exchange else self.currency

    def to_pay(self, amount: Money) -> Money:
        """What an amount of the price comes to for the payer."""
        return convert(amount, self.exchange).taken if self.exchange else amount

    def statement(self) -> str:
        """What is signed: all of it, in one spelling."""
        said: Json = {
            "id": self.id,
            "payer": self.payer,
            "place": dict(self.place),
            "tariff_sha256": sha256(orjson.dumps(self.tariff, option=orjson.OPT_SORT_KEYS)).hexdigest(),
            "currency": self.currency,
            "time_zone": self.time_zone,
            "made_at": self.made_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }
        if self.exchange is not None:
            said["exchange"] = exchange_document(self.exchange)
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()

    def check(self, *, now: datetime, payer: str) -> None:
        """That this payer may begin with it now. Raises `WrongSignature` for another's, `QuoteExpired`."""
        if payer != self.payer:
            raise WrongSignature
        if now >= self.expires_at:
            raise QuoteExpired

    def estimate(self, energy_wh: Decimal, charging_s: Decimal, parking_s: Decimal) -> Priced:
        """What a session of this size costs that begins now. Raises `NoPrice`."""
        return estimate(
            self.tariff,
            self.currency,
            self.time_zone,
            began=self.made_at,
            energy_wh=energy_wh,
            charging_s=charging_s,
            parking_s=parking_s,
        )


def exchange_document(rate: Rate) -> Json:
    """A rate as JSON, to be told, signed and kept."""
    return {
        "base": rate.base,
        "quote": rate.quote,
        "rate": format(rate.value, "f"),
        "rate_date": rate.day.isoformat(),
        "rate_source": rate.source,
        "spread_percent": format(rate.spread_percent, "f"),
    }


def exchange_of(document: Json) -> Rate:
    """The rate of such a document."""
    return Rate(
        document["base"],
        document["quote"],
        Decimal(document["rate"]),
        date.fromisoformat(document["rate_date"]),
        document["rate_source"],
        Decimal(document["spread_percent"]),
    )


def estimate(
    tariff: Json,
    currency: str,
    time_zone: str | None,
    *,
    began: datetime,
    energy_wh: Decimal,
    charging_s: Decimal,
    parking_s: Decimal,
    reserved: Reserved | None = None,
) -> Priced:
    """The price of a session that takes energy evenly and then stands for a while, and of the reservation before it.

    Raises `NoPrice`.
    """
    charged = began + timedelta(seconds=float(charging_s))
    ended = charged + timedelta(seconds=float(parking_s))
    periods = [Period(began, energy_wh, charging_s=charging_s)]
    if parking_s:
        periods.append(Period(charged, Decimal(0), parking_s=parking_s))
    try:
        parsed = parse_tariff(tariff)
        pieces = cut(parsed, periods, ended_at=ended, time_zone=time_zone)
        if reserved is not None:
            waited = Period(reserved.start, reserved_s=seconds(reserved.start, reserved.end))
            pieces = cut(parsed, [waited], ended_at=reserved.end, time_zone=time_zone) + pieces
        return price(parsed, pieces, currency=currency, time_zone=time_zone)
    except InvalidInput as error:
        raise NoPrice(error.detail) from error


def charging_s(energy_wh: Decimal, connector: Mapping[str, Any]) -> Decimal:
    """How long a connector takes for so much energy at its full power, in whole seconds, one at least."""
    power_w = most_power_w(connector)
    return max(Decimal(1), (energy_wh / power_w * _HOUR_S).quantize(Decimal(1)))


def most_power_w(connector: Mapping[str, Any]) -> Decimal:
    """The most power of an OCPI Connector: as it says, or by voltage, current and phases (mod_locations)."""
    stated = connector.get("max_electric_power")
    if stated:
        return Decimal(str(stated))
    phases = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}.get(str(connector.get("power_type")), 1)
    volts, amperes = Decimal(str(connector["max_voltage"])), Decimal(str(connector["max_amperage"]))
    if phases == 3 and volts > 300:
        volts = Decimal(230)  # some state the voltage between two phases where OCPI wants that to neutral
    return max(Decimal(1), volts * amperes * phases)
