"""Links that open one document for whoever has them, until they expire: a browser sends no bearer token."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kit.crypto import KeyRing
from kit.errors import NotFound

GOOD_FOR = timedelta(days=30)
_PURPOSE = "document-link"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and checks them. Nothing is stored: the link says which document and until when, and is signed."""

    keys: KeyRing
    base_url: str
    """How drivers reach the driver API."""

    def to(self, document_id: str, now: datetime) -> str:
        """Where a document is shown, as HTML; `.pdf` and `.xml` behind it are its other forms."""
        until = int((now + GOOD_FOR).timestamp())
        said = f"{document_id}.{until}"
        return f"{self.base_url}/shared-documents/{said}.{self.keys.digest(_PURPOSE, said)}"

    def opened(self, token: str, now: datetime) -> str:
        """The id of the document that a link opens. Raises `NotFound` for one that is not ours, or no longer good."""
        document_id, _, rest = token.partition(".")
        until, _, digest = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) <= 12 and digest.isascii()):
            raise NotFound("this link opens nothing")
        if not self.keys.matches(_PURPOSE, f"{document_id}.{until}", digest) or int(until) < now.timestamp():
            raise NotFound("this link opens nothing, or does no longer")
        return document_id
