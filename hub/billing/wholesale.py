"""What CDRs cost between parties, in the ledger: each is posted once, and taken back once when it is credited.

| CDR | entry |
|---|---|
| at a charger of ours or a partner's, our driver | party payable of its operator → margin and input VAT |
| at a charger of ours, a partner's driver | the same, and margin and VAT → party receivable of the eMSP |
| between two partners | none: they settle it without us |
"""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from hub.sessions.tables import Cdr
from kit.countries import two_letters
from kit.money import round_to_minor
from kit.tx import Tx
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post

Json = dict[str, Any]


def name_of(cdr: Cdr, body: Json) -> str:
    """What the ledger calls a CDR: `NL*CPO*` and its id."""
    return f"{cdr.country_code}*{cdr.party_id}*{body['id']}"


def price_of(cdr: Json) -> postings.Price:
    """What the operator of the charger bills, by its CDR; one without VAT has none."""
    currency = cdr["currency"].upper()
    total = cdr["total_cost"]
    net = round_to_minor(_decimal(total["excl_vat"]), currency)
    gross = round_to_minor(_decimal(total.get("incl_vat", total["excl_vat"])), currency)
    return postings.Price(net, gross - net, two_letters(cdr["cdr_location"]["country"]))


def is_ours(cdr: Cdr, own_emsps: Collection[str]) -> bool:
    """Whether a CDR is billed by us or to us."""
    return cdr.platform_id is None or cdr.audience in own_emsps


def is_paid_by_us(cdr: Cdr, own_emsps: Collection[str]) -> bool:
    """Whether what a CDR costs is ours to bear; what a partner's driver has charged, the partner pays."""
    return cdr.audience is None or cdr.audience in own_emsps


def entry_of(cdr: Cdr, own_emsps: Collection[str]) -> Entry | None:
    """The entry of a CDR; one that costs nothing has none."""
    body = cdr.body()
    price = price_of(body)
    moved = postings.bought_from_party(f"{cdr.country_code}*{cdr.party_id}", price)
    if cdr.audience is not None and not is_paid_by_us(cdr, own_emsps):
        moved += postings.sold_to_party(cdr.audience, price)
    return Entry(Document("cdr", name_of(cdr, body)), moved) if moved else None


def reversal_of(cdr: Cdr, credit: Cdr, own_emsps: Collection[str]) -> Entry | None:
    """The entry of a credit CDR: what it takes back, in whole."""
    entry = entry_of(cdr, own_emsps)
    return entry.reversed(Document("credit", name_of(credit, credit.body()))) if entry else None


async def post_if(tx: Tx, entry: Entry | None) -> None:
    """Post an entry, where there is one."""
    if entry is not None:
        await post(tx, entry)


def _decimal(number: object) -> Decimal:
    return Decimal(str(number))
