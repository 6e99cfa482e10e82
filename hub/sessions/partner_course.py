"""How far a partner's session has come, by the charging periods that its CPO tells."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.sessions.documents import Course, Stretch
from hub.sessions.service import energy_wh
from hub.sessions.tables import Session
from ocpi.datetimes import parse_datetime

Json = dict[str, Any]


def course_of_partner(session: Session, *, now: datetime) -> Course:
    """How far a partner's session has come, by what it last said; a running one is taken to last until `now`."""
    body = session.body()
    end = session.ended_at or max(now, session.started_at)
    periods = body.get("charging_periods") or []
    stretches = _stretches(periods, end) or [Stretch(session.started_at, end, session.energy_wh, parked=False)]
    return Course(session.started_at, session.ended_at, session.energy_wh, stretches)


def _stretches(periods: Sequence[Json], end: datetime) -> list[Stretch]:
    """The charging periods of a partner: each lasts until the next one, or the end."""
    starts = [parse_datetime(period["start_date_time"]) for period in periods]
    ends = [*starts[1:], end]
    return [
        _stretch(period["dimensions"], start, until)
        for period, start, until in zip(periods, starts, ends, strict=False)
    ]


def _stretch(dimensions: list[Json], start: datetime, end: datetime) -> Stretch:
    volumes = {dimension["type"]: dimension["volume"] for dimension in dimensions}
    energy, parked = energy_wh(volumes.get("ENERGY", 0)), "PARKING_TIME" in volumes
    return Stretch(start, end, energy, parked, reserved=volumes.keys() == {"RESERVATION_TIME"})
