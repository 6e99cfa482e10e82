"""Operator API: whether the books match."""

from typing import Annotated

from fastapi import APIRouter, Query

from auth.guards import AdminDep, OperatorDep
from hub.billing.reconciliation import RECONCILE
from hub.billing.reconciliation_schemas import FindingOut, ReconciliationOut, ResolveIn, RunOut
from kit.errors import NotFound
from kit.paging import Paging
from kit.tx import Database
from payments.finding_tables import FindingRow, last_runs, listed


def router(db: Database) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["money"])

    @routes.get("/reconciliation", operation_id="get_reconciliation")
    async def get_reconciliation(
        _: OperatorDep,
        paging: Paging,
        everything: Annotated[bool, Query(alias="all", description="Those that are resolved, too.")] = False,
    ) -> ReconciliationOut:
        """What did not match when provider, ledger, bills and CDRs were compared."""
        async with db.read() as tx:
            rows, total = await listed(tx, only_open=not everything, offset=paging.offset, limit=paging.limit)
            runs = await last_runs(tx)
        return ReconciliationOut(
            items=[FindingOut.of(row) for row in rows],
            total=total,
            limit=paging.limit,
            offset=paging.offset,
            runs=[RunOut.of(row) for row in runs],
        )

    @routes.post("/reconciliation", operation_id="compare_books", status_code=202)
    async def compare_books(_: AdminDep) -> None:
        """Compare now; else it is done once a day."""
        async with db.tx() as tx:
            tx.enqueue(RECONCILE, {}, replace_key="now", max_attempts=3)

    @routes.post("/reconciliation/{finding_id}/resolve", operation_id="resolve_finding")
    async def resolve_finding(finding_id: str, body: ResolveIn, _: AdminDep) -> FindingOut:
        """Note what became of a finding. It is open again when it is found with another detail."""
        async with db.tx() as tx:
            row = await tx.get(FindingRow, finding_id)
            if row is None:
                raise NotFound("no such finding")
            row.resolved_at, row.note = tx.now, body.note
            return FindingOut.of(row)

    return routes
