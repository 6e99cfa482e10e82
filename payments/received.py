"""Money that was taken, inside a transaction."""

from kit.tx import Tx
from payments.books import LineKind, Movement
from payments.events import MoneyReceived
from payments.lines import read_later
from payments.psp import Payment
from payments.tables import Received, received_for


async def record(
    tx: Tx, payment: Payment, reference: str, *, hold_id: str | None = None, debt_id: str | None = None
) -> bool:
    """Note the money of a captured payment; False when it was noted before. Its hold or debt is locked."""
    if not payment.captured or await received_for(tx, payment.id) is not None:
        return False
    received = Received(
        payment_id=payment.id,
        reference=reference,
        hold_id=hold_id,
        debt_id=debt_id,
        amount_minor=payment.captured.amount_minor,
        currency=payment.captured.currency,
        created_at=tx.now,
    )
    tx.add(received)
    await tx.flush()
    read_later(tx, Movement.PAYMENT, payment.id, wants=LineKind.PAYMENT)
    tx.emit(MoneyReceived(received.id, reference, received.amount_minor, received.currency))
    return True
