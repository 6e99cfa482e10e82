"""A stored document in the forms that people and programs read. Making one takes a thread, and few are made at once."""

import asyncio
from collections.abc import Callable
from hashlib import sha256

from starlette.responses import Response

from kit.errors import NotFound
from payments.documents.electronic import electronic_of
from payments.documents.html import content_security_policy, page_of
from payments.documents.model import Document

AT_ONCE = 2
_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-cache"}


class NoElectronicForm(NotFound):
    """A receipt, a document without VAT, or one whose seller or buyer has no name, country or VAT id."""

    code, title = "no_electronic_form", "EN 16931 does not apply to this document"


class Renderer:
    """Makes pages and files of documents."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def html(self, document: Document) -> Response:
        """The page."""
        page = await self._made(page_of, document)
        return _answer(page, "text/html; charset=utf-8", {"Content-Security-Policy": content_security_policy()})

    async def pdf(self, document: Document) -> Response:
        """The file, PDF/A-3."""
        made = await self._made(_file_of, document)
        named = {"Content-Disposition": f'inline; filename="{document.number}.pdf"'}
        return _answer(made, "application/pdf", named)

    async def xml(self, document: Document) -> Response:
        """The document by EN 16931. Raises `NotFound` where the norm does not apply."""
        made = await self._made(lambda each: electronic_of(each) or b"", document)
        if not made:
            raise NoElectronicForm
        named = {"Content-Disposition": f'attachment; filename="{document.number}.xml"'}
        return _answer(made, "application/xml", named)

    async def _made(self, make: Callable[[Document], bytes], document: Document) -> bytes:
        async with self._turns:
            return await asyncio.to_thread(make, document)


def _file_of(document: Document) -> bytes:
    from payments.documents.pdf import pdf_of  # takes long to load: whoever wants a file waits, and not each start

    return pdf_of(document, electronic=electronic_of(document))


def attached(document: Document, name: str) -> Response:
    """Data that go with a document. Raises `NotFound`."""
    found = document.attachment(name)
    if found is None:
        raise NotFound("the document has no such attachment")
    named = {"Content-Disposition": f'attachment; filename="{document.number}-{found.name}"'}
    return _answer(found.content.encode(), found.media_type, named)


def _answer(content: bytes, media_type: str, headers: dict[str, str]) -> Response:
    tag = {"ETag": f'"{sha256(content).hexdigest()[:32]}"'}
    return Response(content, media_type=media_type, headers={**_HEADERS, **headers, **tag})
