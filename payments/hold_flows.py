"""Holds, with the provider: placed while a driver waits, raised while it charges, and looked after by a janitor."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from kit import log
from kit.errors import NotFound
from kit.money import Money
from kit.tx import Database
from payments import debts, holds
from payments.errors import DeclineReason, PspUnavailable, Refused, Unknown
from payments.hold_lifecycle import HoldState, Wish
from payments.holds import HoldWish
from payments.operator import Operator
from payments.psp import Payment, Psp
from payments.tables import Debt, DebtState, Hold, Operation, hold_by_reference, locked_debt, locked_hold, to_ask

logger = log.get(__name__)

JANITOR = "payments.janitor"
LOOK_EVERY = timedelta(seconds=30)
ACTION_WITHIN = timedelta(minutes=15)
"""How long a driver has to enter a card or to show who it is."""
_AT_ONCE = 50


class Holds:
    """The use cases of holds that call outside."""

    def __init__(self, psp: Psp, operator: Operator, *, action_within: timedelta = ACTION_WITHIN) -> None:
        self._psp = psp
        self._operator = operator
        self._action_within = action_within

    async def place(self, db: Database, wish: HoldWish) -> Hold:
        """Have an amount put aside and wait for the answer: HELD, NEEDS_ACTION, FAILED with a reason, or UNKNOWN.

        The same reference gives the same hold. A caller that gives up has to `holds.release` it, whatever it is.
        """
        try:
            async with db.tx() as tx:
                hold, order = await holds.request(tx, wish)
        except IntegrityError:  # the same reference at the same moment
            order = None
            async with db.read() as tx:
                found = await hold_by_reference(tx, wish.reference)
                if found is None:
                    raise
                hold = found
        if order is not None:
            await self._operator.run(db, order.id)
        return await self.get(db, hold.id)

    async def send(self, db: Database, order: Operation) -> None:
        """Send the order for a hold that was written together with something else."""
        await self._operator.run(db, order.id)

    async def raise_to(self, db: Database, hold_id: str, amount: Money) -> Hold:
        """Have the amount of a hold raised where its bank allows that; else it stays as it is."""
        async with db.tx() as tx:
            order = await holds.ask_more(tx, hold_id, amount)
        if order is not None:
            await self._operator.run(db, order.id)
        return await self.get(db, hold_id)

    async def get(self, db: Database, hold_id: str) -> Hold:
        """A hold as its row is."""
        async with db.read() as tx:
            hold = await tx.get(Hold, hold_id)
        if hold is None:
            raise NotFound
        return hold

    async def refresh(self, db: Database, hold_id: str) -> Hold:
        """Bring a hold to where the provider shows it, such as after the driver acted in the app."""
        hold = await self.get(db, hold_id)
        if hold.payment_id is not None:
            payment = await self._psp.payment(hold.payment_id)
            async with db.tx() as tx:
                locked = await locked_hold(tx, hold_id)
                if locked is not None:
                    await holds.see(tx, locked, payment)
        return await self.get(db, hold_id)

    async def client_secret(self, db: Database, hold_id: str) -> str | None:
        """What the driver's app needs to act on a hold that needs action; never stored. None when there is nothing."""
        hold = await self.get(db, hold_id)
        if hold.state != HoldState.NEEDS_ACTION or hold.payment_id is None:
            return None
        payment: Payment = await self._psp.payment(hold.payment_id)
        return payment.client_secret

    async def look_after(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `JANITOR`: ask after what was not answered, and end what has waited too long."""
        async with db.read() as tx:
            orders = [operation.id for operation in await to_ask(tx, limit=_AT_ONCE)]
            abandoned = await tx.all(_in_state(HoldState.NEEDS_ACTION, Hold.updated_at, tx.now - self._action_within))
            past = await tx.all(_in_state(HoldState.HELD, Hold.capture_before, tx.now))
            late = await tx.all(
                select(Debt)
                .where(col(Debt.state) == DebtState.OWED, col(Debt.next_attempt_at) < tx.now - LOOK_EVERY)
                .limit(_AT_ONCE)
            )
        for operation_id in orders:
            try:
                await self._operator.run(db, operation_id)
            except Exception as error:  # the others are not to wait for what one row meets
                logger.error("order_not_asked_after", operation_id=operation_id, error=type(error).__name__)
        for hold in abandoned:
            if hold.wish in (Wish.KEEP, Wish.TAKE):
                async with db.tx() as tx:
                    await holds.release(tx, hold.id)
        for hold in past:
            try:
                await self.refresh(db, hold.id)
            except (Unknown, PspUnavailable, Refused) as error:
                logger.warning("hold_not_seen", hold_id=hold.id, error=error.code)
        for debt in late:
            async with db.tx() as tx:
                tx.enqueue(debts.COLLECT, {"debt_id": debt.id}, replace_key=debt.id)


class Collector:
    """Collects debts."""

    def __init__(self, psp: Psp, operator: Operator) -> None:
        self._psp = psp
        self._operator = operator

    async def collect(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `debts.COLLECT`: make the attempt that is due."""
        async with db.tx() as tx:
            order = await debts.attempt(tx, payload["debt_id"])
        if order is not None:
            await self._operator.run(db, order.id)

    async def pay(
        self, db: Database, debt_id: str, *, customer_id: str | None = None, card_id: str | None = None
    ) -> Debt:
        """Its driver wants to pay a debt now, by this card or as before; the debt as it is then.

        An attempt that the driver has confirmed by now counts; one that waits for the driver goes on waiting, unless
        another card is named. What is already on its way is not sent twice. Raises `NotFound`.
        """
        debt = await self._seen(db, debt_id)
        waits = debt.reason == DeclineReason.AUTHENTICATION_REQUIRED and debt.payment_id is not None
        if debt.state == DebtState.PAID or (waits and card_id is None):
            return debt
        async with db.tx() as tx:
            locked = await locked_debt(tx, debt_id)
            if locked is not None:
                await debts.hurry(tx, locked, customer_id=customer_id, card_id=card_id)
        for _ in range(2):  # the last attempt is cancelled first
            await self.collect(db, {"debt_id": debt_id})
        return await self._get(db, debt_id)

    async def _seen(self, db: Database, debt_id: str) -> Debt:
        """A debt after a look at the last attempt: the driver may have confirmed it."""
        debt = await self._get(db, debt_id)
        if debt.payment_id is not None and debt.state != DebtState.PAID:
            payment = await self._psp.payment(debt.payment_id)
            async with db.tx() as tx:
                locked = await locked_debt(tx, debt_id)
                if locked is not None:
                    await debts.see(tx, locked, payment)
        return await self._get(db, debt_id)

    async def _get(self, db: Database, debt_id: str) -> Debt:
        async with db.read() as tx:
            debt = await tx.get(Debt, debt_id)
        if debt is None:
            raise NotFound
        return debt

    async def confirmable(self, db: Database, debt: Debt) -> str | None:
        """The same as `client_secret`, where the bank wants the driver; None when the provider is not reached."""
        if debt.state == DebtState.PAID or debt.reason != DeclineReason.AUTHENTICATION_REQUIRED:
            return None
        try:
            return await self.client_secret(db, debt.id)
        except (Unknown, PspUnavailable, Refused):
            return None

    async def client_secret(self, db: Database, debt_id: str) -> str | None:
        """What the driver's app needs to confirm the last attempt; None when there is none."""
        debt = await self._get(db, debt_id)
        if debt.state == DebtState.PAID or debt.payment_id is None:
            return None
        return (await self._psp.payment(debt.payment_id)).client_secret


def _in_state(state: HoldState, column: Any, before: Any) -> Any:
    return select(Hold).where(col(Hold.state) == state, col(column) < before).order_by(col(Hold.id)).limit(_AT_ONCE)
