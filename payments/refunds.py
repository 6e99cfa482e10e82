"""Refunds, inside a transaction: never more than was taken, whoever asks at the same time."""

from sqlalchemy import select
from sqlmodel import col

from kit.errors import NotFound
from kit.money import CurrencyMismatch, Money
from kit.tx import Tx
from payments import operations
from payments.books import LineKind, Movement
from payments.errors import OverRefund, PspUnavailable
from payments.events import RefundChanged
from payments.lines import read_later
from payments.operations import Answer
from payments.psp import Refund as ProviderRefund
from payments.psp import RefundState as ProviderState
from payments.tables import Operation, OperationKind, Refund, RefundState, locked_received

_SEEN = {
    ProviderState.PENDING: RefundState.PENDING,
    ProviderState.SUCCEEDED: RefundState.SUCCEEDED,
    ProviderState.FAILED: RefundState.FAILED,
}
_LINES = {RefundState.SUCCEEDED: LineKind.REFUND, RefundState.FAILED: LineKind.REFUND_FAILED}
_CAN_BECOME = {
    RefundState.REQUESTED: frozenset(RefundState),
    RefundState.UNKNOWN: frozenset(RefundState),
    RefundState.PENDING: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    RefundState.FAILED: frozenset[RefundState](),
}


async def request(tx: Tx, received_id: str, amount: Money, *, reference: str) -> Refund:
    """Have money given back; the refund that there is when the reference has one. Raises `OverRefund`.

    The row of the payment is locked, and what is asked for counts at once: of two that do not both fit one is refused.
    """
    received = await locked_received(tx, received_id)
    if received is None:
        raise NotFound
    known = await tx.first(select(Refund).where(col(Refund.reference) == reference))
    if known is not None:
        return known
    if amount.currency != received.currency:
        raise CurrencyMismatch(f"{amount.currency} is not refunded from {received.currency}")
    if not 0 < amount.amount_minor <= received.amount_minor - received.refunded_minor:
        raise OverRefund
    received.refunded_minor += amount.amount_minor
    refund = Refund(
        reference=reference,
        received_id=received.id,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(refund)
    await tx.flush()
    tx.emit(RefundChanged(refund.id, received.id, refund.state))
    order = {
        "payment_id": received.payment_id,
        "amount_minor": amount.amount_minor,
        "currency": amount.currency,
    }
    await operations.order(tx, OperationKind.REFUND, order, refund_id=refund.id)
    return refund


async def see(tx: Tx, refund: Refund, told: ProviderRefund) -> None:
    """Bring a locked refund to where the provider shows it."""
    refund.provider_id = told.id
    await _move(tx, refund, _SEEN[told.state], reason=told.reason)


async def conclude(tx: Tx, refund: Refund, operation: Operation, answer: Answer) -> None:
    """Draw from the answer to an order what it means for its refund; both are locked."""
    if isinstance(answer, PspUnavailable):
        return
    operations.close(tx, operation, answer)
    await tx.flush()
    if isinstance(answer, ProviderRefund):
        await see(tx, refund, answer)
        return
    await _move(tx, refund, RefundState.FAILED, reason=operation.outcome)
    operations.stuck(tx, operation)


async def lost(tx: Tx, refund: Refund) -> None:
    """Nobody knows what became of a locked refund."""
    await _move(tx, refund, RefundState.UNKNOWN)


async def _move(tx: Tx, refund: Refund, state: RefundState, *, reason: str | None = None) -> None:
    before = RefundState(refund.state)
    if state is before or state not in _CAN_BECOME[before]:
        return
    refund.state, refund.reason, refund.updated_at = state, reason, tx.now
    if state is RefundState.FAILED:
        received = await locked_received(tx, refund.received_id)
        if received is not None:
            received.refunded_minor -= refund.amount_minor
    if state in _LINES and refund.provider_id is not None:
        read_later(tx, Movement.REFUND, refund.provider_id, wants=_LINES[state])
    tx.emit(RefundChanged(refund.id, refund.received_id, state.value))
