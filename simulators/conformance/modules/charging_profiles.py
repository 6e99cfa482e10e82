"""Rules of the charging profiles module (chapter 14)."""

from ocpi.endpoint import Interface
from ocpi.paging import with_query
from ocpi.v221.charging_profiles import ChargingProfileResponse
from simulators.conformance.outcomes import Violation
from simulators.conformance.registry import rule
from simulators.conformance.session import Session, expect_refused, expect_valid

_RECEIVER = (("chargingprofiles", Interface.RECEIVER),)
_ROLES = frozenset({"EMSP", "SCSP"})
_PROFILE = {"charging_rate_unit": "W", "charging_profile_period": [{"start_period": 0, "limit": 7400.0}]}


@rule(
    "chargingprofiles.unknown-session",
    "14.4.1.2",
    "a profile for an unknown session is refused",
    roles=_ROLES,
    needs=_RECEIVER,
)
async def unknown_session(session: Session) -> None:
    url = session.peer.url("chargingprofiles", Interface.RECEIVER, session.id("NOWHERE"))
    answer = await session.peer.request(
        "PUT", url, {"charging_profile": _PROFILE, "response_url": _callback(session, "set_profile_result")}
    )
    if not answer.ok:
        return
    expect_valid(ChargingProfileResponse, answer.data, answer)
    if answer.data["result"] == "ACCEPTED":
        raise Violation("the profile was accepted", answer)


@rule(
    "chargingprofiles.required-fields",
    "5.2",
    "a profile without its unit is refused",
    roles=_ROLES,
    needs=_RECEIVER,
)
async def required_fields(session: Session) -> None:
    url = session.peer.url("chargingprofiles", Interface.RECEIVER, session.id("NOWHERE"))
    body = {"charging_profile": {}, "response_url": _callback(session, "set_profile_result")}
    expect_refused(await session.peer.request("PUT", url, body))


@rule(
    "chargingprofiles.clear-unknown",
    "14.4.1.4",
    "clearing the profile of an unknown session is refused",
    roles=_ROLES,
    needs=_RECEIVER,
)
async def clear_unknown(session: Session) -> None:
    url = session.peer.url("chargingprofiles", Interface.RECEIVER, session.id("NOWHERE"))
    target = with_query(url, response_url=_callback(session, "clear_profile_result"))
    answer = await session.peer.request("DELETE", target)
    if answer.ok and isinstance(answer.data, dict) and answer.data.get("result") == "ACCEPTED":
        raise Violation("the request was accepted", answer)


def _callback(session: Session, kind: str) -> str:
    return f"{session.us.public_url}/ocpi/2.2.1/sender/chargingprofiles/{kind}/{session.id('P')}"
