"""The reconciliation: the provider's books, our rows, the ledger and the CDRs are compared, and what differs is noted.

Once a day, and when an operator asks. Two parts: the ledger with what it is about, and the provider with us; a part
that was compared as a whole resolves what it did not find any more.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub.billing import comparing
from kit.log import get
from kit.tx import Database
from payments.books import Window
from payments.comparing import Comparer, Portion
from payments.finding_tables import RunRow, note, resolve_rest
from payments.psp import Psp

log = get(__name__)

RECONCILE = "billing.reconcile"
EVERY = timedelta(hours=24)
SPAN = timedelta(days=35)
"""How far back is looked: longer than disputes and late CDRs usually take."""
SETTLED = timedelta(hours=1)
"""What is younger may still be under way."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares; without a provider only what is here."""

    own_emsps: Collection[str]
    psp: Psp | None

    async def daily(self, db: Database, payload: Mapping[str, Any]) -> None:
        """The job `RECONCILE`."""
        await self.run(db)

    async def run(self, db: Database, *, span: timedelta = SPAN, provider: bool = True) -> int:
        """Compare what is younger than `span`; how many findings there were. Raises what the provider's port raises."""
        now = db.clock.now()
        window = Window(now - span, now - SETTLED)
        found = await _part(db, "ledger", window, comparing.compare(db, window, self.own_emsps))
        if provider and self.psp is not None:
            found += await _part(db, "provider", window, Comparer(self.psp).compare(db, window))
        return found


async def _part(db: Database, part: str, window: Window, portions: AsyncIterator[Portion]) -> int:
    async with db.tx() as tx:
        run = RunRow(part=part, since=window.since, until=window.until, began_at=tx.now)
        tx.add(run)
    checked = found = 0
    async with aclosing(portions) as reading:  # type: ignore[type-var]
        async for portion in reading:
            checked, found = checked + portion.checked, found + len(portion.findings)
            if portion.findings:
                async with db.tx() as tx:
                    await note(tx, part, portion.findings)
    async with db.tx() as tx:
        await resolve_rest(tx, part, window, began_at=run.began_at)
        row = await tx.get(RunRow, run.id)
        if row is not None:
            row.ended_at, row.checked, row.found = tx.now, checked, found
    log.info("reconciled", part=part, checked=checked, found=found)
    return found
