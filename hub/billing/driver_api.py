"""Driver API: receipts, invoices and credit notes, for drivers, for guests, and for whoever has a link."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from auth.guards import DriverOrGuestDep
from auth.subjects import DriverIdentity, Guest
from hub.billing.document_schemas import DocumentHead, DocumentOut
from hub.billing.driver_schemas import ReceiptOut
from hub.billing.evidence import FILE
from hub.billing.links import Links
from hub.billing.receipts import receipt_of
from hub.billing.rendering import Renderer, attached
from hub.starts.driver_flows import Driving, Who
from hub.starts.driving import payer_of
from kit.errors import NotFound, Unauthenticated
from kit.paging import Page, Paging
from kit.rates import Rates
from payments.documents.model import Document
from payments.documents.service import read
from payments.documents.tables import DocumentRow, credits_of, listed
from payments.tables import Hold


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents as drivers and guests reach them."""

    driving: Driving
    links: Links
    rates: Rates

    async def receipt(self, who: Who, start_id: str) -> DocumentRow:
        """The receipt of a start of one's own. Raises `NotFound`, `ReceiptNotReady`."""
        self.count(who)
        async with self.driving.db.read() as tx:
            start = await self.driving.own(tx, who, start_id)
            return await receipt_of(tx, start.id)

    async def shown(self, who: Who, start_id: str) -> ReceiptOut:
        """The same with what came of its payment since."""
        row = await self.receipt(who, start_id)
        async with self.driving.db.read() as tx:
            start = await self.driving.own(tx, who, start_id)
            hold = await tx.get(Hold, start.hold_id) if start.hold_id else None
            return ReceiptOut.after(row, await credits_of(tx, row.id), hold, self.link())

    async def owned(self, who: Who, document_id: str) -> DocumentRow:
        """A driver's own document. Raises `NotFound`, `Unauthenticated`."""
        payer = self.driver(who)
        async with self.driving.db.read() as tx:
            row = await tx.get(DocumentRow, document_id)
        if row is None or row.payer != payer:
            raise NotFound("no such document")
        return row

    async def opened(self, token: str, address: str) -> Document:
        """What a link opens. Raises `NotFound`."""
        self.rates.check(address)
        document_id = self.links.opened(token, self.driving.db.clock.now())
        async with self.driving.db.read() as tx:
            row = await tx.get(DocumentRow, document_id)
        if row is None:
            raise NotFound("this link opens nothing")
        return read(row)

    def driver(self, who: Who) -> str:
        """The payer that a key stands for. Raises `Unauthenticated` for guests."""
        self.count(who)
        if not isinstance(who, DriverIdentity):
            raise Unauthenticated("this is for drivers with a key", headers={"WWW-Authenticate": "Bearer"})
        return payer_of(who.driver_id)

    def count(self, who: Who) -> None:
        """Count a request of somebody who must have shown something. Raises `Unauthenticated`, `RateLimited`."""
        if isinstance(who, Guest) and who.secret is None:
            raise Unauthenticated("send your key as a bearer token", headers={"WWW-Authenticate": "Bearer"})
        self.rates.check(who.address if isinstance(who, Guest) else who.driver_id)

    def link(self) -> Callable[[str], str]:
        """Makes links that are good from now on."""
        now = self.driving.db.clock.now()
        return lambda document_id: self.links.to(document_id, now)


def router(driving: Driving, links: Links, rates: Rates, renderer: Renderer) -> APIRouter:
    """The routes of this room."""
    routes = APIRouter(tags=["documents"])
    shelf = Shelf(driving, links, rates)
    _receipts(routes, shelf, renderer)
    _documents(routes, shelf, renderer)
    _shared(routes, shelf, renderer)
    return routes


