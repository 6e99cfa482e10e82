"""Rules of the sessions module (chapter 9) besides those of lists and of whole objects."""

from ocpi.endpoint import Interface
from ocpi.v221.sessions import ChargingPreferencesResponse
from simulators.conformance.modules import samples
from simulators.conformance.modules.charge import charger_of, running
from simulators.conformance.outcomes import NotApplicable, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_http, expect_ok, expect_refused

_SENDER, _RECEIVER = (("sessions", Interface.SENDER),), (("sessions", Interface.RECEIVER),)
_PREFERENCES = "CHARGING_PREFERENCES_CAPABLE"
_CPO, _EMSP = frozenset({"CPO"}), frozenset({"EMSP"})


@rule("sessions.date-from", "9.2.1.1", "sessions are not listed without date_from", roles=_EMSP, needs=_SENDER)
async def date_from(session: Session) -> None:
    expect_refused(await session.peer.request("GET", session.peer.url("sessions", Interface.SENDER)))


@rule(
    "sessions.preferences-unknown",
    "9.2.1.2",
    "preferences for an unknown session are HTTP 404",
    roles=_EMSP,
    needs=_SENDER,
)
async def preferences_unknown(session: Session) -> None:
    url = session.peer.url("sessions", Interface.SENDER, session.id("NOWHERE"), "charging_preferences")
    expect_http(await session.peer.request("PUT", url, {"profile_type": "FAST"}), 404)


@rule(
    "sessions.preferences",
    "9.2.1.2",
    "preferences for a session that runs are answered with a ChargingPreferencesResponse",
    roles=_EMSP,
    needs=_SENDER,
    stage=Stage.CHARGING,
)
async def preferences(session: Session) -> None:
    ours = await running(session)
    if _PREFERENCES not in (charger_of(session, ours).get("capabilities") or []):
        raise NotApplicable(f"the EVSE is not {_PREFERENCES}")
    url = session.peer.url("sessions", Interface.SENDER, ours["id"], "charging_preferences")
    answer = expect_ok(await session.peer.request("PUT", url, {"profile_type": "REGULAR"}))
    if answer.data not in list(ChargingPreferencesResponse):
        raise Violation("that is no ChargingPreferencesResponse", answer)


@rule("sessions.patch-appends", "9.2.2.3", "PATCH adds its charging periods to the others", roles=_CPO, needs=_RECEIVER)
async def patch_appends(session: Session) -> None:
    body = {**samples.running_session(session), "id": session.id("PERIODS"), "last_updated": samples.past(session)}
    body["charging_periods"] = [samples.period(session, 1.5)]
    url = session.peer.url("sessions", Interface.RECEIVER, *session.owner, body["id"])
    expect_ok(await session.peer.request("PUT", url, body))
    change = {"charging_periods": [samples.period(session, 2.5)], "last_updated": session.stamp()}
    expect_ok(await session.peer.request("PATCH", url, change))
    held = expect_ok(await session.peer.request("GET", url))
    periods = (held.data or {}).get("charging_periods") or []
    volumes = [dimension["volume"] for each in periods for dimension in each["dimensions"]]
    if volumes != [1.5, 2.5]:
        raise Violation(f"{len(periods)} charging periods where two were told", held)
