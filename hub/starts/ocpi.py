"""Commands over OCPI: partners' eMSPs ask our chargers (Receiver), and partners' CPOs answer what we asked (Sender)."""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.locations import service as locations
from hub.parties.callers import caller, speaks_as
from hub.parties.objects import ObjectKey, find
from hub.parties.pulls import OWNERS
from hub.sessions.tables import Session
from hub.starts import service
from hub.starts.flows import COMMAND_FOR_PARTNER, Starter
from hub.starts.lifecycle import Happening, StartMethod
from hub.starts.service import Asked
from hub.starts.tables import Start
from hub.stations import reservations
from hub.stations import service as stations
from hub.stations.reservations import StationReservation
from hub.stations.service import Place
from hub.stations.tables import by_evse_uid
from hub.tokens.flows import Authorization
from hub.tokens.whitelist import Verdict
from kit.log import get
from kit.tx import Database, Tx
from ocpi.call import Answer, Call, Handler
from ocpi.endpoint import HandlerKey, Interface, Verb
from ocpi.errors import InvalidParameters, NotFound, UnknownLocation
from ocpi.v221.commands import (
    CancelReservation,
    CommandResult,
    ReserveNow,
    StartSession,
    StopSession,
    UnlockConnector,
)
from ocpi.v221.tokens import Token

Json = dict[str, Any]

log = get(__name__)


