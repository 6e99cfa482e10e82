"""From an exchange to its rows: who, what, how it went, the masked bodies, the sealed bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from hub.parties.directory import Snapshot
from hub.parties.masking import Found, Masker
from hub.parties.message_log_entries import PARSED, Entry
from hub.parties.message_log_tables import IN, Message
from kit.crypto import KeyRing
from kit.redact import scrubbed

CONTENT_PURPOSE = "ocpi-messages"
DIGEST_PURPOSE = "ocpi-message-mask"
PAGE = "a page"
"""What the searchable log shows of a page of which nothing else is kept: there is nothing else to be known of it."""
LONGEST_PATH = 1_000

_KEPT_HEADERS = frozenset(
    {
        *("content-type", "x-request-id", "x-correlation-id", "location", "link", "x-total-count", "x-limit"),
        *("ocpi-to-country-code", "ocpi-to-party-id", "ocpi-from-country-code", "ocpi-from-party-id", "retry-after"),
    }
)
"""Of the others some are credentials, and none says anything about the message."""
_SIDE = re.compile(r"(.*?/(?:sender|receiver)/[a-z]+)(/.*)?")
_WRITES = frozenset({"PUT", "PATCH", "DELETE"})

Row = dict[str, Any]


class Places:
    """Whose endpoints lie where, as a snapshot of the directory has it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._endpoints: dict[str, list[tuple[str, str]]] = {}

    def of(self, platform_id: str, url: str, verb: str) -> tuple[str | None, str]:
        """The partner's endpoint that a URL lies under, its name and its URL; of two at one URL the side that has such
        a verb."""
        endpoints = self._endpoints.get(platform_id)
        if endpoints is None:
            peer = self.snapshot.peers.get(platform_id)
            named = [(each.rstrip("/"), name) for name, each in (peer.endpoints if peer else {}).items()]
            endpoints = self._endpoints[platform_id] = sorted(named, key=_longest_first)
        side = "RECEIVER" if verb in _WRITES else "SENDER"
        best: tuple[str | None, str] = None, ""
        for endpoint, name in endpoints:
            if len(endpoint) < len(best[1]):
                break
            if url.startswith(endpoint) and url[len(endpoint) :][:1] in ("", "/"):
                best = name, endpoint
                if name.startswith(side):
                    break
        return best


