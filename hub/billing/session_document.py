"""What a document says of a charging session, in the driver's language. Pure; the words are data.

Facts that others wrote (names, addresses, ids) stay as they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from hub.billing.evidence import evidence_of
from hub.tariffs.cdr import EVERYTHING
from hub.tariffs.describing import describe
from hub.tariffs.idle import parse_idle_fee
from hub.tariffs.parsing import parse_tariff
from kit.errors import InvalidInput
from kit.money import Money
from ocpi.datetimes import parse_datetime
from payments.documents.kinds import is_simplified, kind_of
from payments.documents.model import Detail, Document, Party, Payment
from payments.documents.profile import SellerProfile
from payments.documents.speech import FALLBACK, Speech
from payments.documents.totals import Item, reckon

Json = Mapping[str, Any]

WORDS: dict[str, dict[str, str]] = json.loads(files("hub.billing").joinpath("texts.json").read_text(encoding="utf-8"))
MOST_LINES = 200
"""More lines than this are told together, by what they are and their price."""
_LIMITS = ("MIN_PRICE", "MAX_PRICE")


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What a driver pays in another currency than the tariff's, and the rate that the quote has frozen, as JSON."""

    to_pay: Money
    rate: Json


@dataclass(frozen=True, slots=True)
class Billed:
    """A session that was billed. `lines` are those of the price, exact; `country` is that of the charger, two letters.

    `cdr` is an OCPI CDR and `tariff` the OCPI Tariff that was promised, if one was.
    """

    lines: Sequence[Json]
    currency: str
    net_minor: int
    vat_minor: int
    country: str
    time_zone: str
    started_at: datetime
    ended_at: datetime
    cdr: Json
    tariff: Json | None
    language: str
    payment: Payment
    buyer: Party | None
    is_gathered: bool = False
    """Whether it is invoiced later, together with others."""
    exchanged: Exchanged | None = None


def draft(billed: Billed, profile: SellerProfile, *, issued_at: datetime) -> Document:
    """The document of a session, without a number. Raises `ValueError` for VAT that no line has."""
    words = words_of(billed.language)
    speech = Speech(billed.language, billed.currency, billed.time_zone)
    is_sold = billed.payment.method != "free"
    kind = kind_of(pays_later=billed.payment.method == "invoice", is_sold=is_sold, is_gathered=billed.is_gathered)
    sums = reckon(
        items_of(billed.lines, words, is_sold=is_sold),
        currency=billed.currency,
        net_minor=billed.net_minor if is_sold else 0,
        vat_minor=billed.vat_minor if is_sold else 0,
        rounding=words["ROUNDING"],
        usual_vat=usual_vat(billed.tariff or {}),
    )
    gross = Money(sum(each.net_minor + each.vat_minor for each in sums.vat), billed.currency)
    evidence, file = evidence_of(billed.cdr, words, speech)
    return Document(
        kind=kind,
        language=billed.language if billed.language in WORDS else FALLBACK,
        currency=billed.currency,
        country=billed.country,
        time_zone=billed.time_zone,
        issued_at=issued_at,
        seller=profile.party(billed.country),
        buyer=billed.buyer,
        lines=sums.lines,
        vat=sums.vat,
        simplified=is_simplified(kind, gross, billed.country),
        supplied_from=billed.started_at,
        supplied_until=billed.ended_at,
        details=tuple(_details(billed, words, speech)),
        evidence=(evidence,),
        payment=billed.payment,
        complaint=profile.complaint,
        attachments=(file,) if file is not None else (),
    )


def words_of(language: str) -> dict[str, str]:
    """The words of a language; the English ones for a language that has none here."""
    return WORDS.get(language, WORDS[FALLBACK])


def items_of(lines: Sequence[Json], words: Mapping[str, str], *, is_sold: bool = True) -> list[Item]:
    """The lines of a price as items of a document; of what is not sold, the quantities alone."""
    items = [_item(line, words) for line in lines]
    if not is_sold:
        nothing = Decimal(0)
        plain = [item for item in items if not item.on_all]
        items = [
            Item(each.code, each.text, each.quantity, each.unit, nothing, None, nothing, nothing) for each in plain
        ]
    return items if len(items) <= MOST_LINES else _together(items)


