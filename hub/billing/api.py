"""Operator API: who sells and buys, documents in every form, and what is given back."""

from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from auth.guards import AdminDep, OperatorDep
from hub.billing import credits
from hub.billing.credits import Returned
from hub.billing.document_schemas import DocumentHead, DocumentOut
from hub.billing.links import Links
from hub.billing.rendering import Renderer, attached
from hub.billing.schemas import Buyer, GiveBackIn, RefundOut, Seller
from hub.billing.tables import bills_of_start, refund_of, refunds_of
from hub.drivers import service as drivers
from hub.starts.driving import payer_of
from kit.errors import NotFound
from kit.idempotency import IdempotencyKey, IdempotencyKeyReused
from kit.money import exact
from kit.paging import Page, Paging
from kit.tx import Database, Tx
from payments.documents import parties
from payments.documents.model import Document, DocumentKind
from payments.documents.service import read
from payments.documents.tables import DocumentRow, listed


def router(db: Database, links: Links, renderer: Renderer) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["documents"])
    _parties(routes, db)
    _documents(routes, db, links, renderer)
    _given_back(routes, db, links)
    return routes


def _parties(routes: APIRouter, db: Database) -> None:
    @routes.get("/seller", operation_id="get_seller")
    async def get_seller(_: OperatorDep) -> Seller:
        """Who sells. It is a 404 until somebody has said; documents then have the operator's name alone."""
        async with db.read() as tx:
            known = await parties.seller(tx)
        if known is None:
            raise NotFound("no seller was entered")
        return Seller.model_validate(known, from_attributes=True)

    @routes.put("/seller", operation_id="set_seller")
    async def set_seller(body: Seller, _: AdminDep) -> Seller:
        """Say who sells, with VAT ids by country and where drivers complain."""
        async with db.tx() as tx:
            await parties.set_seller(tx, body.profile())
        return body

    @routes.get("/drivers/{driver_id}/invoice-address", operation_id="get_invoice_address")
    async def get_invoice_address(driver_id: str, _: OperatorDep) -> Buyer:
        """Whom a driver's invoices are addressed to."""
        async with db.read() as tx:
            await drivers.get(tx, driver_id)
            known = await parties.buyer(tx, payer_of(driver_id))
        if known is None:
            raise NotFound("no address was entered")
        return Buyer.model_validate(known, from_attributes=True)

    @routes.put("/drivers/{driver_id}/invoice-address", operation_id="set_invoice_address")
    async def set_invoice_address(driver_id: str, body: Buyer, _: AdminDep) -> Buyer:
        """Address a driver's invoices from now on. With it they have their EN 16931 form."""
        async with db.tx() as tx:
            await drivers.get(tx, driver_id)
            await parties.set_buyer(tx, payer_of(driver_id), body.party())
        return body

    @routes.delete("/drivers/{driver_id}/invoice-address", operation_id="forget_invoice_address", status_code=204)
    async def forget_invoice_address(driver_id: str, _: AdminDep) -> None:
        """Forget the address; it stays on what was issued."""
        async with db.tx() as tx:
            await drivers.get(tx, driver_id)
            await parties.set_buyer(tx, payer_of(driver_id), None)