def _receipts(routes: APIRouter, shelf: Shelf, renderer: Renderer) -> None:
    @routes.get("/starts/{start_id}/receipt", operation_id="get_receipt")
    async def get_receipt(start_id: str, who: DriverOrGuestDep) -> ReceiptOut:
        """What a session cost, line by line: the receipt or invoice, as it was issued.

        Before the session is billed it is a 404 with the code `receipt_not_ready`. `url` opens it in a browser.
        """
        return await shelf.shown(who, start_id)

    @routes.get("/starts/{start_id}/receipt.html", operation_id="get_receipt_page", response_class=Response)
    async def get_receipt_page(start_id: str, who: DriverOrGuestDep) -> Response:
        """The receipt as a page."""
        return await renderer.html(read(await shelf.receipt(who, start_id)))

    @routes.get("/starts/{start_id}/receipt.pdf", operation_id="get_receipt_file", response_class=Response)
    async def get_receipt_file(start_id: str, who: DriverOrGuestDep) -> Response:
        """The receipt as PDF/A-3; signed meter values are in it."""
        return await renderer.pdf(read(await shelf.receipt(who, start_id)))

    @routes.get(
        "/starts/{start_id}/signed-meter-values.xml", operation_id="get_signed_meter_values", response_class=Response
    )
    async def get_signed_meter_values(start_id: str, who: DriverOrGuestDep) -> Response:
        """The signed meter values, for the transparency software."""
        return attached(read(await shelf.receipt(who, start_id)), FILE)


def _documents(routes: APIRouter, shelf: Shelf, renderer: Renderer) -> None:
    @routes.get("/documents", operation_id="list_documents")
    async def list_documents(who: DriverOrGuestDep, paging: Paging) -> Page[DocumentHead]:
        """A driver's receipts, invoices and credit notes, newest first."""
        payer = shelf.driver(who)
        async with shelf.driving.db.read() as tx:
            rows, total = await listed(tx, payer=payer, offset=paging.offset, limit=paging.limit)
        return Page.of([DocumentHead.of(row, shelf.link()) for row in rows], total, paging)

    @routes.get("/documents/{document_id}", operation_id="get_document")
    async def get_document(document_id: str, who: DriverOrGuestDep) -> DocumentOut:
        """One of them."""
        return DocumentOut.of(await shelf.owned(who, document_id), shelf.link())

    @routes.get("/documents/{document_id}/html", operation_id="get_document_page", response_class=Response)
    async def get_document_page(document_id: str, who: DriverOrGuestDep) -> Response:
        """The same as a page."""
        return await renderer.html(read(await shelf.owned(who, document_id)))

    @routes.get("/documents/{document_id}/pdf", operation_id="get_document_file", response_class=Response)
    async def get_document_file(document_id: str, who: DriverOrGuestDep) -> Response:
        """The same as PDF/A-3."""
        return await renderer.pdf(read(await shelf.owned(who, document_id)))

    @routes.get("/documents/{document_id}/xml", operation_id="get_electronic_document", response_class=Response)
    async def get_electronic_document(document_id: str, who: DriverOrGuestDep) -> Response:
        """An invoice or credit note by EN 16931; the same file is in the PDF."""
        return await renderer.xml(read(await shelf.owned(who, document_id)))


def _shared(routes: APIRouter, shelf: Shelf, renderer: Renderer) -> None:
    @routes.get("/shared-documents/{token}.pdf", operation_id="open_document_file", response_class=Response)
    async def open_document_file(token: str, request: Request) -> Response:
        """A document by its link, as PDF/A-3."""
        return await renderer.pdf(await shelf.opened(token, _address(request)))

    @routes.get("/shared-documents/{token}/{name}", operation_id="open_document_attachment", response_class=Response)
    async def open_document_attachment(token: str, name: str, request: Request) -> Response:
        """Data that go with a document, by its link: signed meter values."""
        return attached(await shelf.opened(token, _address(request)), name)

    @routes.get("/shared-documents/{token}", operation_id="open_document", response_class=Response)
    async def open_document(token: str, request: Request) -> Response:
        """A document by its link, which is all that opens it, as a page."""
        return await renderer.html(await shelf.opened(token, _address(request)))


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""
