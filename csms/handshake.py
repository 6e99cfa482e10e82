"""Who is knocking: the path, the Basic credentials and the subprotocol of a WebSocket handshake. Pure."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

LONGEST_STATION_ID = 64


def station_id_of(target: str, prefix: str) -> str | None:
    """The station id in a request target such as `/ocpp/CP%7C1`: the last segment below the prefix, decoded once.

    Doubled and trailing slashes are common and harmless. None when the path is not ours or names no station.
    """
    path = target.partition("?")[0]
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
    """Whether the user of Basic credentials is the station of the path, in constant time."""
    return hmac.compare_digest(user.encode(), station_id.encode())


def choose_subprotocol(ours: Iterable[str], offered: Sequence[str]) -> str | None:
    """The newest of ours (which come newest first) that the station offers too."""
    return next((name for name in ours if name in offered), None)
