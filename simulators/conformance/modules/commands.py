"""Rules of the commands module (chapter 13): an answer at once, a result later, and no for what is not there."""

from datetime import timedelta
from typing import Any

from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface
from ocpi.v221.commands import CommandResponse
from simulators.conformance.exchange import Exchange
from simulators.conformance.modules import samples
from simulators.conformance.modules.charge import running, started
from simulators.conformance.outcomes import NotApplicable, Skipped, Violation
from simulators.conformance.registry import Stage, rule
from simulators.conformance.session import Session, expect_ok, expect_refused, expect_valid, found_in
from simulators.partner.state import Json

_RECEIVER = (("commands", Interface.RECEIVER),)
_EMSP = frozenset({"EMSP"})


@rule("commands.reserve", "13.2.1.1", "RESERVE_NOW is answered, and its result posted", roles=_EMSP, needs=_RECEIVER)
async def reserve(session: Session) -> None:
    location = _location(session)
    body = {
        "token": _token(session),
        "expiry_date": format_datetime(session.now() + timedelta(minutes=15)),
        "reservation_id": session.id("R"),
        "location_id": location["id"],
        "evse_uid": location["evses"][-1]["uid"],
    }
    session.notes["RESERVE_NOW"] = await _carried_out(session, "RESERVE_NOW", body)


@rule(
    "commands.cancel", "13.2.1.1", "CANCEL_RESERVATION is answered, and its result posted", roles=_EMSP, needs=_RECEIVER
)
async def cancel(session: Session) -> None:
    answer = session.notes.get("RESERVE_NOW")
    if answer == "NOT_SUPPORTED":
        raise NotApplicable("the platform takes no reservations: NOT_SUPPORTED")
    if answer != "ACCEPTED":
        raise Skipped(f"nothing was reserved: the answer was {answer}" if answer else "nothing was reserved")
    await _carried_out(session, "CANCEL_RESERVATION", {"reservation_id": session.id("R")})


@rule("commands.unknown-location", "5.2", "START_SESSION somewhere unknown is refused", roles=_EMSP, needs=_RECEIVER)
async def unknown_location(session: Session) -> None:
    body = {"token": _token(session), "location_id": session.id("NOWHERE")}
    await _not_accepted(session, "START_SESSION", body)


@rule(
    "commands.unknown-session",
    "13.2.1.1",
    "STOP_SESSION of an unknown session is refused",
    roles=_EMSP,
    needs=_RECEIVER,
)
async def unknown_session(session: Session) -> None:
    await _not_accepted(session, "STOP_SESSION", {"session_id": session.id("NOWHERE")})


@rule(
    "commands.unknown-reservation",
    "13.2.1.1",
    "CANCEL_RESERVATION of an unknown reservation does not succeed",
    roles=_EMSP,
    needs=_RECEIVER,
)
async def unknown_reservation(session: Session) -> None:
    await _not_accepted(session, "CANCEL_RESERVATION", {"reservation_id": session.id("NOWHERE")})


@rule(
    "commands.required-fields", "5.2", "a command that lacks a required field is refused", roles=_EMSP, needs=_RECEIVER
)
async def required_fields(session: Session) -> None:
    expect_refused(await _send(session, "STOP_SESSION", session.id("X1"), {}))


@rule(
    "commands.unknown-command", "13.2.1.1", "a command that OCPI does not have is refused", roles=_EMSP, needs=_RECEIVER
)
async def unknown_command(session: Session) -> None:
    expect_refused(await _send(session, "MAKE_COFFEE", session.id("X2"), {}))


@rule("commands.start", "13.2.1.1", "START_SESSION is answered, and its result posted", roles=_EMSP, needs=_RECEIVER)
async def start(session: Session) -> None:
    location = _location(session)
    body = {"token": _token(session), "location_id": location["id"], "evse_uid": location["evses"][0]["uid"]}
    session.notes["START_SESSION"] = await _carried_out(session, "START_SESSION", body)


@rule(
    "commands.stop",
    "13.2.1.1",
    "STOP_SESSION is answered, and its result posted",
    roles=_EMSP,
    needs=_RECEIVER,
    stage=Stage.ENDING,
)
async def stop(session: Session) -> None:
    session_id = (await running(session))["id"]
    await _carried_out(session, "STOP_SESSION", {"session_id": session_id})


@rule(
    "commands.cdr",
    "10.1.2",
    "a session that has ended is followed by its CDR",
    roles=_EMSP,
    needs=_RECEIVER,
    stage=Stage.ENDING,
)
async def cdr(session: Session) -> None:
    started(session)
    uid = session.id("CARD")
    found = await session.eventually(
        lambda: [each for each in session.us.state.cdrs.values() if each["cdr_token"]["uid"] == uid]
    )
    if not found:
        raise Violation("no CDR came")


async def _carried_out(session: Session, command: str, body: Json) -> str:
    """Send a command and wait for its result; what the platform does not offer has none. Raises `Violation`."""
    asked = session.id(command[:12])
    answer = expect_ok(await _send(session, command, asked, body))
    expect_valid(CommandResponse, answer.data, answer)
    if answer.data["result"] != "ACCEPTED":
        return str(answer.data["result"])
    result = await session.eventually(lambda: session.us.state.results.get(asked))
    if result is None:
        raise Violation(f"no CommandResult came within {session.wait_s:g} s", answer)
    return str(result["result"])


async def _not_accepted(session: Session, command: str, body: Json) -> None:
    """Send a command that cannot succeed: an error, another response than ACCEPTED, or such a result later."""
    asked = session.id(f"N{command[:12]}")
    answer = await _send(session, command, asked, body)
    if not answer.ok or not isinstance(answer.data, dict) or answer.data.get("result") != "ACCEPTED":
        return
    result = await session.eventually(lambda: session.us.state.results.get(asked))
    if result is None or result["result"] == "ACCEPTED":
        raise Violation("the command was accepted", answer)


async def _send(session: Session, command: str, asked: str, body: Json) -> Exchange:
    callback = f"{session.us.public_url}/ocpi/2.2.1/sender/commands/{command}/{asked}"
    url = session.peer.url("commands", Interface.RECEIVER, command)
    return await session.peer.request("POST", url, {**body, "response_url": callback})


def _token(session: Session) -> Json:
    return samples.token(session)


def _location(session: Session) -> Json:
    """Where to charge: the location that was named, or the first one with an EVSE that is free."""
    if session.role == "EMSP" and ("locations", Interface.SENDER) not in session.peer.endpoints:
        raise NotApplicable("the platform has no locations")
    named = [each for each in found_in(session, "locations") if session.location_id in (None, each["id"])]
    free = [each for each in named if any(_is_free(evse) for evse in each.get("evses") or [])]
    if not free:
        raise NotApplicable("no location in the list has an EVSE that is free; name one with --location")
    return {**free[0], "evses": [evse for evse in free[0]["evses"] if _is_free(evse)]}


def _is_free(evse: Any) -> bool:
    return bool(evse.get("status") == "AVAILABLE")
