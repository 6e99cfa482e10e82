"""HTTP headers of OCPI: the credentials token, the message ids and the routing headers (chapter Transport and format).

Whatever goes into a header is checked first: printable ASCII of a bounded length, so that nobody smuggles in another.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import uuid_utils

from ocpi.errors import InvalidParameters

AUTHORIZATION = "Authorization"
REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
TO_PARTY = "OCPI-to-party-id"
TO_COUNTRY = "OCPI-to-country-code"
FROM_PARTY = "OCPI-from-party-id"
FROM_COUNTRY = "OCPI-from-country-code"

_ADDRESSES = frozenset(name.lower() for name in (TO_PARTY, TO_COUNTRY, FROM_PARTY, FROM_COUNTRY))
_MAX_ID = 255
_MAX_TOKEN = 255
_MAX_AUTHORIZATION = 1024
_MAX_PASSED = 4096
_VISIBLE = re.compile(r"[\x21-\x7E]+")
_PRINTABLE = re.compile(r"[\x20-\x7E]+")
_AUTHORIZATION = re.compile(r"[Tt][Oo][Kk][Ee][Nn] +([\x21-\x7E]+) *")


def new_id() -> str:
    """A fresh request or correlation id: a UUID of version 7, as a log that is searched by them takes new ones at its
    end for half the work."""
    return str(uuid_utils.uuid7())


def authorization(token: str, *, encode: bool = True) -> str:
    """The Authorization header for a token; `encode=False` for peers that expect it without Base64.

    Raises ValueError for a token that must not stand in a header.
    """
    if len(token) > _MAX_TOKEN or not _VISIBLE.fullmatch(token):
        raise ValueError("a credentials token is printable ASCII without spaces")
    return f"Token {base64.b64encode(token.encode()).decode() if encode else token}"


def token_candidates(header: str | None) -> list[str]:
    """Every credentials token that an Authorization header may mean, the likeliest first; none when it means nothing.

    Tokens travel in Base64, from older peers as they are, and a token as it is may be valid Base64 by chance; so both
    readings are returned. A line feed that was encoded with the token, as in the specification's own example, is cut.
    """
    if header is None or len(header) > _MAX_AUTHORIZATION:
        return []
    match = _AUTHORIZATION.fullmatch(header)
    if match is None:
        return []
    raw = match[1]
    candidates = [_decoded(raw), raw]
    return list(dict.fromkeys(token for token in candidates if token is not None and len(token) <= _MAX_TOKEN))


def _decoded(text: str) -> str | None:
    try:
        octets = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
        token = octets.decode("ascii").rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return token if _VISIBLE.fullmatch(token) else None


@dataclass(frozen=True, slots=True)
class Party:
    """The address of a party. Equal without regard to case; kept as it was written."""

    country_code: str
    party_id: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Party) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"

    @property
    def key(self) -> str:
        """The address in upper case, `NL*TNM`."""
        return f"{self.country_code}*{self.party_id}".upper()


class MessageHeaders(NamedTuple):
    """Ids and addresses of one message."""

    request_id: str
    correlation_id: str
    to_party: Party | None = None
    from_party: Party | None = None

    def reply(self, sender: Party | None = None) -> "MessageHeaders":
        """The headers of the answer: the same ids, the addresses swapped.

        `sender` is who answers when the request named no receiver (open routing).
        """
        return MessageHeaders(self.request_id, self.correlation_id, self.from_party, self.to_party or sender)

    def forwarded(self, *, to_party: Party, from_party: Party | None = None) -> "MessageHeaders":
        """The headers of the same message sent on by a hub: a new request id, the same correlation id."""
        return MessageHeaders(new_id(), self.correlation_id, to_party, from_party or self.from_party)


def read_ids(headers: Mapping[str, str], make_id: Callable[[], str] = new_id) -> MessageHeaders:
    """The ids of a message, made where they are absent or unusable; names in `headers` are in lower case."""
    request_id = headers.get("x-request-id", "")
    correlation_id = headers.get("x-correlation-id", "")
    return MessageHeaders(
        request_id=request_id if request_id and _is_id(request_id) else make_id(),
        correlation_id=correlation_id if correlation_id and _is_id(correlation_id) else make_id(),
    )


def read_headers(headers: Mapping[str, str], make_id: Callable[[], str] = new_id) -> MessageHeaders:
    """The ids and the addresses of a message of a functional module.

    Raises InvalidParameters for an address that is incomplete or malformed.
    """
    return with_addresses(read_ids(headers, make_id), headers)


def with_addresses(message: MessageHeaders, headers: Mapping[str, str]) -> MessageHeaders:
    """The message with its addresses. Raises InvalidParameters for one that is incomplete or malformed."""
    if _ADDRESSES.isdisjoint(headers):
        return message
    return MessageHeaders(
        message.request_id,
        message.correlation_id,
        to_party=_party(headers.get("ocpi-to-country-code"), headers.get("ocpi-to-party-id"), "to"),
        from_party=_party(headers.get("ocpi-from-country-code"), headers.get("ocpi-from-party-id"), "from"),
    )


def write_headers(message: MessageHeaders) -> dict[str, str]:
    """The headers of a message. Raises ValueError for a value that must not stand in a header."""
    ids = {REQUEST_ID: checked_id(message.request_id), CORRELATION_ID: checked_id(message.correlation_id)}
    return {**ids, **dict(written_addresses(message.to_party, message.from_party))}


def written_addresses(to_party: Party | None, from_party: Party | None) -> tuple[tuple[str, str], ...]:
    """The routing headers between two parties, which are the same for every message.

    Raises ValueError for a value that must not stand in a header.
    """
    if to_party is None and from_party is None:
        return ()
    # As they are written, which parties that are equal may differ in.
    return _addresses(
        to_party and (to_party.country_code, to_party.party_id),
        from_party and (from_party.country_code, from_party.party_id),
    )


@lru_cache(maxsize=4096)
def _addresses(to_party: tuple[str, str] | None, from_party: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    written = header_values(MessageHeaders("", "", to_party and Party(*to_party), from_party and Party(*from_party)))
    del written[REQUEST_ID], written[CORRELATION_ID]
    return tuple((name, checked_id(value)) for name, value in written.items())


def checked_id(value: str) -> str:
    """A value that may stand in a header: printable ASCII of a bounded length. Raises ValueError."""
    if not _is_id(value):
        raise ValueError(f"a header must be printable ASCII of at most {_MAX_ID} characters")
    return value


def header_values(message: MessageHeaders) -> dict[str, str]:
    """The headers of a message that was read, whose values were checked then."""
    written = {REQUEST_ID: message.request_id, CORRELATION_ID: message.correlation_id}
    if message.to_party is not None:
        written[TO_COUNTRY] = message.to_party.country_code
        written[TO_PARTY] = message.to_party.party_id
    if message.from_party is not None:
        written[FROM_COUNTRY] = message.from_party.country_code
        written[FROM_PARTY] = message.from_party.party_id
    return written


def header_value(value: str | None) -> str | None:
    """A header of somebody else's that is passed on; None for one that must not stand in a header of ours."""
    if value is None or len(value) > _MAX_PASSED or _PRINTABLE.fullmatch(value) is None:
        return None
    return value


def _is_id(value: str) -> bool:
    return len(value) <= _MAX_ID and _PRINTABLE.fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _party(country_code: str | None, party_id: str | None, direction: str) -> Party | None:
    if not country_code and not party_id:
        return None
    if not country_code or not party_id:
        raise InvalidParameters(f"OCPI-{direction}-country-code and OCPI-{direction}-party-id come together")
    if len(country_code) > 2 or not _VISIBLE.fullmatch(country_code):
        raise InvalidParameters(f"OCPI-{direction}-country-code is no country code")
    if len(party_id) > 3 or not _VISIBLE.fullmatch(party_id):
        raise InvalidParameters(f"OCPI-{direction}-party-id is no party id")
    return Party(country_code, party_id)
