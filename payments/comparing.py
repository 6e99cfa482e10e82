"""Comparing the provider's books with our rows, a page at a time in both directions, so that memory does not grow.

The provider's lines are noted on the way (`payments.lines`): one that was never read is read now, and posted by whoever
hears of it. What is younger than `LATE` is not missed yet.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select, update
from sqlmodel import col

from kit.tx import Database, Tx
from payments import lines
from payments.books import BalanceLine, LineKind, Page, Window
from payments.findings import Code, Finding
from payments.hold_lifecycle import HoldState
from payments.line_tables import Line
from payments.psp import Dispute as ProviderDispute
from payments.psp import Payment, PaymentState, Psp
from payments.psp import Refund as ProviderRefund
from payments.tables import Dispute, Hold, Received, Refund, RefundState
from payments.transfer_tables import Reversal, Transfer, TransferState

LATE = timedelta(days=1)
"""So long a line may be missing before it is missed."""
_AT_ONCE = 500
T = TypeVar("T")
Found = list[Finding]


@dataclass(frozen=True, slots=True)
class Portion:
    """What some things came to that were compared."""

    checked: int
    findings: Found


class Comparer:
    """Compares with one provider."""

    def __init__(self, psp: Psp) -> None:
        self._psp = psp

    async def compare(self, db: Database, window: Window) -> AsyncIterator[Portion]:
        """Compare all of a window. Raises what the port raises: then it was not compared as a whole."""
        began = db.clock.now()
        both: list[tuple[Any, Any]] = [
            (self._psp.lines, _judge_lines),
            (self._psp.payments, _judge_payments),
            (self._psp.refunds, _judge_refunds),
            (self._psp.disputes, _judge_disputes),
        ]
        for list_page, judge in both:
            async for items in _pages(list_page, window):
                async with db.tx() as tx:
                    portion = Portion(len(items), await judge(tx, items))
                yield portion
        async for portion in _missing(db, window, began):
            yield portion


async def _pages(listed: Callable[..., Awaitable[Page[T]]], window: Window) -> AsyncIterator[Sequence[T]]:
    page = await listed(window)
    while True:
        yield page.items
        if page.next is None:
            return
        page = await listed(window, after=page.next)


async def _judge_lines(tx: Tx, told: Sequence[BalanceLine]) -> Found:
    """Each line is as it was read before, and its cause is known and of the same amount."""
    known = await _by(tx, Line, Line.id, (each.id for each in told))
    for each in told:
        if each.id not in known:
            await lines.keep(tx, each)
    ids = [each.id for each in told]
    await tx.execute(update(Line).where(col(Line.id).in_(ids)).values(listed_at=tx.now))
    found = [finding for each in told if each.id in known for finding in _changed(each, known[each.id])]
    payments = await _by(tx, Received, Received.payment_id, (each.payment_id for each in told))
    refunds = await _by(tx, Refund, Refund.provider_id, (each.source_id for each in told))
    disputes = await _by(tx, Dispute, Dispute.provider_id, (each.source_id for each in told))
    transfers = await _by(tx, Transfer, Transfer.provider_id, (each.source_id for each in told))
    reversals = await _by(tx, Reversal, Reversal.provider_id, (each.source_id for each in told))
    for each in told:
        subject, moved = f"line {each.id}", each.source_amount or each.amount
        match each.kind:
            case LineKind.PAYMENT:
                paid = payments.get(each.payment_id or "")
                found += _cause(Code.PAYMENT_UNKNOWN, Code.PAYMENT_AMOUNT, subject, each.created, moved, paid)
            case LineKind.REFUND | LineKind.REFUND_FAILED:
                back = refunds.get(each.source_id or "")
                size = -moved if each.kind is LineKind.REFUND else moved
                found += _cause(Code.REFUND_UNKNOWN, Code.REFUND_AMOUNT, subject, each.created, size, back)
                if back is not None and each.kind is LineKind.REFUND_FAILED and back.state != RefundState.FAILED:
                    found.append(Finding(Code.REFUND_STATE, f"refund {back.id}", back.created_at, "it came back"))
            case LineKind.TRANSFER | LineKind.TRANSFER_REVERSED:
                row = transfers.get(each.source_id or "") or reversals.get(each.source_id or "")
                size = -moved if each.kind is LineKind.TRANSFER else moved
                found += _cause(Code.TRANSFER_UNKNOWN, Code.TRANSFER_AMOUNT, subject, each.created, size, row)
            case LineKind.DISPUTE if each.source_id not in disputes:
                found.append(Finding(Code.DISPUTE_UNKNOWN, f"dispute {each.source_id}", each.created, str(moved)))
            case LineKind.OTHER:
                found.append(Finding(Code.LINE_UNEXPLAINED, subject, each.created, str(each.net)))
            case _:
                pass
    return found


def _changed(told: BalanceLine, known: Line) -> Iterable[Finding]:
    if (told.amount, told.fee) != (known.amount, known.fee):
        now, before = f"{told.amount} fee {told.fee}", f"{known.amount} fee {known.fee}"
        yield Finding(Code.LINE_CHANGED, f"line {told.id}", told.created, f"{before}, now {now}")


def _cause(unknown: Code, amount: Code, subject: str, at: datetime, moved: Any, row: Any) -> Iterable[Finding]:
    if row is None:
        yield Finding(unknown, subject, at, str(moved))
    elif (row.amount_minor, row.currency) != (moved.amount_minor, moved.currency):
        yield Finding(amount, subject, at, f"the provider has {moved}, we {row.amount_minor} {row.currency}")


async def _judge_payments(tx: Tx, told: Sequence[Payment]) -> Found:
    """What is held there is held here."""
    holds = await _by(tx, Hold, Hold.payment_id, (each.id for each in told))
    found: Found = []
    for each in told:
        hold = holds.get(each.id)
        if hold is None:
            continue
        if each.state is PaymentState.HELD and HoldState(hold.state).is_over:
            found.append(Finding(Code.HOLD_LEFT, f"hold {hold.id}", hold.created_at, f"for us it is {hold.state}"))
        if each.state is PaymentState.CANCELED and hold.state == HoldState.HELD:
            found.append(Finding(Code.HOLD_GONE, f"hold {hold.id}", hold.created_at))
    return found


async def _judge_refunds(tx: Tx, told: Sequence[ProviderRefund]) -> Found:
    """A refund there is one of ours, in the same state."""
    refunds = await _by(tx, Refund, Refund.provider_id, (each.id for each in told))
    found: Found = []
    for each in told:
        row = refunds.get(each.id)
        if row is not None and row.state != each.state.value.upper():
            detail = f"the provider says {each.state}, we {row.state}"
            found.append(Finding(Code.REFUND_STATE, f"refund {row.id}", row.created_at, detail))
    return found


async def _judge_disputes(tx: Tx, told: Sequence[ProviderDispute]) -> Found:
    """A dispute there is one of ours, in the same state and of the same amount."""
    disputes = await _by(tx, Dispute, Dispute.provider_id, (each.id for each in told))
    found: Found = []
    for each in told:
        row = disputes.get(each.id)
        if row is None:
            found.append(Finding(Code.DISPUTE_UNKNOWN, f"dispute {each.id}", tx.now - LATE, str(each.amount)))
            continue
        subject = f"dispute {row.id}"
        if row.state != each.state:
            detail = f"the provider says {each.state}, we {row.state}"
            found.append(Finding(Code.DISPUTE_STATE, subject, row.created_at, detail))
        if row.withdrawn_minor != each.withdrawn.amount_minor:
            detail = f"the provider has withdrawn {each.withdrawn}, by our rows {row.withdrawn_minor}"
            found.append(Finding(Code.DISPUTE_AMOUNT, subject, row.created_at, detail))
    return found


async def _missing(db: Database, window: Window, began: datetime) -> AsyncIterator[Portion]:
    """What we have noted and the provider's books do not show."""
    judged = Window(window.since, min(window.until, began - LATE))
    payment = select(col(Line.id)).where(col(Line.payment_id) == col(Received.payment_id), _kind(LineKind.PAYMENT))
    refund = select(col(Line.id)).where(col(Line.source_id) == col(Refund.provider_id), _kind(LineKind.REFUND))
    dispute = select(col(Line.id)).where(col(Line.source_id) == col(Dispute.provider_id), _kind(LineKind.DISPUTE))
    transfer = select(col(Line.id)).where(col(Line.source_id) == col(Transfer.provider_id))
    reversal = select(col(Line.id)).where(col(Line.source_id) == col(Reversal.provider_id))
    checks: list[tuple[Any, Any, Any, Code, str]] = [
        (Received, Received.created_at, ~payment.exists(), Code.PAYMENT_NOT_AT_PROVIDER, "payment"),
        (
            Refund,
            Refund.created_at,
            ~refund.exists() & (col(Refund.state) == RefundState.SUCCEEDED),
            Code.REFUND_NOT_AT_PROVIDER,
            "refund",
        ),
        (
            Dispute,
            Dispute.created_at,
            ~dispute.exists() & (col(Dispute.withdrawn_minor) > 0),
            Code.DISPUTE_NOT_AT_PROVIDER,
            "dispute",
        ),
        *(
            (
                model,
                model.created_at,
                ~lines_of.exists() & (col(model.state) == TransferState.DONE),
                Code.TRANSFER_NOT_AT_PROVIDER,
                name,
            )
            for model, lines_of, name in ((Transfer, transfer, "transfer"), (Reversal, reversal, "transfer_reversal"))
        ),
        (Line, Line.made_at, col(Line.listed_at).is_(None) | (col(Line.listed_at) < began), Code.LINE_GONE, "line"),
    ]
    for model, moment, wrong, code, name in checks:
        async for rows in portions(db, model, wrong, col(moment) >= judged.since, col(moment) < judged.until):
            found = [Finding(code, f"{name} {row.id}", getattr(row, moment.key), _amount(row)) for row in rows]
            yield Portion(len(rows), found)


async def portions(db: Database, model: Any, *where: Any) -> AsyncIterator[Sequence[Any]]:
    """The rows of a table by its ids, some at a time."""
    last: Any = None
    while True:
        beyond = () if last is None else (col(model.id) > last,)
        async with db.read() as tx:
            rows = await tx.all(select(model).where(*where, *beyond).order_by(col(model.id)).limit(_AT_ONCE))
        if not rows:
            return
        last = rows[-1].id
        yield rows


async def _by(tx: Tx, model: type[T], column: Any, values: Iterable[str | None]) -> Mapping[str, T]:
    """Rows by one of their columns."""
    wanted = {value for value in values if value is not None}
    rows: Any = await tx.all(select(model).where(col(column).in_(wanted)))
    return {getattr(row, column.key): row for row in rows}


def _kind(kind: LineKind) -> Any:
    return col(Line.kind) == kind


def _amount(row: Any) -> str:
    return f"{row.amount_minor} {row.currency}"