class CommandHandlers:
    """Handlers of the commands module. `own_cpos` are our CPO parties, `CC*PID`."""

    def __init__(self, db: Database, starter: Starter, *, own_cpos: list[str]) -> None:
        self._db = db
        self._starter = starter
        self._own_cpos = own_cpos

    def table(self) -> dict[HandlerKey, Handler]:
        """The handlers by endpoint."""
        return {
            ("commands", Interface.RECEIVER, Verb.POST, "START_SESSION"): self.start,
            ("commands", Interface.RECEIVER, Verb.POST, "STOP_SESSION"): self.stop,
            ("commands", Interface.RECEIVER, Verb.POST, "UNLOCK_CONNECTOR"): self.unlock,
            ("commands", Interface.RECEIVER, Verb.POST, "RESERVE_NOW"): self.reserve,
            ("commands", Interface.RECEIVER, Verb.POST, "CANCEL_RESERVATION"): self.cancel_reservation,
            ("commands", Interface.SENDER, Verb.POST, "result"): self.result,
        }

    async def start(self, call: Call) -> Answer:
        """START_SESSION: noted and answered at once; the charger's answer goes to the `response_url`.

        The same command again, which a partner sends that missed our answer, is the same attempt.
        The command itself authorizes the token (OCPI 2.2.1, mod_commands), which must be the caller's own.
        """
        command = call.model(StartSession)
        token = command.token
        emsp = self._emsp_of(call, token)
        sent: Json = orjson.loads(call.raw)
        agreements = (await self._starter.directory.snapshot()).agreements
        async with self._db.tx() as tx:
            place, station_id, evse_id = await self._place(tx, command)
            if not agreements.may_charge(f"{place.country_code}*{place.party_id}", emsp, place.location_id):
                raise UnknownLocation("no such location, or no charger there")
            asked = Asked(
                StartMethod.PARTNER,
                token.uid,
                place,
                station_id=station_id,
                evse_id=evse_id,
                asked_by=caller(call).peer.id,
                response_url=command.response_url,
            )
            if await service.is_repeated(tx, self._starter.keys, asked, command.authorization_reference):
                return self._response("ACCEPTED")
            start = service.note(tx, self._starter.keys, asked)
            service.decide(
                tx,
                start,
                Authorization(
                    Verdict.ALLOWED, sent["token"], auth_method="COMMAND", reference=command.authorization_reference
                ),
            )
            service.request(tx, start)
        return self._response("ACCEPTED")

    async def stop(self, call: Call) -> Answer:
        """STOP_SESSION: only of a session that is the caller's driver's."""
        command = call.model(StopSession)
        async with self._db.tx() as tx:
            for cpo in self._own_cpos:
                session = await find(tx, Session, ObjectKey.of(*_split(cpo), command.session_id))
                if session is None or session.audience not in caller(call).viewer.parties or session.ended_at:
                    continue
                evse = await by_evse_uid(tx, *_split(cpo), session.body()["evse_uid"])
                if evse is not None:
                    stop = {"transaction_id": session.transaction_id}
                    self._enqueue(tx, call, command.response_url, cpo, evse.station_id, stop)
                    return self._response("ACCEPTED")
        return self._response("UNKNOWN_SESSION")

    async def unlock(self, call: Call) -> Answer:
        """UNLOCK_CONNECTOR of a charger of ours, for who may charge there."""
        command = call.model(UnlockConnector)
        visible = caller(call).viewer_of("locations").visible
        async with self._db.tx() as tx:
            place, station_id, evse_id = await self._place(tx, command)
            cpo = f"{place.country_code}*{place.party_id}"
            if not visible.shows(cpo, place.location_id):
                raise UnknownLocation("no such location, or no charger there")
            self._enqueue(tx, call, command.response_url, cpo, station_id, {"evse_id": evse_id})
        return self._response("ACCEPTED")

    async def reserve(self, call: Call) -> Answer:
        """RESERVE_NOW at a charger of ours; under the same id it replaces the reservation at the same charger.

        Without an EVSE, one of the location that is free is kept. The token must be the caller's own.
        """
        command = call.model(ReserveNow)
        emsp = self._emsp_of(call, command.token)
        agreements = (await self._starter.directory.snapshot()).agreements
        async with self._db.tx() as tx:
            if command.expiry_date <= tx.now:
                raise InvalidParameters("/expiry_date: that is over")
            place, station_id, evse_id = await self._place(tx, command)
            cpo = f"{place.country_code}*{place.party_id}"
            if not agreements.may_charge(cpo, emsp, place.location_id):
                raise UnknownLocation("no such location, or no charger there")
            keeping = await reservations.keep_for_partner(
                tx,
                self._starter.keys,
                station_id=station_id,
                evse_id=evse_id,
                token=command.token.uid,
                expires_at=command.expiry_date,
                platform_id=caller(call).peer.id,
                emsp=emsp,
                reservation_id=command.reservation_id,
                authorization_reference=command.authorization_reference,
                anywhere=command.evse_uid is None,
            )
            if keeping is None:
                return self._response("REJECTED")
            row, wanted = keeping.row, {"reserve": keeping.row.number, "instead_of": keeping.instead_of}
            self._enqueue(tx, call, command.response_url, cpo, row.station_id, wanted, lane=_lane(row))
        return self._response("ACCEPTED")

    async def cancel_reservation(self, call: Call) -> Answer:
        """CANCEL_RESERVATION of one of the caller's own at a charger of ours."""
        command = call.model(CancelReservation)
        speaker = call.headers.from_party
        emsps = (speaker.key,) if speaker is not None else caller(call).viewer.parties
        async with self._db.tx() as tx:
            row = await reservations.of_partner(
                tx, platform_id=caller(call).peer.id, emsps=emsps, reservation_id=command.reservation_id
            )
            cpo = await stations.cpo_of(tx, row.station_id) if row is not None else None
            if row is None or cpo is None or not reservations.ReservationState(row.state).is_open:
                return self._response("REJECTED")
            cancel = {"cancel": row.number}
            self._enqueue(tx, call, command.response_url, cpo, row.station_id, cancel, lane=_lane(row))
        return self._response("ACCEPTED")

    async def result(self, call: Call) -> Answer:
        """A partner's charger has answered a command of ours."""
        result, asked = call.model(CommandResult), caller(call).viewer.parties
        async with self._db.tx() as tx:
            start = await tx.get(Start, call.path["uid"])
            if start is None or f"{start.country_code}*{start.party_id}" not in asked:
                raise NotFound("nothing waits for this result")
            if call.path["command"] == "START_SESSION" and result.result != "ACCEPTED":
                service.move(tx, start, Happening.FAILED, reason=str(result.result))
        log.info("command_result", command=call.path["command"], start_id=call.path["uid"], result=str(result.result))
        return Answer()

    def _emsp_of(self, call: Call, token: Token) -> str:
        """`CC*PID` of a token's eMSP. Raises `InvalidParameters` when it is none of the caller's."""
        emsp = f"{token.country_code}*{token.party_id}".upper()
        if not speaks_as(caller(call), emsp, OWNERS["tokens"]):
            raise InvalidParameters("/token: that party does not live on your platform as an eMSP")
        return emsp

    async def _place(self, tx: Tx, command: StartSession | ReserveNow | UnlockConnector) -> tuple[Place, str, int]:
        """The place and station that a command means, a free one first. Raises `UnknownLocation`."""
        for cpo in self._own_cpos:
            country_code, party_id = _split(cpo)
            location = await locations.get(tx, country_code, party_id, command.location_id)
            evses = sorted((location or {}).get("evses") or [], key=lambda evse: evse["status"] != "AVAILABLE")
            uids = [evse["uid"] for evse in evses]
            if command.evse_uid is not None:
                uids = [uid for uid in uids if uid.casefold() == command.evse_uid.casefold()]
            for uid in uids:
                evse = await by_evse_uid(tx, country_code, party_id, uid)
                if evse is not None and location is not None:
                    named = command.connector_id if isinstance(command, StartSession) else None
                    connector = named or evse.connector_id
                    place = Place(country_code, party_id, location["id"], uid, connector)
                    return place, evse.station_id, evse.evse_id
        raise UnknownLocation("no such location, or no charger there")

    def _enqueue(
        self,
        tx: Tx,
        call: Call,
        response_url: str,
        cpo: str,
        station_id: str,
        command: Mapping[str, int | None],
        lane: str | None = None,
    ) -> None:
        """Have a command carried out once: one that may have reached the charger is not repeated.

        `command` is `transaction_id` to stop, `evse_id` to unlock, or the number of a reservation to `cancel`, or to
        `reserve`, `instead_of` another if there is one. Those of one `lane` reach the charger in order.
        """
        payload = {
            **command,
            "station_id": station_id,
            "asked_by": caller(call).peer.id,
            "response_url": response_url,
            "sender": cpo,
        }
        tx.enqueue(COMMAND_FOR_PARTNER, payload, lane=lane, max_attempts=1)

    def _response(self, result: str) -> Answer:
        timeout_s = int(self._starter.command_timeout_s) + 5
        return Answer(orjson.dumps({"result": result, "timeout": timeout_s}))


def _lane(row: StationReservation) -> str:
    """That of all reservations which a partner makes under one id."""
    return f"starts.reservation:{row.platform_id}/{row.emsp}/{row.reservation_id}"


def _split(party: str) -> tuple[str, str]:
    country_code, _, party_id = party.partition("*")
    return country_code, party_id
