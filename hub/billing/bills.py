"""What drivers owe for sessions, and how it is taken and given back, inside one transaction; the start is locked."""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.billing.cdr_set import CdrSet
from hub.billing.events import BillCredited, BillMade
from hub.billing.payers import payer_of
from hub.billing.paying_back import pay_back
from hub.billing.tables import Bill, bill_of_start, bills_of_start
from hub.drivers.tables import PaymentMethod
from hub.sessions.tables import Cdr
from hub.starts.covers import references_of
from hub.starts.quote_tables import QuoteRow
from hub.starts.tables import Start
from hub.tariffs.cdr import price_cdr
from hub.tariffs.pricing import Line, Priced
from kit.countries import two_letters
from kit.errors import InvalidInput
from kit.log import get
from kit.money import Money, round_to_minor
from kit.tx import Tx
from payments import debts, holds, wallet
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post
from payments.tables import Hold, locked_hold

Json = dict[str, Any]

log = get(__name__)


async def follow(tx: Tx, start: Start, quote: QuoteRow, cdrs: CdrSet, by_id: Mapping[str, Cdr]) -> None:
    """Bring the bills of a start to where its CDRs are: credit the one whose CDR was credited, make one if none stands.

    Of several CDRs that stand the first is billed, and a person has to look at the others.
    """
    for made in await bills_of_start(tx, start.id):
        credit = cdrs.credited.get(made.cdr_id.casefold())
        if credit is not None and made.credited_at is None:
            await _credit(tx, made, by_id[credit])
    if cdrs.standing and await bill_of_start(tx, start.id) is None:
        await _make(tx, start, quote, by_id[cdrs.standing[0]])
    elif not cdrs.standing and cdrs.credited:
        await _free(tx, start)


async def _make(tx: Tx, start: Start, quote: QuoteRow, cdr: Cdr) -> None:
    body = cdr.body()
    owed = _price_of(quote, body)
    hold = await locked_hold(tx, start.hold_id) if start.hold_id is not None else None
    made = Bill(
        start_id=start.id,
        reference=start.id,
        payer=payer_of(start),
        payment=start.payment or PaymentMethod.INVOICE,
        country_code=cdr.country_code,
        party_id=cdr.party_id,
        cdr_id=body["id"],
        place=two_letters(body["cdr_location"]["country"]),
        currency=quote.currency,
        net_minor=owed.net.amount_minor,
        vat_minor=owed.vat.amount_minor,
        lines=orjson.dumps([_exact(line) for line in owed.priced.lines] if owed.priced else []),
        made_at=tx.now,
    )
    made.reference = made.id if await bills_of_start(tx, start.id) else start.id
    tx.add(made)
    await tx.flush()
    entry = entry_of(made)
    if entry is not None:
        await post(tx, entry)
    tx.emit(BillMade(made.id))
    if hold is not None:
        await _take(tx, made, hold)
    elif made.payment == PaymentMethod.WALLET:
        await wallet.pay(tx, made.payer, made.reference, made.gross)


async def _free(tx: Tx, start: Start) -> None:
    """Nothing is owed any more: what is put aside is given back, unless it was settled before."""
    hold = await locked_hold(tx, start.hold_id) if start.hold_id is not None else None
    if hold is not None and not hold.is_settled:
        await holds.settle(tx, hold.id, Money.zero(hold.currency))
    elif start.payment == PaymentMethod.WALLET:
        await wallet.release(tx, start.id)


async def _take(tx: Tx, made: Bill, hold: Hold) -> None:
    """From what is held, or, where that was settled before, as a debt from the same card."""
    if not hold.is_settled:
        await holds.settle(tx, hold.id, made.gross)
    elif made.gross:
        await debts.owe(tx, made.reference, made.gross, customer_id=hold.customer_id, card_id=hold.card_id)


async def _credit(tx: Tx, made: Bill, credit: Cdr) -> None:
    made.credited_at, made.credit_cdr_id = tx.now, str(credit.body()["id"])
    await tx.flush()
    reversal = reversal_of(made)
    if reversal is not None:
        await post(tx, reversal)
    for reference in references_of(made.reference):
        debt = await debts.by_reference(tx, reference)
        if debt is not None:
            await debts.cancel(tx, debt.id)
    await pay_back(tx, made)
    tx.emit(BillCredited(made.id))


def _exact(line: Line) -> Json:
    """A line with every digit: documents add such lines up."""
    rate = line.vat_percent
    return {
        "dimension": line.kind.value,
        "volume": f"{line.volume:f}",
        "unit": line.unit,
        "unit_price": f"{line.unit_price:f}",
        "vat": None if rate is None else f"{rate:f}",
        "excl_vat": f"{line.amount.excl_vat:f}",
        "incl_vat": f"{line.amount.incl_vat:f}",
    }


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
        periods = {**cdr, "currency": tariff["currency"]}  # the CDR's own currency is that of the wholesale price
        return _Owed(price_cdr([tariff], periods, time_zone=quote.time_zone).priced, quote.currency)
    except InvalidInput as error:
        log.error("cdr_not_priced", cdr_id=cdr["id"], code=error.code, detail=error.detail)
        return _Owed(None, quote.currency)


def entry_of(made: Bill) -> Entry | None:
    """What the driver owes; nothing for a session that is free or costs nothing."""
    if not made.gross or made.payment == PaymentMethod.FREE:
        return None
    retail = postings.Price(Money(made.net_minor, made.currency), Money(made.vat_minor, made.currency), made.place)
    facts = {"start": made.start_id, "cdr": f"{made.country_code}*{made.party_id}*{made.cdr_id}"}
    return Entry(Document("bill", made.id), postings.sold_to_driver(made.payer, retail), facts)


def reversal_of(made: Bill) -> Entry | None:
    """What takes the entry of a bill back."""
    entry = entry_of(made)
    return entry.reversed(Document("bill_credit", made.id)) if entry else None
