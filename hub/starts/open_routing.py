"""Open routing: who a message is for that names nobody, by what it is about and what the hub keeps of the partners.

    command, by location      START_SESSION RESERVE_NOW UNLOCK_CONNECTOR   the CPO of the location
    command, by session       STOP_SESSION                                 the CPO of the session
    command, by reservation   CANCEL_RESERVATION                           the CPO that it was made at
    session                   charging profiles, charging preferences      the CPO of the session
    active charging profile   from the CPO                                 who set the profile, else the driver's eMSP

Our own objects come first. Only what the sender may see counts; where several parties are left, it must name one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.locations import service as locations
from hub.locations import tree
from hub.parties import profile_setters, reservations
from hub.parties.callers import Caller, caller
from hub.parties.forward import Resolver
from hub.parties.objects import OcpiObject, may_see
from hub.parties.routing import Subject
from hub.sessions.tables import Session, with_id
from kit.tx import Database, Tx
from ocpi.call import Call
from ocpi.endpoint import Interface
from ocpi.envelope import parse_json
from ocpi.errors import InvalidParameters
from ocpi.headers import Party

Json = dict[str, Any]


class OpenRouting:
    """Finds receivers. None stands for us: our own handler does what is asked, or says what is unknown."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def resolvers(self) -> Mapping[Subject, Resolver]:
        """How each subject is resolved here. Drivers and tokens are not: their messages are answered by us."""
        return {Subject.COMMAND: self.command, Subject.SESSION: self.session}

    async def command(self, call: Call) -> Party | None:
        """The CPO that a command is for. Raises `InvalidParameters` when it may be several."""
        parsed = parse_json(call.raw)
        body: Json = parsed if isinstance(parsed, dict) else {}
        async with self._db.read() as tx:
            if call.level == "STOP_SESSION":
                return await _owner_of_session(tx, caller(call), _text(body, "session_id"))
            if call.level == "CANCEL_RESERVATION":
                return await _cpo_of_reservation(tx, call, _text(body, "reservation_id"))
            return await _owner_of_location(tx, caller(call), body)

    async def session(self, call: Call) -> Party | None:
        """The other party of a session. Raises `InvalidParameters` when it may be several."""
        session_id = call.path["session_id"]
        async with self._db.read() as tx:
            if call.module == "chargingprofiles" and call.interface is Interface.SENDER:
                return await _setter(tx, call, session_id)
            return await _owner_of_session(tx, caller(call), session_id)


async def _owner_of_location(tx: Tx, who: Caller, body: Json) -> Party | None:
    stored = await locations.with_id(tx, _text(body, "location_id"))
    rows = [row for row in stored if row.platform_id is None or may_see(row, who.viewer)]
    evse_uid = _text(body, "evse_uid")
    if len(rows) > 1 and evse_uid:
        rows = [row for row in rows if tree.evse(row.body(), evse_uid) is not None] or rows
    return _owner(rows, "/location_id")


async def _owner_of_session(tx: Tx, who: Caller, session_id: str) -> Party | None:
    rows = [row for row in await with_id(tx, session_id) if row.audience in who.viewer.parties]
    return _owner(rows, "session_id")


async def _cpo_of_reservation(tx: Tx, call: Call, reservation_id: str) -> Party | None:
    viewer = caller(call).viewer
    known = await reservations.known(
        tx, platform_id=viewer.platform_id, emsps=_speaking(call), reservation_id=reservation_id
    )
    return _only({_party(each.cpo) for each in known}, "/reservation_id")


async def _setter(tx: Tx, call: Call, session_id: str) -> Party | None:
    """Who is told of the active profile of a session at the caller's charger."""
    cpos = _speaking(call)
    found = await profile_setters.setters(tx, cpos, session_id)
    if not found:
        sessions = [row for row in await with_id(tx, session_id) if _is_of(row, cpos)]
        found = {_party(row.audience) for row in sessions if row.audience is not None}
    return _only(found, "session_id")


def _is_of(row: Session, parties: Iterable[str]) -> bool:
    return f"{row.country_code}*{row.party_id}" in parties


def _speaking(call: Call) -> tuple[str, ...]:
    """The parties, `CC*PID`, that the call may come from: the one that it names, or all of the platform."""
    speaker = call.headers.from_party
    return (speaker.key,) if speaker is not None else caller(call).viewer.parties


def _owner(rows: Iterable[OcpiObject], name: str) -> Party | None:
    """The one owner of objects of one id; None for our own, which come first, and for no objects."""
    rows = list(rows)
    if not rows or rows[0].platform_id is None:
        return None
    return _only({Party(row.country_code, row.party_id) for row in rows}, name)


def _only(found: set[Party], name: str) -> Party | None:
    if len(found) > 1:
        raise InvalidParameters(f"{name}: several parties have that id, so name one of them with OCPI-to")
    return next(iter(found), None)


def _party(key: str) -> Party:
    country_code, _, party_id = key.partition("*")
    return Party(country_code, party_id)


def _text(body: Json, name: str) -> str:
    """A string of a body that is not checked yet; empty, which names nothing, for anything else."""
    value = body.get(name)
    return value if isinstance(value, str) else ""
