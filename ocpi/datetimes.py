"""OCPI DateTime: an RFC 3339 instant in UTC, at most milliseconds fine (types, section DateTime).

Read with care and written in one spelling: `2018-01-01T01:08:01.123Z`, the fraction only when there is one. What a
peer sends finer than a millisecond is cut on reading, so that an instant that was read equals the instant that is
written. `+00:00` is read as UTC although the specification forbids it; any other offset is refused.
Months and days of one digit are read too: the CDRs chapter itself prescribes `1970-1-1T00:00:00Z` for unknown times.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

_PATTERN = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:[Zz]|\+00:00)?"
)

_MAX_LENGTH = 36
"""Of a text that can be one."""


def parse_datetime(text: str) -> datetime:
    """Read an OCPI DateTime as an aware UTC datetime.

    Raises ValueError with a text that does not repeat the input.
    """
    return _parsed(text) if len(text) <= _MAX_LENGTH else _parsed("")


@lru_cache(maxsize=4096)  # an object and its parts, and those of one list, share most of their times
def _parsed(text: str) -> datetime:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError("not an OCPI DateTime: UTC as YYYY-MM-DDThh:mm:ss[.sss][Z] is expected")
    year, month, day, hour, minute, second, fraction = match.groups()
    milliseconds = int(fraction[:3].ljust(3, "0")) if fraction else 0
    try:
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), milliseconds * 1000, tzinfo=UTC
        )
    except ValueError:
        raise ValueError("not an OCPI DateTime: no such date or time of day") from None


def normal_datetime(moment: datetime) -> datetime:
    """The same instant in UTC, cut to milliseconds. Raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a datetime without a time zone names no instant")
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def format_datetime(moment: datetime) -> str:
    """Write an aware datetime as OCPI wants it, with `Z` and at most milliseconds."""
    moment = moment.astimezone(UTC)
    finest = "milliseconds" if moment.microsecond >= 1000 else "seconds"  # cuts, never rounds
    return f"{moment.isoformat(timespec=finest)[:-6]}Z"
