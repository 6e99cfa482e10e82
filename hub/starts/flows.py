"""Attempts to charge, carried out: ask whoever must be asked, tell the charger, tell who waits for the outcome.

A command to a charger is never repeated: an attempt is marked as commanded before its command is sent, and one that
finds itself commanded already (its process died on the way) fails instead of asking twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from csms.capabilities import Capabilities
from csms.charging import ChargingProfile, ProfilePurpose
from csms.commands import (
    CancelReservation,
    Command,
    CommandOutcome,
    CommandStatus,
    StartCharging,
    StopCharging,
    Unlock,
)
from csms.link import Link
from csms.operations import SetProfile
from csms.profiles import CannotBuild, Wish, build, number_of
from csms.station import TokenType
from hub.parties.agreements import ANY
from hub.parties.clients import Clients
from hub.parties.directory import Directory
from hub.parties.outbox import Refused, Unreachable
from hub.starts import service
from hub.starts.events import StartRequested
from hub.starts.lifecycle import Happening, StartState
from hub.starts.service import Asked
from hub.starts.tables import Start, locked, overdue
from hub.starts.taps import references
from hub.stations import reservations
from hub.stations.intents_charging import LimitIn
from hub.stations.live import model_of
from hub.stations.reservations import ReservationState, StationReservation
from hub.tokens.flows import Authorizer, Question
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.jobs import GiveUp, Retry, first_time
from kit.log import get
from kit.tx import Database, Tx
from ocpi.datetimes import format_datetime

Json = dict[str, Any]

log = get(__name__)

COMMAND_FOR_PARTNER = "starts.command_for_partner"
_LIMIT_AGAIN_S = 5.0

_RESULTS = {
    CommandStatus.ACCEPTED: "ACCEPTED",
    CommandStatus.SCHEDULED: "ACCEPTED",
    CommandStatus.REJECTED: "REJECTED",
    CommandStatus.UNSUPPORTED: "NOT_SUPPORTED",
    CommandStatus.TIMED_OUT: "TIMEOUT",
    CommandStatus.OFFLINE: "EVSE_INOPERATIVE",
}
"""A station's outcome as OCPI's CommandResultType; whatever is not here is FAILED."""


_RESERVED = {"Occupied": "EVSE_OCCUPIED", "Faulted": "EVSE_INOPERATIVE", "Unavailable": "EVSE_INOPERATIVE"}
"""Why a station keeps no place, by the word that every version of OCPP has for it."""


def _result(payload: Mapping[str, Any], outcome: CommandOutcome) -> str:
    """A station's outcome as OCPI's CommandResultType."""
    if outcome.status is CommandStatus.REJECTED:
        if "cancel" in payload:
            return "UNKNOWN_RESERVATION"
        if "reserve" in payload:
            return _RESERVED.get(outcome.reason.split(" ")[0], "REJECTED")
    return _RESULTS.get(outcome.status, "FAILED")


def _post(tx: Tx, asked: Mapping[str, Any], result: str) -> None:
    service.post_result(tx, asked["asked_by"], asked["response_url"], sender=asked["sender"], result=result)


@dataclass(frozen=True, slots=True)
class Starter:
    """Carries out attempts to charge. `response_base` is where partners answer our commands, `issuer` who we are."""

    db: Database
    keys: KeyRing
    authorizer: Authorizer
    link: Link
    clients: Clients
    directory: Directory
    response_base: str
    command_timeout_s: float
    issuer: str

    async def request(self, asked: Asked, token_type: str) -> Start:
        """Somebody asks from afar: note it, authorize the driver's token, and have it carried out."""
        async with self.db.tx() as tx:
            start = service.note(tx, self.keys, asked)
        cpo = f"{asked.place.country_code}*{asked.place.party_id}" if asked.place else ANY
        question = Question(asked.uid, token_type, references(asked.place), cpos=(cpo.upper(),))
        authorization = await self.authorizer.decide(question)
        async with self.db.tx() as tx:
            start = await _reread(tx, start.id)
            service.decide(tx, start, authorization)
            if start.state == StartState.AUTHORIZED:
                service.request(tx, start)
        return start

    async def carry_out(self, db: Database, event: StartRequested) -> None:
        """Tell the charger, ours or a partner's, to start."""
        async with db.tx() as tx:
            start = await _reread(tx, event.start_id)
            if start.state == StartState.COMMANDED:
                service.move(tx, start, Happening.FAILED, reason="the outcome of the command is not known")
                return
            if start.state != StartState.AUTHORIZED:
                return
            start.state, start.updated_at = StartState.COMMANDED, tx.now
        outcome = await (self._command_station(start) if start.station_id else self._command_partner(start))
        async with db.tx() as tx:
            start = await _reread(tx, event.start_id)
            if outcome != "ACCEPTED":
                service.move(tx, start, Happening.FAILED, reason=outcome)
            else:
                service.report(tx, start, result="ACCEPTED")

    async def post_result(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Post a CommandResult to the `response_url` that a partner gave."""
        peer = (await self.directory.snapshot()).peers.get(payload["platform_id"])
        if peer is None or not peer.is_registered:
            raise GiveUp("nobody waits for the outcome any more")
        body = orjson.dumps({"result": payload["result"]})
        try:
            await self.clients.post_back(peer, payload["url"], body, sender=payload["sender"], receiver=None)
        except Unreachable as error:
            raise Retry(str(error), after_s=error.retry_after_s) from error
        except Refused as error:
            raise GiveUp(str(error)) from error

    async def command_for_partner(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Carry out a partner's command at our station, and have the outcome posted.

        One that was cut off may have reached the station: it is not repeated, and counts as failed.
        """
        async with db.tx() as tx:
            if not await first_time(tx):
                _post(tx, payload, "FAILED")
                return
            command = await self._command_of(tx, payload)
        outcome = CommandOutcome(CommandStatus.REJECTED)
        if command is not None:
            outcome = await self._replaced(db, payload) or await self.link.call(
                payload["station_id"], command, timeout_s=self.command_timeout_s
            )
        async with db.tx() as tx:
            number = payload.get("reserve", payload.get("cancel"))
            if number is not None:
                await reservations.settle(tx, number, outcome, cancels="cancel" in payload)
            _post(tx, payload, _result(payload, outcome))

    async def _replaced(self, db: Database, payload: Mapping[str, Any]) -> CommandOutcome | None:
        """Have the charger give back what it keeps for another driver under the same id.

        The outcome where it may still keep it: then the new reservation is not asked for.
        """
        number = payload.get("instead_of")
        if number is None:
            return None
        command = CancelReservation(number)
        outcome = await self.link.call(payload["station_id"], command, timeout_s=self.command_timeout_s)
        async with db.tx() as tx:
            await reservations.settle(tx, number, outcome, cancels=True)
            if outcome.payload is not None:
                return None
            await reservations.settle(tx, payload["reserve"], CommandOutcome(CommandStatus.REJECTED), cancels=False)
        return outcome

    async def _command_of(self, tx: Tx, payload: Mapping[str, Any]) -> Command | None:
        """The command that a partner's command became; None for a reservation that is over by now."""
        if "transaction_id" in payload:
            return StopCharging(payload["transaction_id"])
        if "evse_id" in payload:
            return Unlock(payload["evse_id"])
        row = await tx.get(StationReservation, payload.get("reserve", payload.get("cancel")))
        if row is None or not ReservationState(row.state).is_open:
            return None
        return reservations.cancel_command(row) if "cancel" in payload else reservations.reserve_command(self.keys, row)

    async def stop(self, start_id: str) -> CommandOutcome:
        """End the session that came of an attempt. Raises `NotFound`, or `Conflict` when there is none to end."""
        async with self.db.read() as tx:
            start = await tx.get(Start, start_id)
            if start is None:
                raise NotFound("no such start")
            session = await service.session_of(tx, start)
        if session is None or session.ended_at is not None:
            raise Conflict("no session is running")
        if session.transaction_id is not None and start.station_id is not None:
            command = StopCharging(session.transaction_id)
            return await self.link.call(start.station_id, command, timeout_s=self.command_timeout_s)
        body = {"response_url": f"{self.response_base}/STOP_SESSION/{start.id}", "session_id": session.body()["id"]}
        result = await self._partner_command(start, "STOP_SESSION", body)
        ok = result == "ACCEPTED"
        return CommandOutcome(CommandStatus.ACCEPTED if ok else CommandStatus.REJECTED, reason=result)

    async def expire(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Close the attempts that waited for a session past their time."""
        async with db.tx() as tx:
            for start in await overdue(tx):
                service.move(tx, start, Happening.EXPIRED, reason="TIMEOUT")

    async def _command_station(self, start: Start) -> str:
        assert start.station_id is not None  # noqa: S101 - the caller looked
        token: Json = orjson.loads(start.cdr_token or b"{}")
        try:
            profile, goes_along = await self._profile_of(start)
        except CannotBuild:
            return "NOT_SUPPORTED"
        command = StartCharging(
            token=token["uid"],
            token_type=TokenType.RFID if token["type"] == "RFID" else TokenType.CENTRAL,
            evse_id=start.evse_id,
            remote_start_id=start.remote_start_id or 0,
            profile=profile if goes_along else None,
        )
        outcome = await self.link.call(start.station_id, command, timeout_s=self.command_timeout_s)
        return _RESULTS.get(outcome.status, "FAILED")

    async def limit_session(self, db: Database, payload: Mapping[str, Any]) -> None:
        """Limit a session that has just begun at a charger that takes no limit with the order to start.

        One that it does not limit is ended: no session goes on faster than was wished. Doing it again changes nothing.
        """
        async with db.tx() as tx:
            start = await _reread(tx, payload["start_id"])
        if start.state != StartState.CHARGING or start.station_id is None:
            return
        station_id, transaction_id, evse_id = start.station_id, payload["transaction_id"], payload["evse_id"]
        try:
            profile, _ = await self._profile_of(start, evse_id)
        except CannotBuild as error:
            outcome = CommandOutcome(CommandStatus.UNSUPPORTED, str(error))
        else:
            if profile is None:
                return
            limit = SetProfile(evse_id, profile, transaction_id)
            outcome = await self.link.call(station_id, limit, timeout_s=self.command_timeout_s)
        if outcome.status in (CommandStatus.OFFLINE, CommandStatus.BUSY):
            raise Retry(outcome.status.value, after_s=_LIMIT_AGAIN_S)
        if not outcome.ok:
            log.warning("session_not_limited", station_id=station_id, outcome=outcome.status.value)
            await self.link.call(station_id, StopCharging(transaction_id), timeout_s=self.command_timeout_s)

    async def _profile_of(self, start: Start, evse_id: int | None = None) -> tuple[ChargingProfile | None, bool]:
        """The limit of an attempt, and whether it goes with the order to start. Raises `CannotBuild`."""
        if start.power_limit is None or start.station_id is None:
            return None, False
        async with self.db.read() as tx:
            can = await model_of(tx, start.station_id)
        profile = _profile(start.power_limit, evse_id or start.evse_id or 1, can, self.db.clock.now())
        return profile, can.start_limit

    async def _command_partner(self, start: Start) -> str:
        token: Json = orjson.loads(start.cdr_token or b"{}")
        async with self.db.read() as tx:
            full = await service.token_of(tx, self.keys, token)
        if full is None and token["type"] == "AD_HOC_USER":
            full = {**token, "issuer": self.issuer, "valid": True, "whitelist": "NEVER"}
            full["last_updated"] = format_datetime(start.created_at)
        body: Json = {
            "response_url": f"{self.response_base}/START_SESSION/{start.id}",
            "token": full,
            "location_id": start.location_id,
            "authorization_reference": start.authorization_reference,
        }
        body |= {"evse_uid": start.evse_uid} if start.evse_uid else {}
        body |= {"connector_id": start.connector_id} if start.connector_id and start.evse_uid else {}
        return await self._partner_command(start, "START_SESSION", body)

    async def _partner_command(self, start: Start, command: str, body: Json) -> str:
        peer = (await self.directory.snapshot()).peer_of(start.country_code or "", start.party_id or "")
        if peer is None:
            return "FAILED"
        try:
            data = await self.clients.request(
                peer,
                "POST",
                "RECEIVER/commands",
                (command,),
                body=orjson.dumps({name: value for name, value in body.items() if value is not None}),
                receiver=f"{start.country_code}*{start.party_id}",
            )
        except (Unreachable, Refused):
            return "FAILED"
        result = data.get("result") if isinstance(data, dict) else None
        return str(result or "FAILED")


async def _reread(tx: Tx, start_id: str) -> Start:
    start = await locked(tx, start_id)
    if start is None:
        raise NotFound("no such start")
    return start


def _profile(limit: bytes, evse_id: int, can: Capabilities, now: datetime) -> ChargingProfile:
    """The profile that goes with a start, as the model takes it. Raises `CannotBuild`."""
    asked = LimitIn.model_validate_json(limit)
    purpose, level = ProfilePurpose.TRANSACTION, asked.stack_level if can.stack_level is None else can.stack_level
    wish = Wish(
        purpose,
        asked.unit,
        asked.wished,
        level,
        duration_s=asked.duration_s,
        volts=asked.volts,
        phases=asked.phases,
    )
    return build(wish, can, profile_id=number_of(purpose, evse_id, level), now=now)
