"""Rules of the charging profiles module (chapter 14)."""

from ocpi.endpoint import Interface
from ocpi.paging import with_query
from ocpi.v221.charging_profiles import (
    ActiveChargingProfileResult,
    ChargingProfileResponse,
    ChargingProfileResult,
    ClearProfileResult,
)
from simulators.conformance.modules.charge import is_over, running
from simulators.conformance.outcomes import NotApplicable, Skipped, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_ok, expect_refused, expect_result, expect_valid
from simulators.partner.state import Json

_RECEIVER = (("chargingprofiles", Interface.RECEIVER),)
_ROLES, _EMSP = frozenset({"EMSP", "SCSP"}), frozenset({"EMSP"})
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


@rule(
    "chargingprofiles.set",
    "14.4.1.2",
    "a profile for a session that runs is answered, and its result posted",
    roles=_EMSP,
    needs=_RECEIVER,
    stage=Stage.CHARGING,
)
async def set_profile(session: Session) -> None:
    body = {"charging_profile": _PROFILE, "response_url": _callback(session, "set_profile_result", "SET")}
    result = await _carried_out(session, "PUT", await _url(session), "SET", body)
    expect_result(ChargingProfileResult, result)
    session.notes["profile"] = result["result"]


@rule(
    "chargingprofiles.active",
    "14.4.1.1",
    "the active profile of a session is answered, and posted",
    roles=_EMSP,
    needs=_RECEIVER,
    stage=Stage.CHARGING,
)
async def active_profile(session: Session) -> None:
    target = with_query(
        await _url(session), duration=3600, response_url=_callback(session, "active_profile_result", "ACTIVE")
    )
    expect_result(ActiveChargingProfileResult, await _carried_out(session, "GET", target, "ACTIVE"))


@rule(
    "chargingprofiles.clear",
    "14.4.1.3",
    "the profile that was set is cleared, and the result posted",
    roles=_EMSP,
    needs=_RECEIVER,
    stage=Stage.CHARGING,
)
async def clear_profile(session: Session) -> None:
    target = with_query(await _url(session), response_url=_callback(session, "clear_profile_result", "CLEAR"))
    result = await _carried_out(session, "DELETE", target, "CLEAR")
    expect_result(ClearProfileResult, result)
    if session.notes.get("profile") == "ACCEPTED" and result["result"] != "ACCEPTED":
        raise Violation(f"the profile was set, and clearing it is {result['result']}")


async def _url(session: Session) -> str:
    """Where the profile of our session is. Raises `Skipped` when none runs."""
    return session.peer.url("chargingprofiles", Interface.RECEIVER, (await running(session))["id"])


async def _carried_out(session: Session, method: str, url: str, asked: str, body: Json | None = None) -> Json:
    """Ask, and wait for the result. Raises `NotApplicable`, `Skipped` or `Violation` when there is none."""
    answer = expect_ok(await session.peer.request(method, url, body))
    expect_valid(ChargingProfileResponse, answer.data, answer)
    said = answer.data["result"]
    if said == "NOT_SUPPORTED":
        raise NotApplicable("the charger takes no profiles: NOT_SUPPORTED")
    if said == "UNKNOWN_SESSION":
        if await session.eventually(lambda: is_over(session)):
            raise Skipped("the session ended meanwhile")
        raise Violation("the session is unknown, and it runs", answer)
    if said != "ACCEPTED":
        raise Skipped(f"the answer was {said}")
    result = await session.eventually(lambda: session.us.state.results.get(session.id(asked)))
    if result is None:
        raise Violation(f"no result came within {session.wait_s:g} s", answer)
    return {name: value for name, value in result.items() if name != "command"}


def _callback(session: Session, kind: str, asked: str = "P") -> str:
    return f"{session.us.public_url}/ocpi/2.2.1/sender/chargingprofiles/{kind}/{session.id(asked)}"
