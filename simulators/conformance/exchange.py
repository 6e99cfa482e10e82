"""One request of the runner and its answer: what rules look at, and what they show as evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import orjson

_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `sent` holds the headers without the token; `routed` whether it had addresses."""

    method: str
    url: str
    sent: Mapping[str, str]
    request_body: bytes
    http_status: int
    headers: httpx.Headers
    body: bytes
    at: datetime
    routed: bool

    @property
    def document(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    @property
    def envelope(self) -> dict[str, Any] | None:
        """The body, when it is an envelope."""
        found = self.document
        return found if isinstance(found, dict) and "status_code" in found else None

    @property
    def code(self) -> int | None:
        """The OCPI status code."""
        code = (self.envelope or {}).get("status_code")
        return code if isinstance(code, int) else None

    @property
    def data(self) -> Any:
        """What the envelope holds; the bare document of a platform that forgets the envelope."""
        envelope = self.envelope
        return self.document if envelope is None else envelope.get("data")

    @property
    def ok(self) -> bool:
        """Whether the platform says yes."""
        success = self.code is None or 1000 <= self.code < 2000
        return 200 <= self.http_status < 300 and success

    def __str__(self) -> str:
        code = "" if self.code is None else f", OCPI {self.code}"
        return f"{self.method} {self.url} → HTTP {self.http_status}{code}"

    def as_json(self) -> dict[str, object]:
        """The exchange as evidence: without credentials."""
        is_secret = "/credentials" in self.url
        return {
            "request": f"{self.method} {self.url}",
            "request_body": "" if is_secret else self.request_body.decode("utf-8", "replace")[:_SHOWN],
            "http_status": self.http_status,
            "status_code": self.code,
            "answer": "" if is_secret else self.body.decode("utf-8", "replace")[:_SHOWN],
        }
