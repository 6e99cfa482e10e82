"""What waits to be logged, and the entry that is made of it: later, and of many in one go.

A partner's answer waits for the first of these steps, so it takes next to nothing. The second takes a fraction of what
it would take beside the answers, where everything that it touches has just been displaced by something else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hub.parties.callers import Caller
from hub.parties.message_log_tables import IN, OUT
from kit.http import Exchanged
from ocpi.call import Served
from ocpi.headers import Party

PARSED = 4
"""A body of up to so many times the limit is parsed, masked and then cut; of a longer one only the size is kept."""

_STATUS_CODE = b'"status_code"'
_CODE = re.compile(rb'\s*:\s*"?(\d{4})')


@dataclass(slots=True)
class Entry:
    """What its rows say of one exchange. `url` is the target of one that came in, the URL of one that went out."""

    id: str
    """It begins with the microsecond at which the exchange began (`kit.ids.first_id`)."""
    direction: str
    platform_id: str | None
    module: str | None
    interface: str | None
    verb: str
    url: str
    request_id: str
    correlation_id: str
    from_party: str | None
    to_party: str | None
    """`CC*PID`."""
    headers: Mapping[str, str]
    http_status: int | None
    error: str | None
    duration_s: float
    request: bytes
    response: bytes
    request_bytes: int
    response_bytes: int
    response_headers: Mapping[str, str] = field(default_factory=dict)
    status_code: int | None = None
    is_page: bool = False
    """A list that was asked for and is too long to be kept."""


@dataclass(slots=True)
class Noted:
    """An exchange as it waits, with as much of its bodies as is kept of them, and how long they were."""

    exchange: Served | Exchanged
    request_bytes: int
    response_bytes: int
    status_code: int | None = None
    """OCPI's, where it is known or not to be found any more in what is kept."""
    platform_id: str | None = None
    correlation_id: str | None = None
    """Who a request of ours went to, and what it belongs to; one that came in says both itself."""
    is_page: bool = False
    entry: Entry | None = None
    """Made once, as a batch may be written twice."""


def note_served(served: Served, limit: int) -> Noted:
    """A partner's request and our answer. The exchange is the log's from now on."""
    raw, answer = served.raw, served.answer
    noted = Noted(served, len(raw), len(answer), served.status_code)
    if noted.response_bytes > limit:
        noted.is_page = served.method == "GET" and served.key is not None and served.key[3] == "list"
        noted.status_code = served.status_code or status_code_of(answer)
        served.answer = b"" if noted.is_page else _kept(answer, limit)
    if noted.request_bytes > limit:
        served.raw = _kept(raw, limit)
    return noted


def note_sent(exchanged: Exchanged, platform_id: str | None, correlation_id: str | None, limit: int) -> Noted:
    """Our request and a partner's answer. The exchange is the log's from now on."""
    body, answer = exchanged.body, exchanged.answer
    noted = Noted(exchanged, len(body), len(answer), None, platform_id, correlation_id)
    if noted.response_bytes > limit:
        noted.status_code = status_code_of(answer)
        exchanged.answer = _kept(answer, limit)
    if noted.request_bytes > limit:
        exchanged.body = _kept(body, limit)
    return noted


def entry_of(noted: Noted, make_id: Callable[[float], str]) -> Entry:
    """The entry of an exchange; `make_id` gives an id for a moment on the monotonic clock."""
    if noted.entry is None:
        exchange = noted.exchange
        entry_id = make_id(exchange.started)
        noted.entry = (
            _in(noted, exchange, entry_id) if isinstance(exchange, Served) else _out(noted, exchange, entry_id)
        )
    return noted.entry


def status_code_of(body: bytes) -> int | None:
    """The OCPI status code of an answer, which stands at its end or its beginning."""
    at = body.rfind(_STATUS_CODE, -200)
    found = _CODE.match(body, at + len(_STATUS_CODE)) if at >= 0 else None
    if found is None and (at := body.rfind(_STATUS_CODE, 0, 200)) >= 0:
        found = _CODE.match(body, at + len(_STATUS_CODE))
    return int(found[1]) if found is not None else None


def _in(noted: Noted, served: Served, entry_id: str) -> Entry:
    caller, message = served.caller, served.headers
    module, interface, _, _ = served.key or (None, None, None, None)
    return Entry(
        id=entry_id,
        direction=IN,
        platform_id=caller.peer.id if isinstance(caller, Caller) else None,
        module=module,
        interface=interface,
        verb=served.method,
        url=served.target,
        request_id=message.request_id,
        correlation_id=message.correlation_id,
        from_party=_key(message.from_party),
        to_party=_key(message.to_party),
        headers=served.http_headers,
        http_status=served.http_status,
        error=None,
        duration_s=served.ended - served.started,
        request=served.raw,
        response=served.answer,
        request_bytes=noted.request_bytes,
        response_bytes=noted.response_bytes,
        status_code=noted.status_code or status_code_of(served.answer),
        is_page=noted.is_page,
    )


def _out(noted: Noted, exchanged: Exchanged, entry_id: str) -> Entry:
    headers = exchanged.headers
    return Entry(
        id=entry_id,
        direction=OUT,
        platform_id=noted.platform_id,
        module=None,
        interface=None,
        verb=exchanged.method,
        url=exchanged.url,
        request_id=headers.get("x-request-id", ""),
        correlation_id=noted.correlation_id or "",
        from_party=_party(headers.get("ocpi-from-country-code"), headers.get("ocpi-from-party-id")),
        to_party=_party(headers.get("ocpi-to-country-code"), headers.get("ocpi-to-party-id")),
        headers=headers,
        http_status=exchanged.status,
        error=exchanged.error,
        duration_s=exchanged.ended - exchanged.started,
        request=exchanged.body,
        response=exchanged.answer,
        request_bytes=noted.request_bytes,
        response_bytes=noted.response_bytes,
        response_headers=exchanged.answer_headers,
        status_code=noted.status_code or status_code_of(exchanged.answer),
    )


def _kept(body: bytes, limit: int) -> bytes:
    most = limit * PARSED
    return body if len(body) <= most else body[: most + 1]


def _key(party: Party | None) -> str | None:
    return party.key if party is not None else None


def _party(country_code: str | None, party_id: str | None) -> str | None:
    return f"{country_code}*{party_id}".upper() if country_code and party_id else None
