"""The seller and the buyers as the operator has entered them, inside one transaction."""

from kit.tx import Tx
from payments.documents.model import Party
from payments.documents.profile import SellerProfile, buyer_json, buyer_of, seller_json, seller_of
from payments.documents.tables import BuyerRow, SellerRow

_ONLY = "seller"


async def seller(tx: Tx) -> SellerProfile | None:
    """Who sells; None until somebody has said."""
    row = await tx.get(SellerRow, _ONLY)
    return None if row is None else seller_of(row.body)


async def set_seller(tx: Tx, profile: SellerProfile) -> None:
    """Documents from now on are this seller's; those that were issued stay as they are."""
    row = await tx.get(SellerRow, _ONLY)
    if row is None:
        tx.add(SellerRow(id=_ONLY, body=seller_json(profile), changed_at=tx.now))
    else:
        row.body, row.changed_at = seller_json(profile), tx.now


async def buyer(tx: Tx, payer: str) -> Party | None:
    """Whom a payer's invoices are addressed to."""
    row = await tx.get(BuyerRow, payer)
    return None if row is None else buyer_of(row.body)


async def set_buyer(tx: Tx, payer: str, party: Party | None) -> None:
    """A payer's invoices from now on are addressed so; None forgets the address."""
    row = await tx.get(BuyerRow, payer)
    if party is None:
        if row is not None:
            await tx.delete(row)
    elif row is None:
        tx.add(BuyerRow(payer=payer, body=buyer_json(party), changed_at=tx.now))
    else:
        row.body, row.changed_at = buyer_json(party), tx.now
