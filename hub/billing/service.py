"""From a CDR to what its driver owes, inside one transaction.

The driver owes what the quoted tariff makes of the CDR's charging periods, whatever the CDR's own total is: that one is
what we owe the operator of the charger. Both are entries of the ledger, and the difference is the margin.
"""

from decimal import Decimal
from typing import Any

import orjson

from hub.billing.payers import payer_of
from hub.billing.tables import Bill, bill_of_start
from hub.drivers.tables import PaymentMethod
from hub.parties.objects import ObjectKey, find
from hub.sessions.events import CdrStored
from hub.sessions.tables import Cdr
from hub.starts.quote_tables import QuoteRow, of_start
from hub.starts.tables import Start, of_session
from hub.tariffs.cdr import line_document, price_cdr
from hub.tariffs.pricing import Priced
from kit.errors import InvalidInput
from kit.log import get
from kit.money import Money, round_to_minor
from kit.tx import Tx
from payments import holds
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post

Json = dict[str, Any]

log = get(__name__)


async def bill(tx: Tx, event: CdrStored) -> None:
    """React to a CDR: bill the driver who began its session with a quote, and take what is owed.

    Sessions that no quote began are billed by their eMSP, ours or a partner's.
    """
    cdr = await find(tx, Cdr, ObjectKey.of(event.country_code, event.party_id, event.object_id))
    if cdr is None or cdr.session_id is None:
        return
    start = await of_session(tx, cdr.country_code, cdr.party_id, cdr.session_id)
    quote = await of_start(tx, start.id) if start is not None else None
    if start is None or quote is None or await bill_of_start(tx, start.id) is not None:
        return
    body = cdr.body()
    owed = _price_of(quote, body)
    made = Bill(
        start_id=start.id,
        payer=payer_of(start),
        payment=start.payment or PaymentMethod.INVOICE,
        country_code=cdr.country_code,
        party_id=cdr.party_id,
        cdr_id=body["id"],
        place=body["cdr_location"]["country"],
        currency=quote.currency,
        net_minor=owed.net.amount_minor,
        vat_minor=owed.vat.amount_minor,
        lines=orjson.dumps([line_document(line) for line in owed.priced.lines]) if owed.priced else b"[]",
        made_at=tx.now,
    )
    tx.add(made)
    await tx.flush()
    await _post(tx, made, start, body)
    if start.hold_id is not None:
        await holds.settle(tx, start.hold_id, made.gross)


class _Owed:
    """What a driver owes: the total rounded once, and the VAT as what remains of it beside the net."""

    def __init__(self, priced: Priced | None, currency: str) -> None:
        self.priced = priced
        gross = priced.payable() if priced else Money.zero(currency)
        self.net = round_to_minor(priced.total.excl_vat, currency) if priced else Money.zero(currency)
        self.vat = gross - self.net


def _price_of(quote: QuoteRow, cdr: Json) -> _Owed:
    """A CDR that the quoted tariff cannot price costs the driver nothing: the promise was ours to keep."""
    try:
        tariff = quote.quote().tariff
        return _Owed(price_cdr([tariff], cdr, time_zone=quote.time_zone).priced, quote.currency)
    except InvalidInput as error:
        log.error("cdr_not_priced", cdr_id=cdr["id"], code=error.code, detail=error.detail)
        return _Owed(None, quote.currency)


async def _post(tx: Tx, made: Bill, start: Start, cdr: Json) -> None:
    """Both prices of the session; nothing is owed for one that is free or costs nothing."""
    facts = {"start": start.id, "cdr": f"{made.country_code}*{made.party_id}*{made.cdr_id}"}
    if made.gross and made.payment != PaymentMethod.FREE:
        retail = postings.Price(Money(made.net_minor, made.currency), Money(made.vat_minor, made.currency), made.place)
        await post(tx, Entry(Document("bill", made.id), postings.sold_to_driver(made.payer, retail), facts))
    wholesale = _wholesale(cdr, made.place)
    if wholesale.gross:
        cpo = f"{made.country_code}*{made.party_id}"
        await post(tx, Entry(Document("cdr", facts["cdr"]), postings.bought_from_party(cpo, wholesale), facts))


def _wholesale(cdr: Json, place: str) -> postings.Price:
    """What the operator of the charger bills, by its CDR; one without VAT has none."""
    currency = cdr["currency"].upper()
    total = cdr["total_cost"]
    net = round_to_minor(_decimal(total["excl_vat"]), currency)
    gross = round_to_minor(_decimal(total.get("incl_vat", total["excl_vat"])), currency)
    return postings.Price(net, gross - net, place)


def _decimal(number: object) -> Decimal:
    return Decimal(str(number))
