"""Objects of our own that rules send: whole, valid, and told apart by the id of the run."""

from collections.abc import Callable
from datetime import timedelta

from ocpi.datetimes import format_datetime
from ocpi.headers import Party
from simulators.conformance.session import Session
from simulators.partner import samples
from simulators.partner.documents import Place
from simulators.partner.state import Json


def token(session: Session) -> Json:
    """A card of ours, or of an eMSP of the platform's when we have none ourselves."""
    made = samples.token(session.us.party, 1, session.now())
    return {**made, "uid": session.id("CARD"), "visual_number": "0001"}


def location(session: Session) -> Json:
    """A location with EVSEs that nobody else has."""
    made = samples.location(session.us.party, 1, session.now())
    evses = [{**evse, "uid": session.id(f"E{number}")} for number, evse in enumerate(made["evses"], 1)]
    return {**made, "publish": False, "evses": [{**evse, "last_updated": past(session)} for evse in evses]}


def tariff(session: Session) -> Json:
    """A tariff."""
    return {**samples.tariff(session.us.party, 1, session.now()), "tariff_alt_url": "https://tariffs.example/1"}


def running_session(session: Session) -> Json:
    """A session that runs, of a driver of the platform."""
    made, _ = _charged(session)
    gone = ("end_date_time", "total_cost")
    kept = {name: value for name, value in made.items() if name not in gone}
    return {**kept, "status": "ACTIVE", "kwh": 1.5, "meter_id": "METER-1"}


def cdr(session: Session, name: str) -> Json:
    """A CDR of the same driver."""
    _, made = _charged(session)
    return {**made, "id": session.id(name), "session_id": session.id(f"{name}-S")}


MAKERS: dict[str, Callable[[Session], Json]] = {
    "locations": location,
    "tariffs": tariff,
    "sessions": running_session,
    "tokens": token,
}
"""What makes an object, by module."""


def period(session: Session, volume: float) -> Json:
    """A charging period that begins now."""
    dimensions = [{"type": "ENERGY", "volume": volume}]
    return {"start_date_time": format_datetime(session.now() - timedelta(minutes=1)), "dimensions": dimensions}


def past(session: Session) -> str:
    """A minute ago."""
    return format_datetime(session.now() - timedelta(minutes=1))


def _charged(session: Session) -> tuple[Json, Json]:
    emsp = session.peer.party("EMSP") or Party("NL", "XXX")
    place = samples.location(session.us.party, 1, session.now())
    price = tariff(session)
    card = {**samples.token(emsp, 1, session.now()), "uid": session.id("DRIVER")}
    return samples.charged(session.us.party, Place(place, place["evses"][0]), price, card, 1, session.now())
