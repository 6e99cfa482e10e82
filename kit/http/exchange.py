"""What the two kinds of client share: the flag for plain HTTP, and the log line of an exchange."""

import asyncio
import logging
from contextvars import ContextVar

from kit.log import get
from kit.redact import redact_path

plain_http: ContextVar[bool] = ContextVar("plain_http", default=True)
"""Whether the request that is being connected goes without TLS; the strict answer where nobody said."""

log = get("kit.http")


def log_exchange(method: str, host: str | None, path: str, outcome: int | str, started: float) -> None:
    """Write method, host, path and outcome (a status, or the name of an error); `started` is in loop time."""
    failed = isinstance(outcome, str)
    level = (
        logging.WARNING if failed else logging.INFO if isinstance(outcome, int) and outcome >= 400 else logging.DEBUG
    )
    if log.is_enabled_for(level):
        duration_ms = round((asyncio.get_running_loop().time() - started) * 1000)
        told = {"error" if failed else "status": outcome}
        log.log(
            level, "http request", method=method, host=host, path=redact_path(path), **told, duration_ms=duration_ms
        )
