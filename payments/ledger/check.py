"""Proof that the ledger says what was written to it, and that its sums can be true: `plugbridge ledger check`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import select
from sqlmodel import col

from kit.money import Money
from kit.tx import Database, Tx
from payments.ledger.accounts import Account, AccountKind, Document, Entry, InvalidEntry, natural
from payments.ledger.service import balances, digest_of, transfer_of
from payments.ledger.tables import LedgerEntry, LedgerTransfer

_AT_ONCE = 1_000
_NEVER_OVERDRAWN = (AccountKind.WALLET, AccountKind.HOLDS)
"""Nobody spends more than was loaded, and nothing is released that was not held."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be right."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """How many entries were read, every balance as its readers expect it, and what is wrong."""

    entries: int
    balances: Mapping[tuple[Account, str], Money]
    findings: tuple[Finding, ...]


async def check(db: Database) -> Checked:
    """Read the whole ledger, in portions, and say what does not hold."""
    findings: list[Finding] = []
    entries, after = 0, ""
    while True:
        async with db.read() as tx:
            rows = await tx.all(
                select(LedgerEntry).where(col(LedgerEntry.id) > after).order_by(col(LedgerEntry.id)).limit(_AT_ONCE)
            )
            findings += await _wrong_entries(tx, rows)
        if not rows:
            break
        entries, after = entries + len(rows), rows[-1].id
    async with db.read() as tx:
        found = await balances(tx)
    findings += _wrong_balances(found)
    shown = {key: natural(key[0].kind, amount) for key, amount in found.items()}
    return Checked(entries, shown, tuple(findings))


async def _wrong_entries(tx: Tx, rows: Sequence[LedgerEntry]) -> Iterable[Finding]:
    """Entries whose digest is not that of what stands there: somebody went around the triggers."""
    moved: dict[str, list[LedgerTransfer]] = {row.id: [] for row in rows}
    for transfer in await tx.all(
        select(LedgerTransfer)
        .where(col(LedgerTransfer.entry_id).in_(moved))
        .order_by(col(LedgerTransfer.entry_id), col(LedgerTransfer.number))
    ):
        moved[transfer.entry_id].append(transfer)
    return [
        Finding(f"{row.document_kind} {row.document_id}", "the entry is not the one that was posted")
        for row in rows
        if not _is_as_posted(row, moved[row.id])
    ]


def _is_as_posted(row: LedgerEntry, moved: Sequence[LedgerTransfer]) -> bool:
    if len(moved) != row.transfer_count or not moved:
        return False
    document = Document(row.document_kind, row.document_id)
    try:
        entry = Entry(document, tuple(transfer_of(each) for each in moved), orjson.loads(row.facts))
    except InvalidEntry:
        return False
    return digest_of(entry) == row.digest


def _wrong_balances(found: Mapping[tuple[Account, str], Money]) -> Iterable[Finding]:
    sums: dict[str, Money] = {}
    for (account, currency), amount in found.items():
        sums[currency] = sums.get(currency, Money.zero(currency)) + amount
        if account.kind in _NEVER_OVERDRAWN and natural(account.kind, amount) < Money.zero(currency):
            yield Finding(f"{account} {currency}", "more went from it than came to it")
    for currency, amount in sums.items():
        if amount:
            yield Finding(currency, "the balances do not add up to zero")
