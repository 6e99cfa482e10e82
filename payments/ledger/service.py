"""Writing entries and reading balances, inside one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import bindparam, func, select, union_all
from sqlmodel import SQLModel, col

from kit.errors import Conflict, NotFound
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx
from payments.ledger.accounts import Account, AccountKind, Document, Entry, Transfer
from payments.ledger.tables import LedgerEntry, LedgerTransfer

_TRANSFERS = SQLModel.metadata.tables["ledger_transfer"]
_ENTRIES = SQLModel.metadata.tables["ledger_entry"]
_POSTED = select(_ENTRIES.c.digest).where(  # built once: that takes longer than to run it
    _ENTRIES.c.document_kind == bindparam("kind"), _ENTRIES.c.document_id == bindparam("id")
)


class EntryConflict(Conflict):
    """The document has an entry already, and it says something else."""

    code, title = "ledger_entry_conflict", "The document is posted already, with other amounts"


class NothingPosted(NotFound):
    """The document has no entry."""

    code, title = "ledger_entry_not_found", "The document is not posted"


async def post(tx: Tx, entry: Entry) -> bool:
    """Write an entry with the commit of `tx`. False when the same one is there already: posting again is harmless.

    Raises `EntryConflict` when the document's entry says something else. Of two that post a document at once, one
    fails with its commit, and finds the other's when it is tried again.
    """
    digest = digest_of(entry)
    document = {"kind": entry.document.kind, "id": entry.document.id}
    known = await tx.rows(_POSTED, document)
    if known:
        if known[0][0] != digest:
            raise EntryConflict(f"{entry.document} is posted already")
        return False
    entry_id = uuid7()
    await tx.insert(_TRANSFERS, [_row(entry_id, number, each) for number, each in enumerate(entry.transfers)])
    header = {
        "id": entry_id,
        "document_kind": entry.document.kind,
        "document_id": entry.document.id,
        "transfer_count": len(entry.transfers),
        "digest": digest,
        "facts": _json(dict(entry.facts)).decode(),
        "made_at": tx.now,
    }
    await tx.insert(_ENTRIES, [header])
    return True


async def find(tx: Tx, document: Document) -> Entry | None:
    """The entry of a document, or None."""
    row = await tx.first(_of(document))
    if row is None:
        return None
    found = await tx.all(
        select(LedgerTransfer).where(col(LedgerTransfer.entry_id) == row.id).order_by(col(LedgerTransfer.number))
    )
    return Entry(document, tuple(transfer_of(each) for each in found), orjson.loads(row.facts))


async def digests(tx: Tx, documents: Iterable[Document]) -> Mapping[Document, str]:
    """What stands for each of many documents that have an entry, as `digest_of` says it."""
    by_kind: dict[str, list[str]] = {}
    for each in documents:
        by_kind.setdefault(each.kind, []).append(each.id)
    found: dict[Document, str] = {}
    for kind, ids in by_kind.items():
        of_kind = (col(LedgerEntry.document_kind) == kind, col(LedgerEntry.document_id).in_(ids))
        rows: Any = await tx.execute(select(col(LedgerEntry.document_id), col(LedgerEntry.digest)).where(*of_kind))
        found |= {Document(kind, row[0]): row[1] for row in rows}
    return found


async def reverse(tx: Tx, document: Document, *, by: Document) -> bool:
    """Take a document's entry back for another document; False when that was done before. Raises `NothingPosted`."""
    entry = await find(tx, document)
    if entry is None:
        raise NothingPosted(f"{document} is not posted")
    return await post(tx, entry.reversed(by))


async def balance(tx: Tx, account: Account, currency: str) -> Money:
    """What came to an account less what went from it: a debit is positive."""
    came = select(func.coalesce(func.sum(col(LedgerTransfer.amount_minor)), 0)).where(
        col(LedgerTransfer.target) == str(account), col(LedgerTransfer.currency) == currency
    )
    went = select(func.coalesce(func.sum(col(LedgerTransfer.amount_minor)), 0)).where(
        col(LedgerTransfer.source) == str(account), col(LedgerTransfer.currency) == currency
    )
    net = came.scalar_subquery() - went.scalar_subquery()
    return Money(int((await tx.execute(select(net))).scalar_one()), currency)


async def currencies_of(tx: Tx, account: Account) -> set[str]:
    """The currencies that have come to an account, or went from it."""
    found: set[str] = set()
    for side in (LedgerTransfer.target, LedgerTransfer.source):
        rows = await tx.execute(select(col(LedgerTransfer.currency)).where(col(side) == str(account)).distinct())
        found.update(rows.scalars())
    return found


async def balances(tx: Tx) -> Mapping[tuple[Account, str], Money]:
    """Every account's balance in each of its currencies, those of zero too.

    One statement sees one state of the ledger; two would see between them what is posted meanwhile.
    """
    sides: list[Any] = [
        select(
            col(side).label("account"),
            col(LedgerTransfer.currency),
            (func.sum(col(LedgerTransfer.amount_minor)) * sign).label("moved"),
        ).group_by(col(side), col(LedgerTransfer.currency))
        for side, sign in ((LedgerTransfer.target, 1), (LedgerTransfer.source, -1))
    ]
    found: dict[tuple[Account, str], int] = {}
    rows: Any = await tx.execute(union_all(*sides))
    for name, currency, amount in rows:
        key = account_of(name), currency
        found[key] = found.get(key, 0) + int(amount)
    return {key: Money(amount, key[1]) for key, amount in found.items()}


async def statement(tx: Tx, account: Account, *, after: str = "", limit: int = 100) -> Sequence[Entry]:
    """The entries that touch an account, oldest first, of ids behind `after`."""
    touching = select(col(LedgerTransfer.entry_id)).where(
        (col(LedgerTransfer.source) == str(account)) | (col(LedgerTransfer.target) == str(account))
    )
    rows = await tx.all(
        select(LedgerEntry)
        .where(col(LedgerEntry.id).in_(touching), col(LedgerEntry.id) > after)
        .order_by(col(LedgerEntry.id))
        .limit(limit)
    )
    found = [await find(tx, Document(row.document_kind, row.document_id)) for row in rows]
    return [entry for entry in found if entry is not None]


def digest_of(entry: Entry) -> str:
    """A digest of all that an entry says."""
    moved = [
        [str(each.source), str(each.target), each.amount.amount_minor, each.amount.currency] for each in entry.transfers
    ]
    said = [entry.document.kind, entry.document.id, moved, dict(entry.facts)]
    return sha256(_json(said)).hexdigest()


def account_of(name: str) -> Account:
    """The account of a stored name."""
    kind, _, owner = name.partition(":")
    return Account(AccountKind(kind), owner)


def transfer_of(row: LedgerTransfer) -> Transfer:
    """The transfer of a stored row."""
    return Transfer(account_of(row.source), account_of(row.target), Money(row.amount_minor, row.currency))


def _of(document: Document) -> Any:
    return select(LedgerEntry).where(
        col(LedgerEntry.document_kind) == document.kind, col(LedgerEntry.document_id) == document.id
    )


def _row(entry_id: str, number: int, transfer: Transfer) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "number": number,
        "source": str(transfer.source),
        "target": str(transfer.target),
        "amount_minor": transfer.amount.amount_minor,
        "currency": transfer.amount.currency,
    }


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