class Writer:
    """Makes rows of entries. One for each batch: it remembers what it has masked, for the same bytes come again."""

    def __init__(self, keys: KeyRing, places: "Places", limit: int) -> None:
        self._keys = keys
        self._places = places
        self._limit = limit
        self._masker = Masker(lambda text: keys.digest(DIGEST_PURPOSE, text)[:16])
        self._known: dict[tuple[bytes, str | None], tuple[str, Found]] = {}
        self._paths: dict[str, str] = {}

    def rows(self, entry: Entry) -> tuple[Row, Row | None]:
        """The searchable row, and that of the exact bytes: None where the first says all that there is (a page)."""
        found: Found = {}
        path = self._path(entry, found)
        says_all = entry.is_page and not found and path == entry.url and len(path) <= LONGEST_PATH
        request = self._body(entry.request, entry.request_bytes, entry.module, found)
        response = self._body(entry.response, entry.response_bytes, entry.module, found)
        row: Row = {
            "id": entry.id,
            "direction": entry.direction,
            "platform_id": entry.platform_id,
            "from_party": entry.from_party and entry.from_party[:8],
            "to_party": entry.to_party and entry.to_party[:8],
            "module": entry.module,
            "interface": entry.interface,
            "verb": entry.verb[:16],
            "path": path[:LONGEST_PATH],
            "http_status": entry.http_status,
            "status_code": entry.status_code,
            "error": entry.error,
            "duration_ms": round(entry.duration_s * 1000),
            "request_id": entry.request_id,
            "correlation_id": entry.correlation_id,
            "request_bytes": entry.request_bytes,
            "response_bytes": entry.response_bytes,
            "request_body": request,
            "response_body": response,
        }
        if found:
            for name in ("path", "request_id", "correlation_id", "request_body", "response_body"):
                row[name] = row[name] and scrubbed(row[name], found)
        if says_all:
            row["response_body"] = _mark(entry.response_bytes, PAGE)
            return row, None
        row["request_body"] = _cut(row["request_body"], entry.request_bytes, self._limit)
        row["response_body"] = _cut(row["response_body"], entry.response_bytes, self._limit)
        return row, {"id": entry.id, "sealed": self._sealed(entry)}

    def _path(self, entry: Entry, found: Found) -> str:
        """The path and query as the log may show them. The same pages are asked for over and over."""
        known = self._paths.get(entry.url) if entry.is_page else None
        if known is None:
            prefix, rest, query, matched = self._place(entry)
            known = prefix + self._masker.target(rest, query, entry.module, matched, found)
            if entry.is_page and not found:
                self._paths[entry.url] = known
        return known

    def _place(self, entry: Entry) -> tuple[str, str, str, bool]:
        """Where a message went: what leads to the endpoint, the path below it, the query; whether it is OCPI's path.

        A request of ours gets its module and interface here, by the partner's endpoints.
        """
        path, _, query = entry.url.partition("?")
        if entry.direction == IN:
            side = _SIDE.fullmatch(path) if entry.module else None
            return (side[1], side[2] or "", query, True) if side else ("", path, query, False)
        name, endpoint = self._places.of(entry.platform_id or "", path, entry.verb)
        if name is None:
            site = path[: len(path) - len(urlsplit(path).path)]
            # A handshake's messages are addressed to nobody; beside the endpoints lie only the URLs for results.
            if entry.to_party is None:
                entry.module = "versions" if entry.verb == "GET" else "credentials"
            else:
                entry.module, entry.interface = "commands", "SENDER"
            return site, path[len(site) :], query, False
        entry.interface, _, entry.module = name.partition("/")
        return endpoint, path[len(endpoint) :], query, True

    def _body(self, raw: bytes, size: int, module: str | None, found: Found) -> str | None:
        """A body as the searchable log has it; what is no JSON is not shown at all."""
        if not raw:
            return None
        if len(raw) > self._limit * PARSED:
            return _mark(size, "not shown")
        known = self._known.get((raw, module))
        if known is None:
            text, masked = self._masked(raw, module)
            known = self._known[raw, module] = text, masked
        found.update(known[1])
        return known[0]

    def _masked(self, raw: bytes, module: str | None) -> tuple[str, Found]:
        found: Found = {}
        try:
            value = orjson.loads(raw)
        except (ValueError, RecursionError):
            return _mark(len(raw), "not JSON"), found
        return orjson.dumps(self._masker.body(value, module, found)).decode(), found

    def _sealed(self, entry: Entry) -> bytes:
        request, response = entry.request[: self._limit], entry.response[: self._limit]
        head = {
            "method": entry.verb,
            "url": entry.url,
            "headers": _open(entry.headers),
            "response_headers": _open(entry.response_headers),
            "request": len(request),
            "request_cut": len(request) < entry.request_bytes,
            "response_cut": len(response) < entry.response_bytes,
        }
        return self._keys.seal(CONTENT_PURPOSE, b"".join((orjson.dumps(head), b"\n", request, response)))


@dataclass(frozen=True, slots=True)
class Content:
    """The exact bytes of a message. Credentials in headers are not kept."""

    method: str
    url: str
    headers: Mapping[str, str]
    request: bytes
    request_cut: bool
    response_headers: Mapping[str, str]
    response: bytes
    response_cut: bool


def page_asked(message: Message) -> Content | None:
    """What is known of the request for a page that is in the searchable log alone; None for every other message."""
    if message.response_body != _mark(message.response_bytes, PAGE):
        return None
    headers = {"x-request-id": message.request_id, "x-correlation-id": message.correlation_id}
    for direction, party in (("to", message.to_party), ("from", message.from_party)):
        country_code, _, party_id = (party or "").partition("*")
        headers |= {f"ocpi-{direction}-country-code": country_code, f"ocpi-{direction}-party-id": party_id}
    told = {name: value for name, value in headers.items() if value}
    return Content(message.verb, message.path, told, b"", False, {}, b"", True)


def opened(keys: KeyRing, sealed: bytes) -> Content:
    """What was sealed. Raises `CannotDecrypt` when the key is no longer in the ring."""
    head, _, bodies = keys.unseal(CONTENT_PURPOSE, sealed).partition(b"\n")
    told = orjson.loads(head)
    return Content(
        told["method"],
        told["url"],
        told["headers"],
        bodies[: told["request"]],
        told["request_cut"],
        told["response_headers"],
        bodies[told["request"] :],
        told["response_cut"],
    )


def _longest_first(endpoint: tuple[str, str]) -> tuple[int, str]:
    return -len(endpoint[0]), endpoint[1]


def _open(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: headers[name] for name in headers if name in _KEPT_HEADERS}
    if not "".join(kept.values()).isascii():
        kept = {name: value if value.isascii() else ascii(value) for name, value in kept.items()}
    return kept


def _mark(size: int, what: str) -> str:
    return f"[{what}: {size} bytes]"


def _cut(text: str | None, size: int, limit: int) -> str | None:
    if text is None:
        return _mark(size, "not shown") if size else None
    return text if len(text) <= limit else f"{text[:limit]}…[cut: {size} bytes]"
