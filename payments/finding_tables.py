"""Rows of the reconciliation: what did not match, each once, and when books were compared."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Field, SQLModel, col

from kit.ids import uuid7
from kit.tx import Tx
from payments.books import Window
from payments.findings import Code, Finding


class FindingRow(SQLModel, table=True):
    """Something that does not match. It stays when it is resolved, and is open again when it is found again."""

    __tablename__ = "reconciliation_finding"
    __table_args__ = (
        UniqueConstraint("part", "code", "subject"),
        Index("ix_reconciliation_finding_open", "resolved_at", "id"),
    )

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    part: str = Field(max_length=8)
    """Which comparison found it: `ledger` or `provider`."""
    code: str = Field(max_length=32)
    subject: str = Field(max_length=150)
    detail: str = Field(max_length=300)
    subject_at: datetime
    found_at: datetime
    seen_at: datetime
    """When it was last found."""
    resolved_at: datetime | None = None
    note: str | None = Field(default=None, max_length=300)
    """What the person wrote who resolved it; null when a later comparison did not find it any more."""


class RunRow(SQLModel, table=True):
    """One comparison, over a window. `ended_at` is null while it runs, and when it broke off."""

    __tablename__ = "reconciliation_run"

    id: str = Field(default_factory=uuid7, primary_key=True, max_length=36)
    part: str = Field(max_length=8)
    since: datetime
    until: datetime
    began_at: datetime
    ended_at: datetime | None = None
    checked: int = 0
    """How many things were compared."""
    found: int = 0


async def note(tx: Tx, part: str, findings: Sequence[Finding]) -> None:
    """Note findings, each once. One that a person has resolved stays resolved while it says the same."""
    insert: Any = postgresql.insert if tx.db.dialect == "postgresql" else sqlite.insert
    for each in findings:
        statement = insert(FindingRow).values(
            id=uuid7(),
            part=part,
            code=each.code.value,
            subject=each.subject[:150],
            detail=each.detail[:300],
            subject_at=each.at,
            found_at=tx.now,
            seen_at=tx.now,
        )
        new, old = statement.excluded, FindingRow.__table__.c  # type: ignore[attr-defined]
        kept = old.note.is_not(None) & (old.detail == new.detail)
        changes = {
            "seen_at": new.seen_at,
            "detail": new.detail,
            "resolved_at": case((kept, old.resolved_at), else_=None),
            "note": case((kept, old.note), else_=None),
        }
        await tx.execute(statement.on_conflict_do_update(index_elements=["part", "code", "subject"], set_=changes))


async def resolve(tx: Tx, part: str, code: Code, subject: str) -> None:
    """One finding that is gone, as whoever has put it right knows."""
    which = (col(FindingRow.part) == part, col(FindingRow.code) == code.value, col(FindingRow.subject) == subject[:150])
    await tx.execute(update(FindingRow).where(*which, col(FindingRow.resolved_at).is_(None)).values(resolved_at=tx.now))


async def resolve_rest(tx: Tx, part: str, window: Window, *, began_at: datetime) -> None:
    """Whatever is of a window that was compared as a whole, and was not found any more, is resolved."""
    of_window = (col(FindingRow.subject_at) >= window.since, col(FindingRow.subject_at) < window.until)
    gone = (col(FindingRow.seen_at) < began_at, col(FindingRow.resolved_at).is_(None), col(FindingRow.part) == part)
    await tx.execute(update(FindingRow).where(*of_window, *gone).values(resolved_at=tx.now))


async def listed(tx: Tx, *, only_open: bool, offset: int, limit: int) -> tuple[Sequence[FindingRow], int]:
    """A page of findings, newest first, and how many there are."""
    where = [col(FindingRow.resolved_at).is_(None)] if only_open else []
    rows = await tx.all(
        select(FindingRow).where(*where).order_by(col(FindingRow.id).desc()).offset(offset).limit(limit)
    )
    total = (await tx.execute(select(func.count()).select_from(FindingRow).where(*where))).scalar_one()
    return rows, int(total)


async def last_runs(tx: Tx) -> Sequence[RunRow]:
    """The last comparison of each part, those that broke off too."""
    newest = select(func.max(col(RunRow.id))).group_by(col(RunRow.part))
    return await tx.all(select(RunRow).where(col(RunRow.id).in_(newest)).order_by(col(RunRow.part)))
