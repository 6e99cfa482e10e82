"""Whether the entries that are expected stand in the ledger."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kit.tx import Tx
from payments.comparing import Found
from payments.findings import Code, Finding
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import digest_of, digests


async def missing(tx: Tx, expected: Iterable[tuple[datetime, Entry]]) -> Found:
    """The entries that are not there, or say something else."""
    wanted = list(expected)
    posted = await digests(tx, [entry.document for _, entry in wanted])
    found: Found = []
    for at, entry in wanted:
        digest = posted.get(entry.document)
        if digest is None:
            found.append(Finding(Code.NOT_POSTED, str(entry.document), at))
        elif digest != digest_of(entry):
            found.append(Finding(Code.POSTED_OTHERWISE, str(entry.document), at))
    return found


async def without(tx: Tx, kind: str, rows: Sequence[Any]) -> Found:
    """Those that should have an entry of a kind and have none, whatever it says."""
    posted = await digests(tx, [Document(kind, row.id) for row in rows])
    return [
        Finding(Code.NOT_POSTED, f"{kind} {row.id}", row.created_at)
        for row in rows
        if Document(kind, row.id) not in posted
    ]
