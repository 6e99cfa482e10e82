"""What the two kinds of client share: the flag for plain HTTP, the log line of an exchange, and who may watch it."""

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlsplit

from kit.log import get
from kit.redact import redact_path

plain_http: ContextVar[bool] = ContextVar("plain_http", default=True)
"""Whether the request that is being connected goes without TLS; the strict answer where nobody said."""

log = get("kit.http")
_root = logging.getLogger()
"""It knows the threshold, and is asked in a fraction of the time that a logger of ours takes to be made."""


@dataclass(slots=True)
class Exchanged:
    """One exchange as it went: the request, and the answer or the name of the error that came instead.

    Names of headers are sought in lower case; `answer` is the unpacked body as far as it was read; times are of
    `time.monotonic`: a loop may count whole milliseconds, and what comes in leads to a request in less.
    It holds credentials: it is for watchers that know what to leave out.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    started: float
    ended: float
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer: bytes = b""
    error: str | None = None


Watch = Callable[[Exchanged], None]
"""Told of each exchange once it is over, in the task that asked for it. Must be quick and must not raise."""


def log_exchange(method: str, url: str, outcome: int | str, started: float) -> None:
    """Write method, host, path and outcome (a status, or the name of an error); `started` is of `time.monotonic`."""
    failed = isinstance(outcome, str)
    level = (
        logging.WARNING if failed else logging.INFO if isinstance(outcome, int) and outcome >= 400 else logging.DEBUG
    )
    if _root.isEnabledFor(level):
        host, path = _place(url)
        duration_ms = round((monotonic() - started) * 1000)
        told = {"error" if failed else "status": outcome}
        log.log(
            level, "http request", method=method, host=host, path=redact_path(path), **told, duration_ms=duration_ms
        )


def _place(url: str) -> tuple[str | None, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.path
    except ValueError:
        return None, ""
