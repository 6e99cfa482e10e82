"""What drivers owe for sessions, and how it is taken and given back, inside one transaction; the start is locked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from hub.billing.cdr_set import CdrSet
from hub.billing.events import BillCredited, BillMade
from hub.billing.payers import payer_of
from hub.billing.paying_back import pay_back
from hub.billing.tables import Bill, bill_of_start, bills_of_start
from hub.billing.wholesale import price_of
from hub.drivers.tables import PaymentMethod
from hub.sessions.tables import Cdr
from hub.starts.covers import references_of
from hub.starts.quote_tables import QuoteRow
from hub.starts.quotes import Quote, exchange_document
from hub.starts.tables import Start
from hub.tariffs.cdr import price_cdr
from hub.tariffs.pricing import Line, Priced
from kit.countries import two_letters
from kit.errors import InvalidInput
from kit.log import get
from kit.money import Money, round_to_minor
from kit.tx import Tx
from payments import cards, debts, holds, wallet
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.conversion import Rate, convert
from payments.ledger.service import post
from payments.tables import Hold, locked_hold

Json = dict[str, Any]

log = get(__name__)

_TENTH = Decimal("0.1")


async def follow(tx: Tx, start: Start, quote: QuoteRow | None, cdrs: CdrSet, by_id: Mapping[str, Cdr]) -> None:
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


async def _make(tx: Tx, start: Start, quote: QuoteRow | None, cdr: Cdr) -> None:
    body = cdr.body()
    owed = _price_of(quote, body) if quote is not None else _price_in(body)
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
        currency=owed.gross.currency,
        net_minor=owed.net.amount_minor,
        vat_minor=(owed.gross - owed.net).amount_minor,
        **_priced_in(owed),
        lines=orjson.dumps(owed.lines),
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
        await wallet.spend(tx, made.payer, made.reference, made.gross)
    elif made.payment == PaymentMethod.CARD and made.gross:  # nobody was asked beforehand: a charger was offline
        await debts.owe(tx, made.reference, made.gross, customer_id=await cards.customer_id_of(tx, made.payer))


async def _free(tx: Tx, start: Start) -> None:
    """Nothing is owed any more: what is put aside is given back, unless it was settled before."""
    hold = await locked_hold(tx, start.hold_id) if start.hold_id is not None else None
    if hold is not None and not hold.is_settled:
        await holds.settle(tx, hold.id, Money.zero(hold.currency))
    elif start.payment == PaymentMethod.WALLET:
        await wallet.release(tx, start.id)


async def _take(tx: Tx, made: Bill, hold: Hold) -> None:
    """From what is held, or, where that was settled before or is another currency, as a debt from the same card."""
    if not hold.is_settled and hold.currency == made.currency:
        await holds.settle(tx, hold.id, made.gross)
        return
    if not hold.is_settled:
        await holds.release(tx, hold.id)
    if made.gross:
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


@dataclass(frozen=True, slots=True)
class _Owed:
    """What a driver owes: the total rounded once, and the VAT as what remains of it beside the net.

    `price` and `priced_net` are in the tariff's currency; paid in another one, each is converted by `rate`.
    """

    gross: Money
    net: Money
    price: Money
    priced_net: Money
    lines: Sequence[Json]
    rate: Rate | None = None

    @classmethod
    def by(cls, quote: Quote, priced: Priced | None) -> "_Owed":
        """By the promised tariff; nothing where that cannot price the session."""
        price = priced.payable() if priced else Money.zero(quote.currency)
        net = round_to_minor(priced.total.excl_vat if priced else Decimal(0), quote.currency)
        lines = [_exact(line) for line in priced.lines] if priced else []
        return cls(quote.to_pay(price), quote.to_pay(net), price, net, lines, quote.exchange)


def _price_of(row: QuoteRow, cdr: Json) -> _Owed:
    """A CDR that the quoted tariff cannot price costs the driver nothing: the promise was ours to keep."""
    quote = row.quote()
    periods = {**cdr, "currency": quote.currency}  # the CDR's own currency is that of the wholesale price
    try:
        return _Owed.by(quote, price_cdr([quote.tariff], periods, time_zone=quote.time_zone).priced)
    except InvalidInput as error:
        log.error("cdr_not_priced", cdr_id=cdr["id"], code=error.code, detail=error.detail)
        return _Owed.by(quote, None)


def _price_in(cdr: Json) -> _Owed:
    """What the CDR says, where no price was promised: the card was not asked about, or nobody knew the price."""
    said = price_of(cdr)
    net, gross = said.net.to_decimal(), said.gross.to_decimal()
    rate = ((gross - net) * 100 / net).quantize(_TENTH) if net else None
    line = {
        "dimension": "FLAT",
        "volume": "1",
        "unit": "session",
        "unit_price": f"{net:f}",
        "vat": f"{rate:f}" if rate else None,
        "excl_vat": f"{net:f}",
        "incl_vat": f"{gross:f}",
    }
    return _Owed(said.gross, said.net, said.gross, said.net, [line] if said.gross else [])


def entry_of(made: Bill) -> Entry | None:
    """What the driver owes; nothing for a session that is free or costs nothing."""
    if not made.gross or made.payment == PaymentMethod.FREE:
        return None
    if made.priced_currency is not None:
        return _entry_across(made)
    retail = postings.Price(Money(made.net_minor, made.currency), Money(made.vat_minor, made.currency), made.place)
    facts = {"start": made.start_id, "cdr": f"{made.country_code}*{made.party_id}*{made.cdr_id}"}
    return Entry(Document("bill", made.id), postings.sold_to_driver(made.payer, retail), facts)


def _entry_across(made: Bill) -> Entry:
    """Margin and VAT in the tariff's currency, what the driver owes in his own; both meet in exchange."""
    net = Money(made.priced_net_minor or 0, made.priced_currency or "")
    vat = Money(made.priced_vat_minor or 0, net.currency)
    moved = postings.sold_across(made.payer, postings.Price(net, vat, made.place), made.gross)
    told = {name: str(value) for name, value in orjson.loads(made.exchange or b"{}").items()}
    facts = {"start": made.start_id, "cdr": f"{made.country_code}*{made.party_id}*{made.cdr_id}", **told}
    return Entry(Document("bill", made.id), moved, facts)


def _priced_in(owed: "_Owed") -> Json:
    """What a bill says of its price in the tariff's currency, where it is paid in another one."""
    if owed.rate is None:
        return {}
    conversion = convert(owed.price, owed.rate)
    facts = {**exchange_document(owed.rate), "spread": str(conversion.spread)}
    return {
        "priced_currency": owed.price.currency,
        "priced_net_minor": owed.priced_net.amount_minor,
        "priced_vat_minor": (owed.price - owed.priced_net).amount_minor,
        "exchange": orjson.dumps(facts),
    }


def reversal_of(made: Bill) -> Entry | None:
    """What takes the entry of a bill back."""
    entry = entry_of(made)
    return entry.reversed(Document("bill_credit", made.id)) if entry else None
