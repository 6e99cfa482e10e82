"""What drivers owe beyond what was held, inside a transaction: made, tried again on a schedule, paid or given up."""

from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from kit.money import Money
from kit.tx import Tx
from payments import operations, received, refunds
from payments.cards import card_for
from payments.errors import Declined, DeclineReason, NeedsAction, PspUnavailable, Refused
from payments.events import DebtChanged
from payments.operations import Answer, RefusedAt
from payments.psp import Payment, PaymentState
from payments.tables import Debt, DebtState, Hold, Operation, OperationKind, locked_debt, open_operation, received_for

COLLECT = "payments.collect"
"""The job that tries to collect a debt that is due."""
DUNNING = (timedelta(days=1), timedelta(days=3), timedelta(days=5), timedelta(days=7))
"""How long after a vain attempt the next one is made. After the last one a debt is given up."""


async def owe_rest(tx: Tx, hold: Hold, rest: Money) -> None:
    """What a hold did not cover, once, under the hold's reference."""
    await owe(tx, hold.reference, rest, customer_id=hold.customer_id, card_id=hold.card_id, hold_id=hold.id)


async def owe(
    tx: Tx,
    reference: str,
    amount: Money,
    *,
    customer_id: str | None,
    card_id: str | None = None,
    hold_id: str | None = None,
) -> Debt:
    """Write a debt and have it collected, this card first; the debt that there is when the reference has one."""
    known = await by_reference(tx, reference)
    if known is not None:
        return known
    debt = Debt(
        reference=reference,
        hold_id=hold_id,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        customer_id=customer_id,
        card_id=card_id,
        next_attempt_at=tx.now,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(debt)
    await tx.flush()
    _tell(tx, debt)
    _collect_at(tx, debt)
    return debt


async def by_reference(tx: Tx, reference: str) -> Debt | None:
    """The debt for something."""
    return await tx.first(select(Debt).where(col(Debt.reference) == reference))


async def attempt(tx: Tx, debt_id: str) -> Operation | None:
    """Write the order for the attempt that is due, which the caller sends; None when there is none to be made.

    The payment of the last attempt is cancelled first: its driver may be about to confirm it.
    """
    debt = await locked_debt(tx, debt_id)
    if debt is None or debt.state != DebtState.OWED or debt.next_attempt_at is None:
        return None
    if debt.next_attempt_at > tx.now:
        _collect_at(tx, debt)
        return None
    if await open_operation(tx, debt_id=debt.id) is not None:
        return None
    if debt.payment_id is not None:
        last = {"payment_id": debt.payment_id}
        return await operations.order(tx, OperationKind.VOID, last, debt_id=debt.id, at_once=True)
    card_id = await card_for(tx, debt.customer_id, debt.card_id)
    if debt.customer_id is None or card_id is None:
        _give_up(tx, debt, DeclineReason.CARD_GONE.value)
        return None
    debt.attempts += 1
    order = {
        "reference": debt.reference,
        "amount_minor": debt.amount_minor,
        "currency": debt.currency,
        "customer_id": debt.customer_id,
        "card_id": card_id,
    }
    return await operations.order(tx, OperationKind.CHARGE, order, debt_id=debt.id, at_once=True)


async def cancel(tx: Tx, debt_id: str) -> None:
    """What it was owed for is not owed any more: nothing is collected, and what is paid all the same goes back."""
    debt = await locked_debt(tx, debt_id)
    if debt is None or debt.state not in (DebtState.OWED, DebtState.GIVEN_UP):
        return
    debt.state, debt.next_attempt_at, debt.updated_at = DebtState.CANCELED, None, tx.now
    if debt.payment_id is not None and await open_operation(tx, debt_id=debt.id) is None:
        # else its driver could still confirm the last attempt
        await operations.order(tx, OperationKind.VOID, {"payment_id": debt.payment_id}, debt_id=debt.id)
    _tell(tx, debt)


async def hurry(tx: Tx, debt: Debt, *, customer_id: str | None, card_id: str | None) -> None:
    """Have a locked debt tried now, by this card if one is named: its driver wants to pay. Also one that was given up.

    `customer_id` is for who was no customer when the debt was made.
    """
    if debt.state in (DebtState.PAID, DebtState.CANCELED):
        return
    debt.customer_id, debt.card_id = debt.customer_id or customer_id, card_id or debt.card_id
    debt.state, debt.next_attempt_at, debt.updated_at = DebtState.OWED, tx.now, tx.now


async def see(tx: Tx, debt: Debt, payment: Payment) -> None:
    """Bring a locked debt to where a payment for it is."""
    if payment.state is not PaymentState.CAPTURED:
        return
    if not await received.record(tx, payment, debt.reference, debt_id=debt.id):
        return
    if debt.state in (DebtState.PAID, DebtState.CANCELED):
        await _pay_back(tx, debt, payment)
        return
    debt.state, debt.updated_at = DebtState.PAID, tx.now
    debt.payment_id, debt.next_attempt_at, debt.reason = payment.id, None, None
    _tell(tx, debt)


async def conclude(tx: Tx, debt: Debt, operation: Operation, answer: Answer) -> None:
    """Draw from the answer to an order what it means for its debt; both are locked."""
    operations.close(tx, operation, answer)
    await tx.flush()
    payment = answer.payment if isinstance(answer, RefusedAt) else answer
    if isinstance(payment, Payment):
        await see(tx, debt, payment)
    if debt.state != DebtState.OWED:
        return
    if operation.kind == OperationKind.VOID:
        if isinstance(payment, Payment) and payment.state is PaymentState.CANCELED:
            debt.payment_id = None
            _collect_at(tx, debt)
        else:
            operations.stuck(tx, operation)
            debt.next_attempt_at = tx.now + DUNNING[0]
            _collect_at(tx, debt)
        return
    match answer:
        case NeedsAction():
            debt.payment_id = answer.payment_id
            _try_later(tx, debt, DeclineReason.AUTHENTICATION_REQUIRED.value, needs_driver=True)
        case Declined():
            debt.payment_id = answer.payment_id
            if answer.reason.is_final:
                debt.card_id = None  # another card of the driver, if there is one
            _try_later(tx, debt, answer.reason.value)
        case Refused():
            operations.stuck(tx, operation)
            _give_up(tx, debt, operation.outcome or answer.code)
        case PspUnavailable() | None:
            _try_later(tx, debt, DeclineReason.TRY_AGAIN.value)
        case Payment():  # found by looking, or still being worked at: it is cancelled before the next attempt
            debt.payment_id = answer.id
            _try_later(tx, debt, (answer.decline or DeclineReason.TRY_AGAIN).value)


def _try_later(tx: Tx, debt: Debt, reason: str, *, needs_driver: bool = False) -> None:
    if debt.attempts > len(DUNNING):
        _give_up(tx, debt, reason)
        return
    debt.reason, debt.updated_at = reason, tx.now
    debt.next_attempt_at = tx.now + DUNNING[debt.attempts - 1]
    _tell(tx, debt, needs_driver=needs_driver)
    _collect_at(tx, debt)


def _give_up(tx: Tx, debt: Debt, reason: str) -> None:
    debt.state, debt.reason, debt.next_attempt_at, debt.updated_at = DebtState.GIVEN_UP, reason, None, tx.now
    _tell(tx, debt)


async def _pay_back(tx: Tx, debt: Debt, payment: Payment) -> None:
    """The driver has confirmed one attempt while another one was paid, or nothing is owed any more."""
    twice = await received_for(tx, payment.id)
    if twice is not None:
        await refunds.request(tx, twice.id, payment.captured, reference=f"twice:{payment.id}"[:64])


def _collect_at(tx: Tx, debt: Debt) -> None:
    tx.enqueue(COLLECT, {"debt_id": debt.id}, replace_key=debt.id, run_at=debt.next_attempt_at)


def _tell(tx: Tx, debt: Debt, *, needs_driver: bool = False) -> None:
    tx.emit(DebtChanged(debt.id, debt.reference, debt.state, debt.reason, needs_driver))
