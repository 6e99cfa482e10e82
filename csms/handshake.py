"""Who is knocking: path, Basic credentials, certificate and subprotocols of a WebSocket handshake. Pure."""

import base64
import binascii
import hmac
import ssl
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

from csms.backoffice import PeerCertificate

LONGEST_STATION_ID = 64


def mend_request_line(data: bytes) -> bytes:
    """The first bytes of a connection, with spaces inside of the request target encoded as they should have been."""
    line, separator, rest = data.partition(b"\r\n")
    words = line.split(b" ")
    if not separator or len(words) <= 3 or words[0] != b"GET":
        return data
    target = b"%20".join(words[1:-1])
    return b" ".join((words[0], target, words[-1])) + separator + rest


def station_id_of(target: str, prefix: str) -> str | None:
    """The station id in a request target such as `/ocpp/CP%7C1`: the last segment below the prefix, decoded once.

    Doubled and trailing slashes are common and harmless, and so is a whole URL as the target. None when the path is
    not ours or names no station.
    """
    try:
        path = target if target.startswith("/") else urlsplit(target).path
    except ValueError:
        return None
    path = path.partition("?")[0]
    wanted = [segment for segment in prefix.split("/") if segment]
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) <= len(wanted) or segments[: len(wanted)] != wanted:
        return None
    try:
        station_id = unquote(segments[-1], errors="strict").strip()
    except UnicodeDecodeError:
        return None
    if not station_id or len(station_id) > LONGEST_STATION_ID or not station_id.isprintable():
        return None
    return station_id


def basic_credentials(headers: Iterable[str]) -> tuple[str, str] | None:
    """User and password of an `Authorization: Basic` header; None without one. Raises `ValueError` when malformed."""
    values = list(headers)
    if not values:
        return None
    scheme, _, encoded = values[0].strip().partition(" ")
    if len(values) > 1 or scheme.lower() != "basic":
        raise ValueError("no single Basic credentials")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")  # security profile 1 allows any bytes as password
    user, separator, password = text.partition(":")
    if not separator:
        raise ValueError("no colon between user and password")
    return user, password


def is_same_identity(user: str, station_id: str) -> bool:
    """Whether the user of Basic credentials is the station of the path, however either is spelled; in constant time."""
    return hmac.compare_digest(user.casefold().encode(), station_id.casefold().encode())


def peer_certificate(told: Mapping[str, Any] | None, der: bytes | None) -> PeerCertificate | None:
    """A verified client certificate, as `ssl` tells of it, and its bytes; None without one."""
    if not told or der is None:
        return None
    subject = [value for part in told.get("subject", ()) for name, value in part if name == "commonName"]
    names = [value for kind, value in told.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC)
    return PeerCertificate(
        frozenset(name.casefold() for name in (*subject, *names)), sha256(der).hexdigest(), expires_at
    )


def offered_subprotocols(headers: Iterable[str]) -> list[str]:
    """The subprotocols that a station offers, in its order."""
    return [name.strip() for value in headers for name in value.split(",") if name.strip()]


def choose_subprotocol(ours: Iterable[str], offered: Sequence[str]) -> str | None:
    """The newest of ours (which come newest first) that the station offers too."""
    return next((name for name in ours if name in offered), None)
