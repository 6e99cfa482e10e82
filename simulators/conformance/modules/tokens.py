"""Rules of the tokens module (chapter 12) besides those of lists and of whole objects: real-time authorization."""

from ocpi.endpoint import Interface
from ocpi.paging import with_query
from ocpi.v221.tokens import AuthorizationInfo
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_ok, expect_valid

_SENDER = (("tokens", Interface.SENDER),)
_CPO = frozenset({"CPO"})


@rule(
    "tokens.authorize",
    "12.2.2.2",
    "a token that is known is answered with AuthorizationInfo",
    roles=_CPO,
    needs=_SENDER,
)
async def authorize(session: Session) -> None:
    uid = session.token_uid or next(
        (each["uid"] for each in session.lists.get("tokens", []) if each.get("type") == "RFID" and each.get("uid")),
        None,
    )
    if uid is None:
        raise NotApplicable("the platform lists no RFID token; name one with --token-uid")
    answer = expect_ok(await session.peer.request("POST", _url(session, uid)))
    expect_valid(AuthorizationInfo, answer.data, answer)
    if answer.data["token"]["uid"].casefold() != uid.casefold():
        raise Violation("that is another token", answer)


@rule("tokens.authorize-unknown", "12.2.2.2", "an unknown token is HTTP 404 or 2004", roles=_CPO, needs=_SENDER)
async def authorize_unknown(session: Session) -> None:
    answer = await session.peer.request("POST", _url(session, session.id("NOBODY")))
    if answer.http_status != 404 and answer.code != 2004:
        raise Violation("HTTP 404 or status_code 2004 is due", answer)


def _url(session: Session, uid: str) -> str:
    return with_query(session.peer.url("tokens", Interface.SENDER, uid, "authorize"), type="RFID")
