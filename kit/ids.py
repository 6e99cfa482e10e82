"""Identifiers and secrets that the house makes itself."""

import secrets
from base64 import b32encode
from datetime import UTC, datetime, timedelta

import uuid_utils

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def uuid7() -> str:
    """A new UUID of version 7: 36 characters, ordered by the time it was made, increasing within a process.

    It fits wherever a protocol allows an identifier of 36 characters. It tells its time of birth: not for secrets.
    """
    return str(uuid_utils.uuid7())


def random_token(nbytes: int = 32) -> str:
    """A secret of so many random bytes (16 at least), written with the 64 URL-safe characters."""
    if nbytes < 16:
        raise ValueError("a secret of fewer than 16 bytes can be guessed")
    return secrets.token_urlsafe(nbytes)


def short_token() -> str:
    """An identifier of 96 random bits in 20 characters, A to Z and 2 to 7: no reader or charger takes less."""
    return b32encode(secrets.token_bytes(12)).decode().rstrip("=")


def first_id(moment: datetime) -> str:
    """Where ids begin, 14 hexadecimal digits, that start with the microsecond of this moment."""
    return f"{max(0, round(moment.astimezone(UTC).timestamp() * 1_000_000)):014x}"


def moment_of(made_id: str) -> datetime:
    """The moment that such an id begins with, aware UTC."""
    return _EPOCH + timedelta(microseconds=int(made_id[:14], 16))
