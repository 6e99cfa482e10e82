"""Small readers of payload values that the versions share: texts, integers, times and the key of a message. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from csms.schemas import Fault, SchemaViolation
from csms.station import Command, CommandOutcome, CommandStatus, RawCall

LARGEST_INT32 = 2**31 - 1


def clean(text: object, longest: int) -> str | None:
    """A text for a column: no NUL characters, cut to its length; None when there is nothing."""
    if text is None:
        return None
    return str(text).replace("\x00", "")[:longest] or None


def small_int(payload: Mapping[str, Any], key: str) -> int:
    """A required integer that numbers something: 0 to 2³¹−1. Raises `SchemaViolation`."""
    value = optional_int(payload.get(key))
    if value is None:
        raise SchemaViolation(Fault.OUT_OF_RANGE, f"{key}: out of range")
    return value


def optional_int(value: object) -> int | None:
    """An integer from 0 to 2³¹−1, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_INT32:
        return None
    return int(value)


def fact_key(action: str, payload: Mapping[str, Any], at: datetime | None) -> str:
    """The same for the same message sent again, under whatever message id: its time and a digest of what it says.

    The time comes first so that new keys lie together at the end of an index. Raises `SchemaViolation`.
    """
    try:
        digest = blake2b(orjson.dumps((action, payload)), digest_size=12).hexdigest()
    except TypeError:
        raise SchemaViolation(Fault.UNREADABLE, "the payload is nested too deeply") from None
    seconds = 0 if at is None else int(at.timestamp()) & 0xFFFFFFFF
    return f"{seconds:08x}{digest}"


def utc_text(moment: datetime) -> str:
    """A time as both versions want it: UTC with `Z`, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def without_none(**values: object) -> dict[str, Any]:
    """A payload of what there is."""
    return {key: value for key, value in values.items() if value is not None}


def read_outcome(words: Mapping[str, CommandStatus], command: Command, payload: dict[str, Any]) -> CommandOutcome:
    """What the answer to a command means, by its `status`; an unknown word is a refusal.

    A raw call that was answered is accepted, whatever the answer says: its sender reads it.
    """
    status = payload.get("status")
    word = status if isinstance(status, str) else ""
    if isinstance(command, RawCall):
        return CommandOutcome(CommandStatus.ACCEPTED, word, payload)
    return CommandOutcome(words.get(word, CommandStatus.REJECTED), word, payload)
