"""The one session that a run starts: rules of several modules look at it while it runs."""

from simulators.conformance.outcomes import Skipped, Violation
from simulators.conformance.session import Session
from simulators.partner.state import Json


def started(session: Session) -> None:
    """Raises `Skipped`, with the platform's answer, when no session was started."""
    answer = session.notes.get("START_SESSION")
    if answer != "ACCEPTED":
        raise Skipped(f"no session was started: the answer was {answer}" if answer else "no session was started")


async def running(session: Session) -> Json:
    """Our session as the platform told it. Raises `Skipped` without one, `Violation` when it was not told."""
    started(session)
    told = await session.eventually(lambda: _told(session))
    if not told:
        raise Violation("START_SESSION was accepted, and no session was told")
    found: Json = told[0]
    if found["status"] != "ACTIVE":
        raise Skipped(f"the session is {found['status']} already")
    return found


def charger_of(session: Session, charging: Json) -> Json:
    """The EVSE of a session as the platform lists it; empty when it is not listed."""
    wanted = charging["location_id"], charging["evse_uid"]
    listed = (
        ((location["id"], evse["uid"]), evse)
        for location in session.lists.get("locations", [])
        for evse in location.get("evses") or []
    )
    found: Json = next((evse for place, evse in listed if place == wanted), {})
    return found


def is_over(session: Session) -> bool:
    """Whether the platform has told the end of our session."""
    return any(each["status"] != "ACTIVE" for each in _told(session))


def _told(session: Session) -> list[Json]:
    """Our session once it has begun: PENDING is before that."""
    uid = session.id("CARD")
    told = session.us.state.sessions.values()
    return [each for each in told if each["cdr_token"]["uid"] == uid and each["status"] != "PENDING"]
