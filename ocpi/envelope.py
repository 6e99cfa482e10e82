"""The envelope around every answer (transport and format, section Response format).

Written by joining bytes: the data is JSON already and is not looked at again. Read with tolerance: `data`, the message
and the timestamp may be absent.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson

from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.errors import InvalidJson
from ocpi.types import JsonValue

SUCCESS = 1000

_MAX_MESSAGE = 500
# Up to this many opening brackets no document can be nested deeper than what the JSON writers accept.
_HARMLESS_BRACKETS = 200


def envelope(data: bytes | None, *, status_code: int, now: datetime, message: str | None = None) -> bytes:
    """An answer. `data` is JSON or None for none."""
    parts = [b"{"] if data is None else [b'{"data":', data, b","]
    if message is not None:
        parts += (b'"status_message":', orjson.dumps(_printable(message)), b",")
    return b"".join((*parts, _end(status_code, now)))


def list_envelope(items: Iterable[bytes | memoryview], *, now: datetime, status_code: int = SUCCESS) -> bytes:
    """An answer with a list of ready JSON items; what is given as one may be several with commas between.

    Every byte is copied once: a page has more of them than all else that is done for it costs.
    """
    parts: list[bytes | memoryview] = [b'{"data":[']
    for item in items:
        parts += (item, b",")
    if len(parts) > 1:
        parts.pop()
    return b"".join((*parts, b"],", _end(status_code, now)))


def _end(status_code: int, now: datetime) -> bytes:
    return b'"status_code":%d,"timestamp":"%b"}' % (status_code, format_datetime(now).encode())


def _printable(message: str) -> str:
    text = "".join(char if char.isprintable() else " " for char in message)
    return text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 1] + "…"


class Reply(NamedTuple):
    """A parsed envelope. `status_message` is the peer's text, `told_at` its timestamp as it stands there."""

    data: JsonValue
    status_code: int
    status_message: str | None = None
    told_at: JsonValue = None

    @property
    def timestamp(self) -> datetime | None:
        """When the peer answered; None when that is absent or unreadable."""
        if not isinstance(self.told_at, str):
            return None
        try:
            return parse_datetime(self.told_at)
        except ValueError:
            return None

    @property
    def ok(self) -> bool:
        """Whether the code is one of success, 1xxx."""
        return 1000 <= self.status_code < 2000


def parse_json(raw: bytes) -> JsonValue:
    """Read JSON strictly. Raises InvalidJson, also for nesting too deep to be written again."""
    try:
        value: JsonValue = orjson.loads(raw)
        if raw.count(b"{") + raw.count(b"[") > _HARMLESS_BRACKETS:
            orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        raise InvalidJson from None
    return value


def parse_envelope(raw: bytes) -> Reply | None:
    """Read an answer; None when it is not an envelope at all."""
    try:
        return read_envelope(parse_json(raw))
    except InvalidJson:
        return None


def read_envelope(value: JsonValue) -> Reply | None:
    """An answer from JSON that is parsed already; None when it is not an envelope."""
    if not isinstance(value, dict):
        return None
    code = value.get("status_code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:9])
    if not isinstance(code, int) or isinstance(code, bool):
        return None
    message = value.get("status_message")
    return Reply(
        data=value.get("data"),
        status_code=code,
        status_message=message if isinstance(message, str) else None,
        told_at=value.get("timestamp"),
    )


def unwrapped(value: JsonValue) -> JsonValue:
    """A request body that some peers wrap in an envelope and should not: what is inside, or the body as it is.

    The asynchronous results of commands and charging profiles travel in request bodies, which have no envelope.
    """
    if isinstance(value, dict) and "result" not in value:
        reply = read_envelope(value)
        if reply is not None and isinstance(reply.data, dict):
            return reply.data
    return value