def usual_vat(tariff: Json) -> Decimal | None:
    """The highest rate of VAT in a tariff: that of a minimum price which nothing else is part of."""
    components = (each for element in tariff.get("elements") or [] for each in element.get("price_components") or [])
    rates = [Decimal(str(each["vat"])) for each in components if each.get("vat") is not None]
    return max(rates, default=None)


def _item(line: Json, words: Mapping[str, str]) -> Item:
    kind, rate = str(line["dimension"]), line["vat"]
    return Item(
        code=kind,
        text=words[kind],
        quantity=Decimal(str(line["volume"])),
        unit="" if line["unit"] == "session" else str(line["unit"]),
        unit_price=Decimal(str(line["unit_price"])),
        vat_percent=None if rate is None else Decimal(str(rate)),
        net=Decimal(str(line["excl_vat"])),
        gross=Decimal(str(line["incl_vat"])),
        on_all=kind in _LIMITS,
    )


def _together(items: Sequence[Item]) -> list[Item]:
    """Items of one kind and price as one, in the order in which they first came."""
    found: dict[tuple[Any, ...], Item] = {}
    for item in items:
        key = (item.code, item.unit, item.unit_price if not item.on_all else None, item.vat_percent, item.on_all)
        before = found.get(key)
        if before is None:
            found[key] = item
            continue
        found[key] = Item(
            item.code,
            item.text,
            before.quantity + item.quantity,
            item.unit,
            item.unit_price,
            item.vat_percent,
            before.net + item.net,
            before.gross + item.gross,
            item.on_all,
        )
    return list(found.values())


def _details(billed: Billed, words: Mapping[str, str], speech: Speech) -> Iterator[Detail]:
    place = billed.cdr["cdr_location"]
    town = f"{place.get('postal_code') or ''} {place['city']}".strip()
    where = ", ".join(part for part in (place.get("name"), place["address"], town, place["country"]) if part)
    evse = place["evse_id"] if place.get("evse_id") not in (None, "#NA") else place["evse_uid"]
    connector = f"{place['connector_id']} ({place['connector_standard']})"
    lasted = billed.ended_at - _came_at(billed)
    minutes, seconds = divmod(lasted.days * 86_400 + lasted.seconds, 60)
    facts = {
        "energy": f"{speech.number(Decimal(str(billed.cdr['total_energy'])), most=4)} kWh",
        "duration": f"{minutes // 60}:{minutes % 60:02}:{seconds:02}",
        "location": where,
        "evse": evse,
        "connector": connector,
        "operator": f"{billed.cdr['country_code']}*{billed.cdr['party_id']}",
        "tariff": _tariff_text(billed.tariff, billed.language) if billed.tariff is not None else "",
        "session": billed.cdr.get("session_id") or billed.cdr["id"],
        "exchanged": _exchange_text(billed.exchanged) if billed.exchanged is not None else "",
    }
    for code, value in facts.items():
        if value:
            yield Detail(code, words[code], value)


def _came_at(billed: Billed) -> datetime:
    """When the session began: a reservation before it is a line of its own, and no part of the duration."""
    periods: Sequence[Json] = billed.cdr.get("charging_periods") or ()
    kinds = [{each["type"] for each in period["dimensions"]} for period in periods]
    if not kinds or kinds[0] != {"RESERVATION_TIME"}:
        return billed.started_at
    came = (period["start_date_time"] for period, kind in zip(periods, kinds, strict=True) if kind != kinds[0])
    first = next(came, None)
    return parse_datetime(first) if first is not None else billed.ended_at


def _exchange_text(exchanged: Exchanged) -> str:
    rate = exchanged.rate
    amount = f"{exchanged.to_pay.to_decimal()} {exchanged.to_pay.currency}"
    return f"{amount} ({rate['rate']}, {rate['rate_source']}, {rate['rate_date']}, +{rate['spread_percent']} %)"


def _tariff_text(tariff: Json, language: str) -> str:
    try:
        return describe(
            parse_tariff(tariff, measured=EVERYTHING), language, parse_idle_fee(tariff, measured=EVERYTHING)
        )
    except InvalidInput:
        return ""
