"""Rules of the locations module (chapter 8) besides those of lists and of whole objects."""

from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface
from ocpi.types import OcpiModel
from ocpi.v221.locations import Connector, Evse, Location
from simulators.conformance.modules import samples
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import (
    Session,
    expect_http,
    expect_ok,
    expect_same,
    expect_valid,
    found_in,
)
from simulators.partner.state import Json

_SENDER, _RECEIVER = (("locations", Interface.SENDER),), (("locations", Interface.RECEIVER),)
_MAPS, _CPO = frozenset({"EMSP", "NSP"}), frozenset({"CPO"})


@rule("locations.get", "8.2.1.1", "a location, an EVSE and a connector are read by id", roles=_MAPS, needs=_SENDER)
async def get(session: Session) -> None:
    location = next((each for each in found_in(session, "locations") if each.get("evses")), None)
    if location is None:
        raise NotApplicable("no location in the list has an EVSE")
    evse = location["evses"][0]
    levels: tuple[tuple[type[OcpiModel], str, tuple[str, ...]], ...] = (
        (Location, "id", (location["id"],)),
        (Evse, "uid", (location["id"], evse["uid"])),
        (Connector, "id", (location["id"], evse["uid"], evse["connectors"][0]["id"])),
    )
    for model, name, path in levels:
        answer = expect_ok(await session.peer.request("GET", session.peer.url("locations", Interface.SENDER, *path)))
        expect_valid(model, answer.data, answer)
        if str(answer.data[name]).casefold() != path[-1].casefold():
            raise Violation("that is another object", answer)


@rule("locations.get-missing", "8.2.1.1", "a location that is not there is HTTP 404", roles=_MAPS, needs=_SENDER)
async def get_missing(session: Session) -> None:
    url = session.peer.url("locations", Interface.SENDER, session.id("NOWHERE"))
    expect_http(await session.peer.request("GET", url), 404)


@rule("locations.evse", "8.2.2.2", "an EVSE is put and patched by itself", roles=_CPO, needs=_RECEIVER)
async def evse(session: Session) -> None:
    location = await _put(session, "EVSES")
    new = {**location["evses"][0], "uid": session.id("NEW"), "last_updated": session.stamp()}
    url = session.peer.url("locations", Interface.RECEIVER, *session.owner, location["id"], new["uid"])
    expect_ok(await session.peer.request("PUT", url, new))
    expect_same(new, expect_ok(await session.peer.request("GET", url)))
    change = {"status": "CHARGING", "last_updated": session.stamp()}
    expect_ok(await session.peer.request("PATCH", url, change))
    expect_same({**new, **change}, expect_ok(await session.peer.request("GET", url)))


@rule("locations.connector", "8.2.2.2", "a connector is put and patched by itself", roles=_CPO, needs=_RECEIVER)
async def connector(session: Session) -> None:
    location = await _put(session, "CONNECTORS")
    evse = location["evses"][0]
    new = {**evse["connectors"][0], "id": "2", "last_updated": session.stamp()}
    path = (*session.owner, location["id"], evse["uid"], new["id"])
    url = session.peer.url("locations", Interface.RECEIVER, *path)
    expect_ok(await session.peer.request("PUT", url, new))
    change = {"max_amperage": 16, "last_updated": session.stamp()}
    expect_ok(await session.peer.request("PATCH", url, change))
    expect_same({**new, **change}, expect_ok(await session.peer.request("GET", url)))


@rule("locations.parents", "8.2.2.2", "a newer part makes what holds it newer", roles=_CPO, needs=_RECEIVER)
async def parents(session: Session) -> None:
    location = await _put(session, "PARENTS")
    evse = {**location["evses"][0], "status": "BLOCKED", "last_updated": format_datetime(session.now())}
    url = session.peer.url("locations", Interface.RECEIVER, *session.owner, location["id"])
    expect_ok(await session.peer.request("PUT", f"{url}/{evse['uid']}", evse))
    held = expect_ok(await session.peer.request("GET", url))
    expect_same({"last_updated": evse["last_updated"]}, held)


async def _put(session: Session, name: str) -> Json:
    """A location of ours at the platform, with EVSEs of its own, from a minute ago."""
    made = samples.location(session)
    evses = [{**evse, "uid": f"{session.id(name)}{number}"} for number, evse in enumerate(made["evses"])]
    past = samples.past(session)
    location = {**made, "id": session.id(name), "evses": evses, "last_updated": past}
    url = session.peer.url("locations", Interface.RECEIVER, *session.owner, location["id"])
    expect_ok(await session.peer.request("PUT", url, location))
    return location
