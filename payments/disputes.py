"""Disputes, inside a transaction: what the provider shows is noted, whichever notice comes first."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlmodel import col

from kit.tx import Tx
from payments.books import LineKind, Movement
from payments.events import DisputeChanged
from payments.lines import read_later
from payments.psp import Dispute as ProviderDispute
from payments.psp import DisputeState
from payments.tables import Dispute, received_for


async def see(tx: Tx, told: ProviderDispute) -> Dispute:
    """Bring the row of a dispute to where the provider shows it; one that is decided stays so."""
    received = await received_for(tx, told.payment_id) if told.payment_id else None
    found = await tx.first(
        select(Dispute)
        .where(col(Dispute.provider_id) == told.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        found = Dispute(
            provider_id=told.id,
            received_id=received.id if received else None,
            state=told.state,
            reason=told.reason[:64],
            amount_minor=told.amount.amount_minor,
            withdrawn_minor=told.withdrawn.amount_minor,
            currency=told.amount.currency,
            due_by=told.due_by,
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.add(found)
        await tx.flush()
        _tell(tx, found)
        return found
    decided = DisputeState(found.state).is_closed and not told.state.is_closed
    new = (told.state.value, told.withdrawn.amount_minor)
    if not decided and (found.state, found.withdrawn_minor) != new:
        found.state, found.withdrawn_minor = new
        found.due_by, found.updated_at = told.due_by, tx.now
        _tell(tx, found)
    return found


async def not_won(tx: Tx, received_ids: Collection[str]) -> Sequence[Dispute]:
    """The disputes of payments that are open, or lost: a bank has taken back what is `withdrawn_minor` of each."""
    where = (col(Dispute.received_id).in_(received_ids), col(Dispute.state) != DisputeState.WON)
    return await tx.all(select(Dispute).where(*where))


def _tell(tx: Tx, dispute: Dispute) -> None:
    if dispute.withdrawn_minor > 0 or dispute.state == DisputeState.WON:
        read_later(tx, Movement.DISPUTE, dispute.provider_id, wants=LineKind.DISPUTE)
    tx.emit(DisputeChanged(dispute.id, dispute.state))
