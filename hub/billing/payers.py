"""Who pays for a start: the owner of an account in the ledger."""

from hub.billing.tables import bill_of_reference
from hub.starts.covers import start_of
from hub.starts.tables import Start
from kit.tx import Tx


def payer_of(start: Start) -> str:
    """The driver, or the guest of this start alone."""
    return f"driver:{start.driver_id}" if start.driver_id else f"guest:{start.id}"


async def payer_of_reference(tx: Tx, reference: str) -> str:
    """The payer of what the payments floor calls by a reference: a start, its second hold, or a bill."""
    made = await bill_of_reference(tx, reference)
    if made is not None:
        return made.payer
    start = await tx.get(Start, start_of(reference))
    return payer_of(start) if start is not None else f"unknown:{reference}"
