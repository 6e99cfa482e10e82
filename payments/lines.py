"""The provider's books, inside a transaction: which lines are to be read, and those that were."""

from datetime import timedelta

from kit.tx import Tx
from payments.books import BalanceLine, LineKind, Movement
from payments.events import LineRead
from payments.line_tables import Line

READ = "payments.read_lines"
"""The job that reads the lines of something."""
FIRST_LOOK = timedelta(seconds=30)
LONGEST_LOOK = timedelta(hours=6)
MOST_LOOKS = 20
"""So often a line is looked for, over some days; then it is for the reconciliation to find."""


def read_later(tx: Tx, movement: Movement, object_id: str, *, wants: LineKind, looks: int = 0) -> None:
    """Have the lines of a payment, refund, dispute or transfer read: at once, then less and less often.

    `wants` is the line that is waited for: it may appear a while after its cause.
    """
    if looks >= MOST_LOOKS:
        return
    payload = {"movement": movement.value, "object_id": object_id, "wants": wants.value, "looks": looks}
    wait = min(FIRST_LOOK * 2 ** min(looks - 1, 20), LONGEST_LOOK) if looks else timedelta()
    key = f"{wants}:{object_id}:{looks}"
    tx.enqueue(READ, payload, replace_key=key, run_at=tx.now + wait)


async def keep(tx: Tx, told: BalanceLine) -> bool:
    """Note a line, once; False when it was noted before."""
    if await tx.get(Line, told.id) is not None:
        return False
    moved = told.source_amount
    tx.add(
        Line(
            id=told.id,
            kind=told.kind,
            source_id=told.source_id,
            payment_id=told.payment_id,
            amount_minor=told.amount.amount_minor,
            fee_minor=told.fee.amount_minor,
            currency=told.amount.currency,
            source_minor=moved.amount_minor if moved else None,
            source_currency=moved.currency if moved else None,
            exchange_rate=None if told.exchange_rate is None else format(told.exchange_rate, "f"),
            made_at=told.created,
            available_on=told.available_on,
        )
    )
    await tx.flush()
    tx.emit(LineRead(told.id))
    return True
