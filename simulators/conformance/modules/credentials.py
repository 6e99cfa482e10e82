"""Rules of the credentials module (chapter 7): who may register, what tokens are good for, and when they end."""

from typing import Any

from kit.ids import random_token
from ocpi.endpoint import Interface
from ocpi.types import to_json
from ocpi.v221.credentials import Credentials
from simulators.conformance.exchange import Exchange
from simulators.conformance.outcomes import NotApplicable, Skipped, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_http, expect_ok, expect_refused, expect_valid
from simulators.partner.state import Link

_SIDE = Interface.SENDER


@rule(
    "credentials.registration-token", "4.1.2", "a registration token opens nothing else: HTTP 401", stage=Stage.INVITED
)
async def registration_token(session: Session) -> None:
    lists = ((module, url) for (module, side), url in session.peer.endpoints.items() if side is _SIDE)
    url = next((url for module, url in lists if module in ("locations", "tariffs", "tokens", "hubclientinfo")), None)
    if url is None:
        raise NotApplicable("the platform has no list to ask for")
    expect_http(await session.peer.request("GET", url), 401)


@rule("credentials.put-unregistered", "7.2.3", "PUT before registration is HTTP 405", stage=Stage.INVITED)
async def put_unregistered(session: Session) -> None:
    expect_http(await _send(session, "PUT", random_token()), 405)


@rule("credentials.delete-unregistered", "7.2.4", "DELETE before registration is HTTP 405", stage=Stage.INVITED)
async def delete_unregistered(session: Session) -> None:
    expect_http(await _send(session, "DELETE"), 405)


@rule("credentials.post", "7.2.2", "POST registers and returns credentials with a new token", stage=Stage.REGISTERING)
async def post(session: Session) -> None:
    session.notes["token_a"] = session.peer.token
    session.us.state.visits.clear()
    await _take(session, "POST")


@rule("credentials.call-back", "7.1.1", "the platform fetches our versions with our token", stage=Stage.REGISTERING)
async def call_back(session: Session) -> None:
    if "versions" not in session.us.state.visits:
        raise Violation("nobody came for our versions")


@rule("credentials.token-a-ends", "7.1.1", "the registration token ends with the registration", stage=Stage.REGISTERING)
async def token_a_ends(session: Session) -> None:
    answer = await session.peer.request("GET", session.peer.versions_url, token=session.notes["token_a"], routed=False)
    expect_http(answer, 401)


@rule("credentials.post-registered", "7.2.2", "POST by one who is registered is HTTP 405", stage=Stage.REGISTERING)
async def post_registered(session: Session) -> None:
    answer = await _send(session, "POST", _current(session))
    if answer.ok and isinstance(answer.data, dict) and "token" in answer.data:
        session.peer.token = answer.data["token"]  # it took us anew: without its new token we would be locked out
    expect_http(answer, 405)


@rule("credentials.get", "7.2.1", "GET returns the platform's credentials", stage=Stage.RENEWING)
async def get(session: Session) -> None:
    answer = expect_ok(await _send(session, "GET"))
    expect_valid(Credentials, answer.data, answer)


@rule("credentials.put", "7.2.3", "PUT returns a new token that is good", stage=Stage.RENEWING)
async def put(session: Session) -> None:
    before = session.peer.token
    session.notes["old_token"] = before
    answer = await _take(session, "PUT")
    if session.peer.token == before:
        raise Violation("the token is the old one", answer)
    expect_ok(await session.peer.request("GET", session.peer.versions_url, routed=False))


@rule("credentials.old-token-ends", "7.2.3", "once the new token is in use the old one ends", stage=Stage.RENEWING)
async def old_token_ends(session: Session) -> None:
    old = session.notes.get("old_token")
    if old is None or old == session.peer.token:
        raise Skipped("there is no new token")
    expect_http(await session.peer.request("GET", session.peer.versions_url, token=old, routed=False), 401)


@rule("credentials.delete", "7.2.4", "DELETE ends the registration", stage=Stage.LEAVING)
async def delete(session: Session) -> None:
    expect_ok(await _send(session, "DELETE"))
    session.notes["left"] = True
    session.us.state.link = None


@rule("credentials.deleted", "7.2.4", "after DELETE the token opens nothing", stage=Stage.LEAVING)
async def deleted(session: Session) -> None:
    if "left" not in session.notes:
        raise Skipped("we are still registered")
    expect_refused(await session.peer.request("GET", session.peer.versions_url, routed=False))


async def _take(session: Session, method: str) -> Exchange:
    """Exchange credentials and use the platform's from then on. Raises `Violation`."""
    ours, state = random_token(), session.us.state
    state.registration_tokens.add(ours)
    answer = expect_ok(await _send(session, method, ours))
    expect_valid(Credentials, answer.data, answer)
    theirs: dict[str, Any] = answer.data
    session.peer.token, session.peer.roles = theirs["token"], theirs["roles"]
    state.link = Link(session.peer.endpoints, theirs["token"], ours, session.peer.versions_url, theirs["roles"])
    state.registration_tokens.clear()
    return answer


async def _send(session: Session, method: str, token: str | None = None) -> Exchange:
    """A request to the credentials endpoint, with our credentials when they have a token."""
    body = None if token is None else to_json(session.us.hub.credentials(token))
    return await session.peer.request(method, session.peer.url("credentials", _SIDE), body, routed=False)


def _current(session: Session) -> str:
    link = session.us.state.link
    if link is None:
        raise Skipped("we are not registered")
    return link.token_in
