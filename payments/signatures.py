"""Stripe's webhook signatures, version 1: `Stripe-Signature: t=<seconds>,v1=<hex>[,v1=<hex>…]`. Pure.

The signed text is the time, a full stop and the body, byte for byte. While a secret is being exchanged a body is signed
with both, and either side may know both.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from kit.errors import BadRequest

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be from ours: an old one is a replay."""

_LONGEST_HEADER = 4096
_MOST_SIGNATURES = 16


class BadSignature(BadRequest):
    """Not signed by the provider, or not lately. What was wrong with it is not told."""

    code, title = "bad_signature", "The signature does not fit"


def sign(body: bytes, secrets: Sequence[str], at: datetime) -> str:
    """The header for a body."""
    seconds = int(at.timestamp())
    return ",".join([f"t={seconds}", *(f"v1={_digest(body, secret, seconds)}" for secret in secrets)])


def verify(
    body: bytes, header: str | None, secrets: Sequence[str], *, now: datetime, tolerance: timedelta = TOLERANCE
) -> None:
    """Raise `BadSignature` unless one of our secrets made one of the signatures, and that lately."""
    seconds, told = _read(header)
    known = [_digest(body, secret, seconds) for secret in secrets if secret.strip()]
    # Every pair is compared, whatever fits: how long it takes says nothing.
    fits = [hmac.compare_digest(ours.encode(), theirs.encode()) for ours in known for theirs in told]
    if not any(fits) or abs(now.timestamp() - seconds) > tolerance.total_seconds():
        raise BadSignature


def _read(header: str | None) -> tuple[int, list[str]]:
    if not header or len(header) > _LONGEST_HEADER:
        raise BadSignature
    seconds: list[int] = []
    told: list[str] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            if not (value.isascii() and value.isdigit() and len(value) <= 12):
                raise BadSignature
            seconds.append(int(value))
        elif name == "v1":
            told.append(value)
    if len(seconds) != 1 or not 0 < len(told) <= _MOST_SIGNATURES:
        raise BadSignature
    return seconds[0], told


def _digest(body: bytes, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), b"%d." % seconds + body, sha256).hexdigest()
