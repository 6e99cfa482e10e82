"""What the provider tells us: verified, stored as it came, and handled later, once, by a job.

No event is believed further than its id: whatever it says may be old, so the object is read again at the provider.
That is why events may come late, twice, in any order, or before the answer to the call that caused them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from kit import log
from kit.errors import TooLarge, UnsupportedMedia
from kit.jobs import Retry
from kit.tx import Database, Tx
from payments import cards, debts, disputes, holds, refunds
from payments.errors import PspUnavailable, Refused, Unknown
from payments.psp import CardSetup, Dispute, Notice, Payment, Psp
from payments.psp import Refund as ProviderRefund
from payments.signatures import TOLERANCE, verify
from payments.tables import (
    Debt,
    Hold,
    Operation,
    Refund,
    locked_debt,
    locked_hold,
    locked_refund,
)
from payments.webhook_tables import SweptUntil, Webhook

logger = log.get(__name__)

HANDLE = "payments.handle_webhook"
SWEEP = "payments.sweep_events"
SWEEP_EVERY = timedelta(minutes=5)
FORGET = "payments.forget_webhooks"
LARGEST_BODY = 256 * 1024
OVERLAP = timedelta(minutes=15)
"""How far a sweep looks back behind the last one: for events that were made before it and listed after it."""
FIRST_SWEEP = timedelta(days=1)
STUCK_AFTER = timedelta(hours=1)
KEPT = timedelta(days=90)

Seen = Payment | ProviderRefund | Dispute | CardSetup | None


class Webhooks:
    """The way in for events. `secrets` are those of the endpoint: both, while one is exchanged for another."""

    def __init__(
        self,
        psp: Psp,
        secrets: Sequence[str],
        *,
        tolerance: timedelta = TOLERANCE,
        largest_body: int = LARGEST_BODY,
        kept: timedelta = KEPT,
    ) -> None:
        self._psp = psp
        self._largest_body = largest_body
        self._kept = kept
        self._secrets = tuple(secrets)
        self._tolerance = tolerance

    async def take(self, db: Database, body: bytes, *, signature: str | None, content_type: str | None) -> bool:
        """Store an event for later; False when it was stored before. Answer 2xx to both, after this.

        Raises `TooLarge`, `UnsupportedMedia`, `BadSignature`, and `UnreadableNotice` for what is signed and no event.
        """
        if len(body) > self._largest_body:
            raise TooLarge
        if (content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMedia
        verify(body, signature, self._secrets, now=db.clock.now(), tolerance=self._tolerance)
        notice = self._psp.read_notice(body)
        async with db.tx() as tx:
            return await _keep(tx, notice, swept=False)

    async def handle(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `HANDLE`: read the object again, and bring our rows to where it is."""
        async with db.read() as tx:
            row = await tx.get(Webhook, payload["event_id"])
        if row is None or row.handled_at is not None:
            return
        try:
            seen = await self._read(row)
        except (Unknown, PspUnavailable) as error:
            raise Retry(error.code) from error
        except Refused as error:
            logger.warning("webhook_without_object", kind=row.kind, event_id=row.event_id, error=error.provider_code)
            seen = None
        async with db.tx() as tx:
            await _apply(tx, row, seen)
            handled = await tx.get(Webhook, row.event_id)
            if handled is not None:
                handled.handled_at = tx.now

    async def sweep(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `SWEEP`: fetch the events that never came, and take up again what lies about unhandled."""
        async with db.read() as tx:
            last = await tx.get(SweptUntil, 1)
            began = tx.now
        since = last.moment - OVERLAP if last else began - FIRST_SWEEP
        notices = await self._psp.notices(since)
        async with db.tx() as tx:
            found = [notice for notice in notices if await _keep(tx, notice, swept=True)]
            await _swept(tx, began)
            await _take_up_again(tx)
        if found:
            logger.warning("webhooks_missed", count=len(found))

    async def forget(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `FORGET`: events that were handled long ago."""
        async with db.tx() as tx:
            await tx.execute(delete(Webhook).where(col(Webhook.handled_at) < tx.now - self._kept))

    async def _read(self, row: Webhook) -> Seen:
        """The object that an event is about, as it is now."""
        if row.kind.startswith("charge.dispute."):
            return await self._psp.dispute(row.object_id)
        if row.kind.startswith("refund.") or row.kind == "charge.refund.updated":
            return await self._psp.refund_by_id(row.object_id)
        if row.kind == "setup_intent.succeeded":
            return await self._psp.card_setup(row.object_id)
        if row.payment_id is not None:
            return await self._psp.payment(row.payment_id)
        return None


async def _keep(tx: Tx, notice: Notice, *, swept: bool) -> bool:
    """Store an event and have it handled, once; False when it was stored before."""
    insert: Any = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    values: dict[str, Any] = {
        "event_id": notice.id[:64],
        "kind": notice.kind[:80],
        "object_id": notice.object_id[:64],
        "payment_id": notice.payment_id[:64] if notice.payment_id else None,
        "body": notice.body,
        "swept": swept,
        "happened_at": notice.created,
        "received_at": tx.now,
    }
    statement = insert(Webhook).values(**values).on_conflict_do_nothing(index_elements=["event_id"])
    if (await tx.execute(statement)).rowcount != 1:
        return False
    tx.enqueue(HANDLE, {"event_id": values["event_id"]}, replace_key=values["event_id"])
    return True


async def _swept(tx: Tx, moment: datetime) -> None:
    row = await tx.get(SweptUntil, 1)
    if row is None:
        tx.add(SweptUntil(id=1, moment=moment))
    else:
        row.moment = max(row.moment, moment)


async def _take_up_again(tx: Tx) -> None:
    stuck = (col(Webhook.handled_at).is_(None), col(Webhook.received_at) < tx.now - STUCK_AFTER)
    for row in await tx.all(select(Webhook).where(*stuck).order_by(col(Webhook.received_at)).limit(100)):
        tx.enqueue(HANDLE, {"event_id": row.event_id}, replace_key=row.event_id)


async def _apply(tx: Tx, row: Webhook, seen: Seen) -> None:
    if row.kind == "payment_method.detached":
        await cards.forget(tx, row.object_id)
        return
    match seen:
        case Payment():
            await _apply_payment(tx, seen)
        case ProviderRefund():
            await _apply_refund(tx, seen)
        case Dispute():
            await disputes.see(tx, seen)
        case CardSetup(customer_id=str(customer_id), card=card) if card is not None:
            await cards.keep(tx, customer_id, card)


async def _apply_payment(tx: Tx, payment: Payment) -> None:
    """To the hold or the debt whose order made the payment; what is not ours is left alone."""
    operation = await tx.get(Operation, payment.operation_id) if payment.operation_id else None
    if operation is None:
        return
    if operation.hold_id is not None:
        hold: Hold | None = await locked_hold(tx, operation.hold_id)
        if hold is not None:
            await holds.see(tx, hold, payment)
    elif operation.debt_id is not None:
        debt: Debt | None = await locked_debt(tx, operation.debt_id)
        if debt is not None:
            await debts.see(tx, debt, payment)


async def _apply_refund(tx: Tx, told: ProviderRefund) -> None:
    operation = await tx.get(Operation, told.operation_id) if told.operation_id else None
    if operation is None or operation.refund_id is None:
        return
    refund: Refund | None = await locked_refund(tx, operation.refund_id)
    if refund is not None:
        await refunds.see(tx, refund, told)
