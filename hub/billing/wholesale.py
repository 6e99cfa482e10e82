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
from kit.money import Money, round_to_minor
from kit.tx import Tx
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import find, post, reverse

Json = dict[str, Any]


def name_of(cdr: Cdr, body: Json) -> str:
    """What the ledger calls a CDR: `NL*CPO*` and its id."""
    return f"{cdr.country_code}*{cdr.party_id}*{body['id']}"


def document_of(cdr: Cdr, body: Json) -> Document:
    """The document of a CDR's entry."""
    return Document("cdr", name_of(cdr, body))


def price_of(cdr: Json) -> postings.Price:
    """What the operator of the charger bills, by its CDR; one without VAT has none."""
    currency = cdr["currency"].upper()
    total = cdr["total_cost"]
    net = round_to_minor(_decimal(total["excl_vat"]), currency)
    gross = round_to_minor(_decimal(total.get("incl_vat", total["excl_vat"])), currency)
    return postings.Price(net, gross - net, two_letters(cdr["cdr_location"]["country"]))


def total_of(cdr: Json) -> Money:
    """What a CDR comes to, VAT included."""
    return price_of(cdr).gross


def is_ours(cdr: Cdr, own_emsps: Collection[str]) -> bool:
    """Whether a CDR is billed by us or to us."""
    return cdr.platform_id is None or cdr.audience in own_emsps


async def post_cdr(tx: Tx, cdr: Cdr, own_emsps: Collection[str]) -> None:
    """Post what a CDR costs between parties; one that costs nothing has no entry."""
    body = cdr.body()
    price = price_of(body)
    moved = postings.bought_from_party(f"{cdr.country_code}*{cdr.party_id}", price)
    if cdr.audience is not None and cdr.audience not in own_emsps:
        moved += postings.sold_to_party(cdr.audience, price)
    if moved:
        await post(tx, Entry(document_of(cdr, body), moved))


async def take_back(tx: Tx, cdr: Cdr, credit: Cdr) -> None:
    """Reverse the entry of a CDR that was credited, in whole."""
    posted = document_of(cdr, cdr.body())
    if await find(tx, posted) is not None:
        await reverse(tx, posted, by=Document("credit", name_of(credit, credit.body())))


def _decimal(number: object) -> Decimal:
    return Decimal(str(number))
