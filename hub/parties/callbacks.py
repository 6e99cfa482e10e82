"""URLs of ours that stand for a URL of one partner, given to another partner: signed, so that nothing is stored. Pure.

A partner holds a token for the hub and for nobody else, so every URL that leads back to it is replaced by one of ours:

    response_url   {hub}/sender/commands/{COMMAND}/{token}, {hub}/sender/chargingprofiles/{level}/{token}
    Link, next     {hub}/sender/{module}?hub_page={token}
    CDR Location   {hub}/receiver/cdrs/{country_code}/{party_id}/{token}

The token holds the URL, the party that it belongs to, the party that may use it, and until when. The signature also
covers what the token does not hold because it is known where it is used: the kind of URL, and the platforms that the
two parties live on. A token is worthless at another place, to another platform, and once one of the parties moves.

OCPI's URLs have 255 characters at most, so each byte counts: a URL that is not short is deflated with a dictionary of
what URLs of OCPI are made of, and the signature is cut to 128 bits. The dictionary is part of the format: another one
is another `_DEFLATED`.
"""

import hmac
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from kit.crypto import KeyRing
from ocpi.headers import Party

LONGEST_ID = 39
"""No identifier of OCPI is longer, and every token is: what is longer cannot be an id of ours."""
LONGEST_URL = 2000

_PURPOSE = "ocpi-callback"
_DEFLATED, _PLAIN = 1, 2
"""The formats: how the URL is packed."""
_SHORT_URL = 80
"""Up to so many bytes a URL goes in as it is: deflating takes longer than all the rest of a signature."""
_MAC_BYTES = 16
_FIXED = 15  # format, expiry, two parties
_NEVER = 2**32 - 1
_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,3000}")
_DICTIONARY = (
    b"0123456789abcdef-request_id=correlation_id=uid=token=next=cursor=page=callback/response/result/async/"
    b"2026-01-01T00:00:00Z&date_to=?date_from=?offset=&limit=100tokens/tariffs/locations/sessions/cdrs/"
    b"active_profile_result/set_profile_result/clear_profile_result/chargingprofiles/receiver/sender/"
    b"CANCEL_RESERVATION/UNLOCK_CONNECTOR/RESERVE_NOW/STOP_SESSION/START_SESSION/commands/"
    b".ocpi.roaming.cloud.io.eu.fr.be.de.nl.net.com/api/ocpi/cpo/2.1.1/emsp/2.3.0/msp/2.2/ocpi/2.2.1/emsp/commands/"
    b"http://127.0.0.1:http://https://ocpi.https://api.https://www."
)


@dataclass(frozen=True, slots=True)
class Callback:
    """What a token says: the `url` of a partner, its `owner`, the party that may use it (`user`), and until when."""

    url: str
    owner: Party
    user: Party
    expires_at: datetime


def sign(keys: KeyRing, callback: Callback, *, kind: str, owner_platform: str, user_platform: str) -> str:
    """The token for a URL, fit for a segment of a path. `kind` says where it will be used.

    Raises ValueError for a URL that is too long or not ASCII.
    """
    url = callback.url.encode("ascii")
    if len(url) > LONGEST_URL:
        raise ValueError("the URL is too long to be signed")
    is_short = len(url) <= _SHORT_URL
    payload = b"".join(
        (
            bytes((_PLAIN if is_short else _DEFLATED,)),
            min(int(callback.expires_at.timestamp()), _NEVER).to_bytes(4, "big"),
            _packed(callback.owner),
            _packed(callback.user),
            url if is_short else _deflated(url),
        )
    )
    mac = bytes.fromhex(keys.digest(_PURPOSE, _signed(payload, kind, owner_platform, user_platform)))
    return urlsafe_b64encode(mac[:_MAC_BYTES] + payload).decode().rstrip("=")


def verify(
    keys: KeyRing,
    token: str,
    *,
    kind: str,
    user_platform: str,
    home_of: Callable[[Party], str | None],
    now: datetime,
) -> Callback | None:
    """What a token says when `user_platform` uses it as this `kind`; None when it may not.

    `home_of` gives the platform that a partner's party lives on. Tokens of every key of the ring are good.
    """
    octets = _decoded(token)
    if octets is None:
        return None
    mac, payload = octets[:_MAC_BYTES], octets[_MAC_BYTES:]
    owner, user = _unpacked(payload[5:10]), _unpacked(payload[10:15])
    owner_platform = home_of(owner)
    if owner_platform is None:
        return None
    signed = _signed(payload, kind, owner_platform, user_platform)
    good = [bytes.fromhex(digest)[:_MAC_BYTES] for digest in keys.digests(_PURPOSE, signed)]
    matches = [hmac.compare_digest(mac, each) for each in good]
    if not any(matches):
        return None
    expires_at = datetime.fromtimestamp(int.from_bytes(payload[1:5], "big"), UTC)
    if home_of(user) != user_platform or expires_at <= now:
        return None
    url = payload[_FIXED:] if payload[0] == _PLAIN else _inflated(payload[_FIXED:])
    return Callback(url.decode(), owner, user, expires_at)


def _deflated(url: bytes) -> bytes:
    # A window of 4 KiB holds the dictionary and any URL. zlib's usual memory is so large that clearing it takes ten
    # times as long as the work.
    deflate = zlib.compressobj(9, wbits=-12, memLevel=4, zdict=_DICTIONARY)
    return deflate.compress(url) + deflate.flush()


def _inflated(octets: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15, zdict=_DICTIONARY).decompress(octets, LONGEST_URL)


def _signed(payload: bytes, kind: str, owner_platform: str, user_platform: str) -> str:
    """Everything that the signature covers; no part can hold a line feed."""
    return "\n".join((kind, owner_platform, user_platform, payload.hex()))


def _decoded(token: str) -> bytes | None:
    if not _TOKEN.fullmatch(token) or len(token) % 4 == 1:
        return None
    octets = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return octets if len(octets) > _MAC_BYTES + _FIXED and octets[_MAC_BYTES] in (_DEFLATED, _PLAIN) else None


def _packed(party: Party) -> bytes:
    return f"{party.country_code.upper():<2}{party.party_id.upper():<3}".encode("ascii")


def _unpacked(octets: bytes) -> Party:
    text = octets.decode("latin-1")
    return Party(text[:2].rstrip(), text[2:].rstrip())
