"""Operator API: sessions and CDRs."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import func, select
from sqlmodel import col

from auth.guards import AdminDep, OperatorDep
from csms.signed import check
from hub.parties.objects import ObjectKey, find
from hub.sessions import crediting, service
from hub.sessions.schemas import CdrCreditIn, CdrDisputeOut, CdrOut, SessionOut, SignedValueOut
from hub.sessions.tables import Cdr, CdrDispute, Session, own_session
from kit.errors import NotFound
from kit.paging import Page, PageParams, Paging
from kit.tx import Database


def router(db: Database) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["sessions"])

    @routes.get("/sessions", operation_id="list_sessions")
    async def list_sessions(_: OperatorDep, paging: Paging) -> Page[SessionOut]:
        """All sessions, at our chargers and at partners', newest first."""
        rows, total = await _newest(db, Session, paging)
        return Page.of([SessionOut.of(row) for row in rows], total, paging)

    @routes.post("/sessions/{session_id}/release", operation_id="release_session")
    async def release_session(session_id: str, _: AdminDep) -> SessionOut:
        """Issue the CDR of a session of ours that its `review` holds back."""
        async with db.tx() as tx:
            row = await own_session(tx, session_id)
            if row is None:
                raise NotFound("no such session of ours")
            await service.release(tx, row)
            return SessionOut.of(row)

    @routes.get("/sessions/{session_id}/signed-values", operation_id="list_signed_values")
    async def list_signed_values(
        session_id: str, _: OperatorDep, public_key: Annotated[str | None, Query(max_length=2_000)] = None
    ) -> list[SignedValueOut]:
        """The signed meter values of a session of ours, verified: by the given key, else by the one that came along."""
        async with db.read() as tx:
            row = await own_session(tx, session_id)
            if row is None or row.transaction_id is None:
                raise NotFound("no such session of ours")
            values = await service.signed_values_of(tx, row.transaction_id)
        return [SignedValueOut.of(value, check(value, public_key)) for value in values]

    @routes.get("/cdrs", operation_id="list_cdrs")
    async def list_cdrs(_: OperatorDep, paging: Paging) -> Page[CdrOut]:
        """All CDRs, ours and partners', newest first."""
        rows, total = await _newest(db, Cdr, paging)
        return Page.of([CdrOut.of(row) for row in rows], total, paging)

    @routes.post("/cdrs/{cpo}/{cdr_id}/credit", operation_id="credit_cdr", status_code=201)
    async def credit_cdr(cpo: str, cdr_id: str, body: CdrCreditIn, _: AdminDep) -> CdrOut:
        """Take a CDR of ours back by a credit CDR, which its eMSP gets as well; with `again`, a new CDR follows it."""
        country_code, _star, party_id = cpo.partition("*")
        async with db.tx() as tx:
            row = await find(tx, Cdr, ObjectKey.of(country_code, party_id, cdr_id))
            if row is None:
                raise NotFound("no such CDR")
            return CdrOut.of(await crediting.credit(tx, row, again=body.again))

    @routes.get("/cdrs/disputes", operation_id="list_cdr_disputes")
    async def list_cdr_disputes(_: OperatorDep, paging: Paging) -> Page[CdrDisputeOut]:
        """Other content that CPOs sent under the id of a stored CDR, newest first. The stored CDR stands."""
        async with db.read() as tx:
            statement = select(CdrDispute, Cdr).join(Cdr, col(Cdr.id) == col(CdrDispute.cdr_id))
            newest = statement.order_by(col(CdrDispute.id).desc()).offset(paging.offset).limit(paging.limit)
            found: list[Any] = list(await tx.execute(newest))
            total = (await tx.execute(select(func.count()).select_from(CdrDispute))).scalar_one()
        return Page.of([CdrDisputeOut.of(dispute, cdr) for dispute, cdr in found], int(total), paging)

    @routes.delete("/cdrs/disputes/{dispute_id}", operation_id="close_cdr_dispute", status_code=204)
    async def close_cdr_dispute(dispute_id: int, _: AdminDep) -> None:
        """Forget a dispute that was settled with the CPO."""
        async with db.tx() as tx:
            row = await tx.get(CdrDispute, dispute_id)
            if row is None:
                raise NotFound("no such dispute")
            await tx.delete(row)

    return routes


async def _newest(db: Database, model: Any, paging: PageParams) -> tuple[Sequence[Any], int]:
    async with db.read() as tx:
        statement = select(model).order_by(col(model.id).desc()).offset(paging.offset).limit(paging.limit)
        rows = await tx.all(statement)
        total = (await tx.execute(select(func.count()).select_from(model))).scalar_one()
    return rows, int(total)