def _documents(routes: APIRouter, db: Database, links: Links, renderer: Renderer) -> None:
    async def known(document_id: str) -> Document:
        async with db.read() as tx:
            return read(await _row(tx, document_id))

    @routes.get("/documents", operation_id="list_documents")
    async def list_documents(
        _: OperatorDep,
        paging: Paging,
        driver_id: Annotated[str | None, Query(max_length=36)] = None,
        kind: Annotated[DocumentKind | None, Query()] = None,
    ) -> Page[DocumentHead]:
        """Receipts, invoices and credit notes, newest first."""
        payer = payer_of(driver_id) if driver_id is not None else None
        async with db.read() as tx:
            rows, total = await listed(tx, payer=payer, kind=kind, offset=paging.offset, limit=paging.limit)
        return Page.of([DocumentHead.of(row, _link(db, links)) for row in rows], total, paging)

    @routes.get("/documents/{document_id}", operation_id="get_document")
    async def get_document(document_id: str, _: OperatorDep) -> DocumentOut:
        """One of them, as it was issued."""
        async with db.read() as tx:
            return DocumentOut.of(await _row(tx, document_id), _link(db, links))

    @routes.get("/documents/{document_id}/html", operation_id="get_document_page", response_class=Response)
    async def get_document_page(document_id: str, _: OperatorDep) -> Response:
        """The same as a page."""
        return await renderer.html(await known(document_id))

    @routes.get("/documents/{document_id}/pdf", operation_id="get_document_file", response_class=Response)
    async def get_document_file(document_id: str, _: OperatorDep) -> Response:
        """The same as PDF/A-3, with what goes with it inside."""
        return await renderer.pdf(await known(document_id))

    @routes.get("/documents/{document_id}/xml", operation_id="get_electronic_document", response_class=Response)
    async def get_electronic_document(document_id: str, _: OperatorDep) -> Response:
        """An invoice or credit note by EN 16931."""
        return await renderer.xml(await known(document_id))

    @routes.get(
        "/documents/{document_id}/attachments/{name}", operation_id="get_document_attachment", response_class=Response
    )
    async def get_document_attachment(document_id: str, name: str, _: OperatorDep) -> Response:
        """Data that go with a document: signed meter values."""
        return attached(await known(document_id), name)


def _given_back(routes: APIRouter, db: Database, links: Links) -> None:
    @routes.post("/starts/{start_id}/refunds", operation_id="refund_session", status_code=202)
    async def refund_session(start_id: str, body: GiveBackIn, _: AdminDep, key: IdempotencyKey) -> list[RefundOut]:
        """Give back a part of what was paid for a session, into the wallet and to the cards that it was paid from.

        The amount may be of several payments, each with a refund of its own: the wallet first. The credit note follows
        the money. The same `Idempotency-Key` is the same.
        """
        async with db.tx() as tx:
            bills = await bills_of_start(tx, start_id)
            if not bills:
                raise NotFound("the session was not billed")
            wanted = Returned(exact(body.amount, bills[-1].currency), body.reason, _key(start_id, key))
            found = await credits.refund_session(tx, start_id, wanted)
            if sum(each.amount_minor for each in found) != wanted.amount.amount_minor:
                raise IdempotencyKeyReused
            return [RefundOut.of(each, body.reason) for each in found]

    @routes.get("/starts/{start_id}/refunds", operation_id="list_refunds")
    async def list_refunds(start_id: str, _: OperatorDep) -> list[RefundOut]:
        """What was given back of a session, oldest first."""
        async with db.read() as tx:
            return [RefundOut.of(await refund_of(tx, each), each.reason) for each in await refunds_of(tx, start_id)]

    @routes.post("/documents/{document_id}/credit-notes", operation_id="credit_invoice", status_code=201)
    async def credit_invoice(document_id: str, body: GiveBackIn, _: AdminDep, key: IdempotencyKey) -> DocumentOut:
        """Take back a part of an invoice that is paid later. What was paid already is refunded instead."""
        async with db.tx() as tx:
            row = await _row(tx, document_id)
            wanted = Returned(exact(body.amount, row.currency), body.reason, _key(document_id, key))
            made = await credits.credit_invoice(tx, document_id, wanted)
            if made.net_minor + made.vat_minor != wanted.amount.amount_minor:
                raise IdempotencyKeyReused
            return DocumentOut.of(made, _link(db, links))


async def _row(tx: Tx, document_id: str) -> DocumentRow:
    row = await tx.get(DocumentRow, document_id)
    if row is None:
        raise NotFound("no such document")
    return row


def _link(db: Database, links: Links) -> Callable[[str], str]:
    now = db.clock.now()
    return lambda document_id: links.to(document_id, now)


def _key(subject: str, key: str) -> str:
    """What a caller's key stands for here: of this subject alone, and short."""
    return f"op:{sha256(f'{subject}:{key}'.encode()).hexdigest()[:40]}"
