"""Saved cards, inside a transaction."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlmodel import col

from kit.errors import NotFound
from kit.tx import Tx
from payments.card_tables import Customer, SavedCard
from payments.psp import Card


async def customer_id_of(tx: Tx, reference: str) -> str | None:
    """The provider's id of a customer of ours."""
    customer = await tx.get(Customer, reference)
    return customer.customer_id if customer else None


async def keep(tx: Tx, customer_id: str, card: Card) -> SavedCard | None:
    """Note a card that was saved; it is the default from now on. None for a customer that is not ours."""
    ours = select(Customer).where(col(Customer.customer_id) == customer_id).with_for_update()
    if await tx.first(ours) is None:
        return None
    known = await tx.get(SavedCard, card.id)
    if known is not None:
        return known
    await tx.execute(update(SavedCard).where(col(SavedCard.customer_id) == customer_id).values(is_default=False))
    saved = SavedCard(
        id=card.id,
        customer_id=customer_id,
        brand=card.brand,
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        fingerprint=card.fingerprint,
        is_default=True,
        created_at=tx.now,
    )
    tx.add(saved)
    await tx.flush()
    return saved


async def cards_of(tx: Tx, reference: str) -> Sequence[SavedCard]:
    """The cards of a customer of ours, the default first, then the newest."""
    customer_id = await customer_id_of(tx, reference)
    return await _cards(tx, customer_id) if customer_id else []


async def prefer(tx: Tx, reference: str, card_id: str) -> None:
    """Make a card the default. Raises `NotFound` for one that is not the customer's."""
    found = await owned(tx, reference, card_id)
    await tx.execute(update(SavedCard).where(col(SavedCard.customer_id) == found.customer_id).values(is_default=False))
    await tx.execute(update(SavedCard).where(col(SavedCard.id) == found.id).values(is_default=True))


async def owned(tx: Tx, reference: str, card_id: str) -> SavedCard:
    """A card of this customer. Raises `NotFound` for any other."""
    found = next((card for card in await cards_of(tx, reference) if card.id == card_id), None)
    if found is None:
        raise NotFound
    return found


async def forget(tx: Tx, card_id: str) -> None:
    """Note that a card is no longer saved; the newest of the others becomes the default."""
    card = await tx.get(SavedCard, card_id)
    if card is None or card.removed_at is not None:
        return
    was_default = card.is_default
    card.removed_at, card.is_default = tx.now, False
    await tx.flush()
    others = await _cards(tx, card.customer_id)
    if was_default and others:
        others[0].is_default = True


async def card_for(tx: Tx, customer_id: str | None, wanted: str | None) -> str | None:
    """The card to charge: the wanted one, or, when it is gone, the customer's default."""
    if wanted is not None:
        card = await tx.get(SavedCard, wanted)
        if card is None or card.removed_at is None:
            return wanted  # one that was saved along with a payment has no row here
    if customer_id is None:
        return None
    cards = await _cards(tx, customer_id)
    return cards[0].id if cards else None


async def _cards(tx: Tx, customer_id: str) -> Sequence[SavedCard]:
    mine = (col(SavedCard.customer_id) == customer_id, col(SavedCard.removed_at).is_(None))
    order = (col(SavedCard.is_default).desc(), col(SavedCard.created_at).desc(), col(SavedCard.id))
    return await tx.all(select(SavedCard).where(*mine).order_by(*order))
