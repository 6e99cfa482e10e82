"""Rules of what the platform sends us of its own accord while we are registered."""

from datetime import datetime

import orjson

from ocpi.datetimes import parse_datetime
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session
from simulators.partner.state import Pushed

_MODULES = ("locations", "tariffs", "sessions", "cdrs", "tokens", "hubclientinfo")


@rule("pushes.once", "4.1.3", "nothing is sent twice that was taken", stage=Stage.REVIEW)
async def once(session: Session) -> None:
    seen: set[tuple[object, ...]] = set()
    for push in _pushes(session):
        key = (push.verb, push.module, push.path, orjson.dumps(push.body, option=orjson.OPT_SORT_KEYS))
        if key in seen:
            raise Violation(f"{push.verb} {push.module} {'/'.join(push.path)} came twice")
        seen.add(key)


@rule("pushes.in-order", "9.1.1", "an object never goes back in time", stage=Stage.REVIEW)
async def in_order(session: Session) -> None:
    newest: dict[tuple[object, ...], datetime] = {}
    for push in _pushes(session):
        told = parse_datetime(str((push.body or {})["last_updated"])) if "last_updated" in (push.body or {}) else None
        key = (push.module, push.path)
        if told is None or push.verb == "POST":
            continue
        if key in newest and told < newest[key]:
            raise Violation(f"{push.verb} {push.module} {'/'.join(push.path)} is older than what came before it")
        newest[key] = told


@rule("pushes.clock", "4.1.3", "nothing that is sent is from the future", stage=Stage.REVIEW)
async def clock(session: Session) -> None:
    for push in _pushes(session):
        text = (push.body or {}).get("last_updated")
        if text and (parse_datetime(text) - session.now()).total_seconds() > 300:
            raise Violation(f"{push.verb} {push.module} {'/'.join(push.path)} is from {text}")


def _pushes(session: Session) -> list[Pushed]:
    pushed = [push for push in session.us.state.pushed if push.module in _MODULES]
    if not pushed:
        raise NotApplicable("the platform sent nothing of its own accord")
    return pushed
