"""Money behind a session whose hold is gone, inside one transaction.

A charger may begin after we gave up on it and gave the money back: it did not hear of that, or its message was late. No
OCPP or OCPI message takes back an order to start, so the session is what there is, and money is put aside for it anew.
"""

from hub.starts.covers import second_reference
from hub.starts.lifecycle import StartState
from hub.starts.service import session_of
from hub.starts.tables import Start
from kit.tx import Tx
from payments import holds
from payments.holds import HoldWish
from payments.tables import Hold, Operation

_GIVEN_UP = (StartState.REFUSED, StartState.FAILED, StartState.EXPIRED)


async def is_idle(tx: Tx, start: Start) -> bool:
    """Whether a start has come to nothing: no session began, or its operator has declared it invalid."""
    if start.state in _GIVEN_UP:
        return True
    session = await session_of(tx, start)
    return session is not None and session.status == "INVALID"


async def cover_again(tx: Tx, start: Start) -> Operation | None:
    """Write a second hold for a locked start, on the card of its first; the order is the caller's to send.

    None when the card is not known, or when the second hold is gone, too: a session is covered again once.
    """
    first = await tx.get(Hold, start.hold_id)
    if first is None or first.reference != start.id or first.customer_id is None or first.card_id is None:
        return None
    await holds.release(tx, first.id)
    wish = HoldWish(second_reference(start.id), first.amount, first.customer_id, first.card_id, off_session=True)
    second, order = await holds.request(tx, wish)
    start.hold_id = second.id
    return order
