"""Sends the orders that were written, and asks after those whose answer did not arrive.

The same key goes out with the same order as long as the provider knows keys; then what became of it is looked up by
the operation's id, or seen in the payment itself. Nothing is ever sent again under another key before that.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from kit import log
from kit.money import Money
from kit.tx import Database, Tx
from payments import debts, holds, operations, refunds, transfers
from payments.books import ReversalOrder, TransferOrder
from payments.errors import Declined, NeedsAction, PspUnavailable, Refused, Unknown
from payments.hold_lifecycle import Wish
from payments.operations import Answer, RefusedAt
from payments.psp import KEY_LIFETIME, ChargeOrder, HoldOrder, Psp, RefundOrder
from payments.tables import (
    Debt,
    Hold,
    Operation,
    OperationKind,
    OperationState,
    Refund,
    locked_debt,
    locked_hold,
    locked_operation,
    locked_refund,
)
from payments.transfer_tables import Reversal, Transfer, locked_reversal, locked_transfer

logger = log.get(__name__)

SENDS_BEFORE_LOOKING = 3
"""So often the same key is sent before what became of it is looked at: an error can be remembered with the key."""
SEEN_WITHIN = timedelta(hours=1)
"""How long what was carried out may stay invisible to a search."""
KEY_USED_OTHERWISE = "idempotency_error"

Owner = Hold | Debt | Refund | Transfer | Reversal


class Operator:
    """Carries operations out."""

    def __init__(self, psp: Psp) -> None:
        self._psp = psp

    async def perform(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `operations.PERFORM`."""
        await self.run(db, payload["operation_id"])

    async def run(self, db: Database, operation_id: str) -> None:
        """Send an operation, for the first time or again, and note what comes of it. Safe to be done twice at once."""
        async with db.tx() as tx:
            operation = await _begin(tx, operation_id)
        if operation is None:
            return
        try:
            answer = await self._answer(db, operation)
        except Unknown:
            async with db.tx() as tx:
                await _lost(tx, operation_id)
            return
        except PspUnavailable as error:
            if operation.kind != OperationKind.HOLD or operation.maybe_heard:
                async with db.tx() as tx:
                    await _unsent(tx, operation_id)
                return
            answer = error  # a driver waits, and surely nothing happened
        async with db.tx() as tx:
            await _conclude(tx, operation_id, answer)

    async def _answer(self, db: Database, operation: Operation) -> Answer:
        age = db.clock.now() - (operation.first_sent_at or db.clock.now())
        if age >= KEY_LIFETIME:
            found = await self._look(operation)
            if found is None and age < KEY_LIFETIME + SEEN_WITHIN:
                raise Unknown
            return found
        if operation.attempts > SENDS_BEFORE_LOOKING and (found := await self._look(operation)) is not None:
            return found
        try:
            return await self._send(operation)
        except (Declined, NeedsAction) as error:
            if operation.kind in (OperationKind.CAPTURE, OperationKind.VOID):
                return await self._refused(operation, Refused(str(error), provider_code=error.code))
            return error
        except Refused as error:
            if error.provider_code == KEY_USED_OTHERWISE and operation.maybe_heard:
                # A newer release words the order in another way: what the older one has sent is looked up.
                raise Unknown from error
            return await self._refused(operation, error)

    async def _refused(self, operation: Operation, error: Refused) -> Answer:
        """A refusal, with the payment that it is about."""
        payment_id = orjson.loads(operation.request).get("payment_id")
        if operation.kind == OperationKind.REFUND or payment_id is None:
            return error
        try:
            return RefusedAt(error, await self._psp.payment(payment_id))
        except Refused:
            return error

    async def _send(self, operation: Operation) -> Answer:
        told: dict[str, Any] = orjson.loads(operation.request)
        key, payment_id = operation.key, told.get("payment_id", "")
        amount = Money(told["amount_minor"], told["currency"]) if "currency" in told else None
        match OperationKind(operation.kind):
            case OperationKind.VOID:
                return await self._psp.void(payment_id, key=key)
            case OperationKind.HOLD if amount:
                order = HoldOrder(
                    operation.id,
                    told["reference"],
                    amount,
                    customer_id=told["customer_id"],
                    card_id=told["card_id"],
                    off_session=told["off_session"],
                    save_card=told["save_card"],
                )
                return await self._psp.hold(order, key=key)
            case OperationKind.INCREASE if amount:
                return await self._psp.increase(payment_id, amount, key=key)
            case OperationKind.CAPTURE if amount:
                return await self._psp.capture(payment_id, amount, key=key)
            case OperationKind.CHARGE if amount:
                charge = ChargeOrder(operation.id, told["reference"], amount, told["customer_id"], told["card_id"])
                return await self._psp.charge(charge, key=key)
            case OperationKind.TRANSFER if amount:
                return await self._psp.transfer(TransferOrder(operation.id, told["account_id"], amount), key=key)
            case OperationKind.REVERSE if amount:
                return await self._psp.reverse(ReversalOrder(operation.id, told["transfer_id"], amount), key=key)
            case OperationKind.REFUND if amount:
                return await self._psp.refund(RefundOrder(operation.id, payment_id, amount), key=key)
            case _:
                raise ValueError(f"an order of the kind {operation.kind} without an amount")

    async def _look(self, operation: Operation) -> Answer:
        """What became of an order; None when the provider knows nothing of it."""
        told = orjson.loads(operation.request)
        payment_id = told.get("payment_id", "")
        match OperationKind(operation.kind):
            case OperationKind.TRANSFER:
                return await self._psp.find_transfer(operation.id)
            case OperationKind.REVERSE:
                return await self._psp.find_reversal(told["transfer_id"], operation.id)
            case OperationKind.HOLD | OperationKind.CHARGE:
                return await self._psp.find_payment(operation.id)
            case OperationKind.REFUND:
                return await self._psp.find_refund(payment_id, operation.id)
            case _:
                try:
                    return await self._psp.payment(payment_id)
                except Refused as error:
                    return error


