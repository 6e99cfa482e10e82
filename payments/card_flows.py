"""Saved cards, with the provider: a customer is made once, a card is begun, finished and removed."""

from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from kit.errors import NotFound
from kit.ids import uuid7
from kit.tx import Database
from payments import cards
from payments.card_tables import Customer, SavedCard
from payments.psp import CardSetup, Psp

ASKED_ANEW_AFTER = timedelta(minutes=5)
"""An error is remembered with its key for a day; a customer that nobody uses does no harm."""


class Cards:
    """The use cases around saved cards. `reference` is who the driver is to us."""

    def __init__(self, psp: Psp) -> None:
        self._psp = psp

    async def customer(self, db: Database, reference: str) -> str:
        """The provider's id of a customer, who is made when there is none yet."""
        customer_id, key = await self._asked_before(db, reference)
        if customer_id is None:
            customer_id = await self._psp.create_customer(reference, key=key)
            async with db.tx() as tx:
                row = await tx.get(Customer, reference)
                if row is not None:
                    row.customer_id = row.customer_id or customer_id
                    customer_id = row.customer_id
        return customer_id

    async def begin(self, db: Database, reference: str) -> CardSetup:
        """Begin to save a card; the driver's app goes on with the client secret."""
        customer_id = await self.customer(db, reference)
        return await self._psp.begin_card(customer_id, key=f"plugbridge-setup-{uuid7()}")

    async def finish(self, db: Database, reference: str, setup_id: str) -> SavedCard | None:
        """Note the card once it is saved; None as long as it is not. Raises `NotFound` for another's."""
        setup = await self._psp.card_setup(setup_id)
        async with db.tx() as tx:
            customer_id = await cards.customer_id_of(tx, reference)
            if customer_id is None or setup.customer_id != customer_id:
                raise NotFound
            return await cards.keep(tx, customer_id, setup.card) if setup.card else None

    async def remove(self, db: Database, reference: str, card_id: str) -> None:
        """Forget a card, at the provider first. Raises `NotFound` for one that is not the customer's."""
        async with db.read() as tx:
            await cards.owned(tx, reference, card_id)
        await self._psp.remove_card(card_id)
        async with db.tx() as tx:
            await cards.forget(tx, card_id)

    async def _asked_before(self, db: Database, reference: str) -> tuple[str | None, str]:
        """The customer's id if it is known, and the key to ask with; written before anybody is asked."""
        try:
            async with db.tx() as tx:
                row = await tx.get(Customer, reference)
                if row is None:
                    row = Customer(reference=reference, key=_new_key(), asked_at=tx.now, created_at=tx.now)
                    tx.add(row)
                elif row.customer_id is None and tx.now - row.asked_at > ASKED_ANEW_AFTER:
                    row.key, row.asked_at = _new_key(), tx.now
                await tx.flush()
                return row.customer_id, row.key
        except IntegrityError:  # somebody else was quicker
            async with db.read() as tx:
                row = await tx.get(Customer, reference)
                if row is None:
                    raise
                return row.customer_id, row.key


def _new_key() -> str:
    return f"plugbridge-customer-{uuid7()}"
