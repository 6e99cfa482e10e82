"""Rules of hubs (4.1.8 and 5.4); they say nothing about a platform that is none."""

from ocpi.endpoint import Interface
from ocpi.headers import Party
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_code, expect_ok

NOBODY = Party("ZZ", "ZZZ")


@rule("hub.unknown-receiver", "5.4", "a message to a party that nobody knows is 4001")
async def unknown_receiver(session: Session) -> None:
    _hub(session)
    expect_code(await session.peer.request("GET", _list_url(session), to=NOBODY), 4001)


@rule("hub.get-all", "4.1.8.5", "a list that is asked of the hub itself is answered by the hub")
async def get_all(session: Session) -> None:
    answer = expect_ok(await session.peer.request("GET", _list_url(session), to=_hub(session)))
    if not isinstance(answer.data, list):
        raise Violation("the data is no list", answer)


@rule(
    "hub.client-info-self", "15.2.2", "client info does not list who asks", needs=(("hubclientinfo", Interface.SENDER),)
)
async def client_info_self(session: Session) -> None:
    _hub(session)
    url = session.peer.url("hubclientinfo", Interface.SENDER)
    answer = expect_ok(await session.peer.request("GET", url, routed=False))
    ours = [each for each in answer.data or [] if Party(each["country_code"], each["party_id"]) == session.us.party]
    if ours:
        raise Violation("our own party is listed", answer)


def _hub(session: Session) -> Party:
    party = session.peer.party("HUB")
    if party is None:
        raise NotApplicable("the platform is no hub")
    return party


def _list_url(session: Session) -> str:
    module = "tokens" if session.role == "CPO" else "locations"
    if (module, Interface.SENDER) not in session.peer.endpoints:
        raise NotApplicable(f"the platform lists no {module}")
    return session.peer.url(module, Interface.SENDER)
