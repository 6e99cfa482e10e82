"""The document of a bill, inside one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from hub.billing.events import BillMade
from hub.billing.session_document import Billed, Exchanged, draft
from hub.billing.tables import Bill
from hub.drivers.tables import Driver, PaymentMethod
from hub.parties.objects import ObjectKey, find
from hub.sessions.tables import Cdr
from hub.starts.quote_tables import of_start
from hub.starts.tables import Start
from hub.tariffs.zones import zone_of_country
from kit.errors import NotFound
from kit.log import get
from kit.tx import Tx
from ocpi.datetimes import parse_datetime
from payments.documents import parties
from payments.documents.model import Party, Payment
from payments.documents.profile import SellerProfile
from payments.documents.service import About, issue
from payments.documents.tables import DocumentRow, about, by_reference
from payments.tables import Hold

log = get(__name__)

ANYWHERE = "UTC"


class ReceiptNotReady(NotFound):
    """The session was not billed yet."""

    code, title = "receipt_not_ready", "There is no receipt yet"


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes documents. `operator_name` sells until the operator has entered a seller."""

    operator_name: str
    monthly: bool = False
    """Whether who pays by invoice gets one for each month in place of one for each session."""

    async def of_bill(self, tx: Tx, event: BillMade) -> None:
        """React to a bill: its receipt, invoice or record. It is issued once."""
        bill = await tx.get(Bill, event.bill_id)
        if bill is None:
            return
        profile = await self.seller(tx)
        later = Payment(bill.payment) if self.monthly else due(profile, tx.now)
        document = draft(
            await _billed(tx, bill, later, is_gathered=self.monthly), profile, issued_at=tx.now.replace(microsecond=0)
        )
        await issue(tx, About(_reference(bill), bill.payer, bill.start_id), document, prefix=profile.prefix)

    async def seller(self, tx: Tx) -> SellerProfile:
        """Who sells."""
        known = await parties.seller(tx)
        if known is None:
            log.warning("no_seller_entered", hint="PUT /seller: documents lack its address and VAT id")
        return known or SellerProfile(self.operator_name)


async def receipt_of(tx: Tx, start_id: str) -> DocumentRow:
    """The document of a start's session: of the last bill, if one was credited before. Raises `ReceiptNotReady`."""
    found = [row for row in await about(tx, start_id) if row.corrects is None]
    if not found:
        raise ReceiptNotReady("the session has not ended, or was not billed yet")
    return found[-1]


async def document_of(tx: Tx, bill: Bill) -> DocumentRow | None:
    """The document of a bill; None until its reaction has run."""
    return await by_reference(tx, _reference(bill))


def _reference(bill: Bill) -> str:
    return f"bill:{bill.id}"


def due(profile: SellerProfile, now: datetime) -> Payment:
    """How an invoice of now is to be paid."""
    due_at = now.replace(microsecond=0) + timedelta(days=profile.payment_days)
    return Payment(PaymentMethod.INVOICE.value, due_at=due_at, account=profile.iban)


async def _billed(tx: Tx, bill: Bill, later: Payment, *, is_gathered: bool) -> Billed:
    start, quote = await tx.get(Start, bill.start_id), await of_start(tx, bill.start_id)
    cdr = await find(tx, Cdr, ObjectKey.of(bill.country_code, bill.party_id, bill.cdr_id))
    if start is None or cdr is None:
        raise LookupError(f"bill {bill.id} has no start or CDR")
    said = quote.quote() if quote is not None else None
    body, driver = cdr.body(), await tx.get(Driver, start.driver_id) if start.driver_id else None
    language = driver.language if driver is not None else start.guest_language
    net, vat = bill.priced
    return Billed(
        lines=orjson.loads(bill.lines),
        currency=net.currency,
        net_minor=net.amount_minor,
        vat_minor=vat.amount_minor,
        country=bill.place,
        time_zone=_zone(said.time_zone if said is not None else None, body["cdr_location"]["country"]),
        started_at=parse_datetime(body["start_date_time"]),
        ended_at=parse_datetime(body["end_date_time"]),
        cdr=body,
        tariff=said.tariff if said is not None else None,
        language=language or "",
        payment=later if bill.payment == PaymentMethod.INVOICE else await _payment(tx, bill, start),
        is_gathered=is_gathered,
        buyer=await _buyer(tx, bill.payer, driver),
        exchanged=Exchanged(bill.gross, orjson.loads(bill.exchange)) if bill.exchange is not None else None,
    )


async def _payment(tx: Tx, bill: Bill, start: Start) -> Payment:
    """How it is paid: of what was put aside, what is owed is taken and the rest is given back."""
    hold = await tx.get(Hold, start.hold_id) if start.hold_id else None
    if bill.payment != PaymentMethod.CARD or hold is None:
        return Payment(bill.payment)
    if bill.exchange is not None:  # a document states amounts of one currency; what was paid stands in its details
        return Payment(bill.payment, brand=hold.card_brand or "", last4=hold.card_last4 or "")
    taken = min(bill.gross, hold.amount).amount_minor
    return Payment(
        method=bill.payment,
        brand=hold.card_brand or "",
        last4=hold.card_last4 or "",
        held_minor=hold.amount_minor,
        taken_minor=taken,
        released_minor=hold.amount_minor - taken,
    )


async def _buyer(tx: Tx, payer: str, driver: Driver | None) -> Party | None:
    """Whom it is addressed to: as entered by the operator, else what the operator calls the driver."""
    entered = await parties.buyer(tx, payer)
    if entered is not None or driver is None or driver.reference is None:
        return entered
    return Party("", reference=driver.reference)


def _zone(said: str | None, country: str) -> str:
    """The zone that a location has, that its country has, or UTC. A partner may say a zone that there is not."""
    for name in (said, zone_of_country(country)):
        if name:
            try:
                return ZoneInfo(name).key
            except (ValueError, OSError):
                continue
    return ANYWHERE