async def _begin(tx: Tx, operation_id: str) -> Operation | None:
    """The operation, marked as sent; None when it is over, or not wanted any more."""
    owner, operation = await _locked(tx, operation_id)
    if operation is None or not OperationState(operation.state).is_open:
        return None
    unsent = operation.state == OperationState.READY and operation.kind == OperationKind.HOLD
    if unsent and isinstance(owner, Hold) and owner.wish in (Wish.RELEASE, Wish.SETTLE):
        await holds.unwanted(tx, owner, operation)
        return None
    operations.sent(tx, operation)
    return operation


async def _conclude(tx: Tx, operation_id: str, answer: Answer) -> None:
    owner, operation = await _locked(tx, operation_id)
    if operation is None or not OperationState(operation.state).is_open:
        return
    logger.info("payment_operation_done", kind=operation.kind, operation_id=operation.id, answer=type(answer).__name__)
    match owner:
        case Hold():
            await holds.conclude(tx, owner, operation, answer)
        case Debt():
            await debts.conclude(tx, owner, operation, answer)
        case Refund():
            await refunds.conclude(tx, owner, operation, answer)
        case Transfer() | Reversal():
            await transfers.conclude(tx, owner, operation, answer)


async def _lost(tx: Tx, operation_id: str) -> None:
    owner, operation = await _locked(tx, operation_id)
    if operation is None or not OperationState(operation.state).is_open:
        return
    logger.warning("payment_answer_lost", kind=operation.kind, operation_id=operation.id, attempt=operation.attempts)
    operations.lost(tx, operation)
    match owner:
        case Hold():
            await holds.lost(tx, owner)
        case Refund():
            await refunds.lost(tx, owner)
        case Transfer() | Reversal():
            transfers.lost(tx, owner)


async def _unsent(tx: Tx, operation_id: str) -> None:
    _, operation = await _locked(tx, operation_id)
    if operation is not None and OperationState(operation.state).is_open:
        operations.unsent(tx, operation)


async def _locked(tx: Tx, operation_id: str) -> tuple[Owner | None, Operation | None]:
    """An operation and whose it is, both locked: the owner first, as everywhere."""
    plain = await tx.get(Operation, operation_id)
    owner: Owner | None = None
    if plain is not None:
        if plain.hold_id is not None:
            owner = await locked_hold(tx, plain.hold_id)
        elif plain.debt_id is not None:
            owner = await locked_debt(tx, plain.debt_id)
        elif plain.refund_id is not None:
            owner = await locked_refund(tx, plain.refund_id)
        elif plain.transfer_id is not None:
            owner = await locked_transfer(tx, plain.transfer_id)
        elif plain.reversal_id is not None:
            owner = await locked_reversal(tx, plain.reversal_id)
    return owner, await locked_operation(tx, operation_id)
