"""One invoice a month for whoever pays by invoice, where the operator wants that: what was stated for its sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from hub.billing.receipts import Receipts, due
from kit.tx import Database, Tx
from payments.documents import parties
from payments.documents.gathering import gathered
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow, GatheredRow, locked_document, not_gathered

AT_A_TIME = 1000
MOST_SESSIONS = 500
"""An invoice of more would be read by nobody: the rest is another one."""
TOLD = ("energy", "location")


@dataclass(frozen=True, slots=True)
class Monthly:
    """Invoices what was stated in months that are over."""

    receipts: Receipts

    async def invoice(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Invoice whatever is left; each invoice by a transaction of its own. Doing it again is nothing."""
        while True:
            async with db.read() as tx:
                rows = await not_gathered(tx, _month_of(db.clock.now()), limit=AT_A_TIME)
            for group in _groups(rows):
                async with db.tx() as tx:
                    await self._one(tx, group)
            if len(rows) < AT_A_TIME:
                return

    async def _one(self, tx: Tx, ids: Sequence[str]) -> None:
        """The invoice of these statements, but for those that somebody else was faster with."""
        rows = [row for each in ids if (row := await locked_document(tx, each)) is not None]
        rows = [row for row in rows if await tx.get(GatheredRow, row.id) is None]
        if not rows:
            return
        profile, payer = await self.receipts.seller(tx), rows[0].payer
        statements = [read(row) for row in rows]
        buyer = await parties.buyer(tx, payer) or statements[-1].buyer
        made = gathered(
            statements,
            profile,
            buyer=buyer,
            payment=due(profile, tx.now),
            issued_at=tx.now.replace(microsecond=0),
            tell=TOLD,
        )
        invoice = await issue(tx, About(f"gather:{rows[0].id}", payer), made, prefix=profile.prefix)
        for row in rows:
            tx.add(GatheredRow(statement_id=row.id, invoice_id=invoice.id))


def _groups(rows: Sequence[DocumentRow]) -> list[list[str]]:
    """Statements that belong together: of one payer, month, currency and country."""

    def together(row: DocumentRow) -> tuple[str, str, str, str]:
        return row.payer, f"{_month_of(row.issued_at):%Y-%m}", row.currency, read(row).country

    found = []
    for _, group in groupby(sorted(rows, key=lambda row: (*together(row), row.id)), key=together):
        ids = [row.id for row in group]
        found += [ids[first : first + MOST_SESSIONS] for first in range(0, len(ids), MOST_SESSIONS)]
    return found


def _month_of(moment: datetime) -> datetime:
    """When the month of a moment began, UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
