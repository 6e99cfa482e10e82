"""Orders to the provider, inside a transaction: written before they are sent, asked after until they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from kit.ids import uuid7
from kit.tx import Tx
from payments.books import Reversal, Transfer
from payments.errors import Declined, NeedsAction, PspUnavailable, Refused
from payments.events import OperationStuck
from payments.psp import Payment
from payments.psp import Refund as ProviderRefund
from payments.tables import Operation, OperationKind, OperationState

PERFORM = "payments.perform"
"""The job that sends one."""
ASK_AFTER = timedelta(minutes=1)
"""How long an order is left alone: longer than the provider's client waits for an answer."""
LONGEST_ASK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RefusedAt:
    """A refusal, and the payment as it was right after it: that usually says why."""

    error: Refused
    payment: Payment


Done = Payment | ProviderRefund | Transfer | Reversal
Answer = Done | Declined | NeedsAction | Refused | RefusedAt | PspUnavailable | None
"""What an order came to; None when it is certain that it never reached the provider."""


async def order(
    tx: Tx,
    kind: OperationKind,
    request: Mapping[str, Any],
    *,
    hold_id: str | None = None,
    debt_id: str | None = None,
    refund_id: str | None = None,
    transfer_id: str | None = None,
    reversal_id: str | None = None,
    at_once: bool = False,
) -> Operation:
    """Write an order; a worker sends it, or, `at_once`, whoever wrote it. Its owner is locked and has no other open."""
    operation = Operation(
        id=(id := uuid7()),
        key=f"plugbridge-{id}",
        kind=kind,
        request=orjson.dumps(dict(request)),
        hold_id=hold_id,
        debt_id=debt_id,
        refund_id=refund_id,
        transfer_id=transfer_id,
        reversal_id=reversal_id,
        ask_at=tx.now + ASK_AFTER,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(operation)
    await tx.flush()
    if not at_once:
        tx.enqueue(PERFORM, {"operation_id": operation.id})
    return operation


def sent(tx: Tx, operation: Operation) -> None:
    """Note that it goes out now, perhaps not for the first time."""
    operation.maybe_heard = operation.state != OperationState.READY
    if operation.state == OperationState.READY:
        operation.state = OperationState.SENT
    operation.attempts += 1
    operation.first_sent_at = operation.first_sent_at or tx.now
    operation.updated_at = tx.now
    operation.ask_at = tx.now + min(ASK_AFTER * 2 ** min(operation.attempts - 1, 10), LONGEST_ASK)


def unsent(tx: Tx, operation: Operation) -> None:
    """Note that the provider did not take it. What went out before may have been taken."""
    if not operation.maybe_heard:
        operation.state, operation.first_sent_at = OperationState.READY, None
    operation.updated_at = tx.now


def lost(tx: Tx, operation: Operation) -> None:
    """Note that no answer came."""
    operation.state, operation.updated_at = OperationState.UNKNOWN, tx.now


def close(tx: Tx, operation: Operation, answer: Answer) -> None:
    """Note what it came to."""
    operation.updated_at = tx.now
    match answer:
        case Payment() | ProviderRefund() | Transfer() | Reversal() | NeedsAction():
            operation.state = OperationState.DONE
        case Declined():
            operation.state, operation.outcome = OperationState.DECLINED, answer.reason.value
        case Refused():
            operation.state, operation.outcome = OperationState.REFUSED, _outcome(answer)
        case RefusedAt():
            operation.state, operation.outcome = OperationState.REFUSED, _outcome(answer.error)
        case PspUnavailable():
            operation.state, operation.outcome = OperationState.REFUSED, "unavailable"
        case None:
            operation.state, operation.outcome = OperationState.REFUSED, "never_arrived"


def stuck(tx: Tx, operation: Operation) -> None:
    """Have a person look."""
    tx.emit(OperationStuck(operation.id, operation.kind, operation.outcome or operation.state))


def _outcome(error: Refused) -> str:
    return (error.provider_code or error.code)[:200]
