"""The chargers of a simulated CPO: a driver taps or is started from afar, the session is told, the CDR is posted."""

from dataclasses import dataclass
from decimal import Decimal

import orjson

from kit.ids import uuid7
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface, Verb
from ocpi.errors import PeerError, PeerRefused
from ocpi.headers import MessageHeaders, Party, new_id
from ocpi.types import JsonValue
from simulators.partner import documents
from simulators.partner.documents import Place
from simulators.partner.hub_link import HubLink
from simulators.partner.state import Json

REMOTE_KWH = Decimal("4.2")
"""What a driver takes who was started from afar."""

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER


@dataclass(slots=True)
class Chargers:
    """All that happens at the chargers of one CPO."""

    hub: HubLink
    charging_s: float = 1.0
    """How long a charge lasts; it is told about once a second."""
    billing_error: Decimal = Decimal(0)
    """Added to the total of each CDR: for a CPO that bills wrongly."""

    async def tap(self, uid: str, *, location_id: str | None = None, evse_uid: str | None = None, kwh: str) -> Json:
        """A driver taps a card: ask the hub, charge, report the session and bill it.

        Returns `{"allowed", "session_id"}`; nothing is charged unless the hub allows it. Raises `PeerError` when the
        hub cannot be asked, `KeyError` when there is no such charger.
        """
        place = self.place(location_id, evse_uid)
        references = {"location_id": place.location["id"], "evse_uids": [place.evse["uid"]]}
        try:
            reply = await self.hub.client().post(
                "tokens", _SENDER, uid, "authorize", query={"type": "RFID"}, body=orjson.dumps(references)
            )
        except PeerRefused as error:
            return {"allowed": "NOT_ALLOWED", "session_id": None, "reason": str(error)}
        info = _object(reply.envelope.data)
        if info.get("allowed") != "ALLOWED":
            return {"allowed": info.get("allowed"), "session_id": None}
        auth = {"auth_method": "AUTH_REQUEST", "authorization_reference": info.get("authorization_reference")}
        session = self._begin(place, _object(info["token"]), auth)
        await self._charge(session, place, Decimal(kwh))
        return {"allowed": "ALLOWED", "session_id": session["id"]}

    async def carry_out(self, command: str, body: Json, asked: MessageHeaders) -> None:
        """Do what a command asks: post the result first, then charge, or stop charging.

        What the hub does not take is noted among the failures.
        """
        try:
            result = self._result(command, body)
            if result == "ACCEPTED":
                self._reserve(command, body, asked)
            await self._post_result(body["response_url"], result, asked)
            if result == "ACCEPTED" and command == "START_SESSION":
                place = self.place(body["location_id"], body.get("evse_uid"))
                auth = {"auth_method": "COMMAND", "authorization_reference": body.get("authorization_reference")}
                await self._charge(self._begin(place, body["token"], auth), place, REMOTE_KWH)
            elif result == "ACCEPTED" and command == "STOP_SESSION":
                session = self.hub.state.sessions[body["session_id"]]
                place = self.place(session["location_id"], session["evse_uid"])
                await self._finish(session, place, Decimal(str(session["kwh"])))
        except PeerError as error:
            self.hub.state.failures.append(f"{command}: {error}")

    async def withdraw(self, reservation_id: str) -> None:
        """The CPO itself cancels a reservation: the result goes to the URL that RESERVE_NOW gave.

        Raises `KeyError` for an unknown reservation, `PeerError`.
        """
        reserved = self.hub.state.reservations.pop(reservation_id)
        from_party = reserved["asked_by"]
        asked = MessageHeaders(new_id(), reserved["correlation_id"], from_party=_party(from_party))
        await self._post_result(reserved["response_url"], "CANCELED_RESERVATION", asked)

    def place(self, location_id: str | None, evse_uid: str | None = None) -> Place:
        """An EVSE of ours, the first one when nothing is named. Raises `KeyError` when there is none."""
        locations = self.hub.state.locations
        location = locations[location_id] if location_id else next(iter(locations.values()), None)
        evses = (location or {}).get("evses") or []
        evse = next((each for each in evses if evse_uid in (None, each["uid"])), None)
        if location is None or evse is None:
            raise KeyError("no such EVSE")
        return Place(location, evse)

    def is_active(self, session_id: str) -> bool:
        """Whether a session of ours runs."""
        session = self.hub.state.sessions.get(session_id)
        return session is not None and session["status"] == "ACTIVE"

    def _result(self, command: str, body: Json) -> str:
        """What the charger says to a command."""
        if command == "CANCEL_RESERVATION":
            known = body["reservation_id"] in self.hub.state.reservations
            return "ACCEPTED" if known else "UNKNOWN_RESERVATION"
        if command not in ("START_SESSION", "RESERVE_NOW"):
            return "ACCEPTED"
        evse_uid = self.place(body["location_id"], body.get("evse_uid")).evse["uid"]
        sessions = self.hub.state.sessions.values()
        occupied = any(each["status"] == "ACTIVE" and each["evse_uid"] == evse_uid for each in sessions)
        return "EVSE_OCCUPIED" if occupied else "ACCEPTED"

    def _reserve(self, command: str, body: Json, asked: MessageHeaders) -> None:
        """Note or forget a reservation; the same id again replaces it (commands, section ReserveNow)."""
        reservations = self.hub.state.reservations
        if command == "RESERVE_NOW":
            asked_by = str(asked.from_party) if asked.from_party else None
            noted = {**body, "asked_by": asked_by, "correlation_id": asked.correlation_id}
            reservations[body["reservation_id"]] = noted
        elif command == "CANCEL_RESERVATION":
            reservations.pop(body["reservation_id"], None)

    async def _post_result(self, url: str, result: str, asked: MessageHeaders) -> None:
        client = self.hub.client()
        headers = client.headers(to_party=asked.from_party, correlation_id=asked.correlation_id)
        await client.request(Verb.POST, url, body=orjson.dumps({"result": result}), headers=headers)

    def _begin(self, place: Place, token: Json, auth: Json) -> Json:
        tariff, at = self._tariff(place), self.hub.clock.now()
        currency = tariff["currency"] if tariff else "EUR"
        session = documents.session(self.hub.party, uuid7(), place, token, auth=auth, currency=currency, at=at)
        self.hub.state.sessions[session["id"]] = session
        return session

    async def _charge(self, session: Json, place: Place, kwh: Decimal) -> None:
        """Tell the session by PUT and its growth by PATCH, then bill it; somebody may stop it meanwhile."""
        session_id, owner = session["id"], (self.hub.party.country_code, self.hub.party.party_id)
        await self.hub.client().put("sessions", _RECEIVER, *owner, session_id, body=orjson.dumps(session))
        reports = max(1, round(self.charging_s))
        for told in range(1, reports + 1):
            await self.hub.clock.sleep(self.charging_s / reports)
            if not self.is_active(session_id):
                return
            if told < reports:
                await self._patch(session_id, {"kwh": documents.number(kwh * told / reports)})
        await self._finish(self.hub.state.sessions[session_id], place, kwh)

    async def _finish(self, session: Json, place: Place, kwh: Decimal) -> None:
        """The last state of the session by PATCH, and its CDR."""
        at, tariff = self.hub.clock.now(), self._tariff(place)
        change: Json = {
            "status": "COMPLETED",
            "kwh": documents.number(kwh),
            "end_date_time": format_datetime(at),
        }
        ended = {**session, **change}
        cdr = documents.cdr(ended, uuid7(), place, tariff, billing_error=self.billing_error, at=at)
        self.hub.state.cdrs[cdr["id"]] = cdr
        await self._patch(session["id"], {**change, "total_cost": cdr["total_cost"]})
        await self.hub.client().post("cdrs", _RECEIVER, body=orjson.dumps(cdr))

    async def _patch(self, session_id: str, change: Json) -> None:
        stamped = {**change, "last_updated": format_datetime(self.hub.clock.now())}
        self.hub.state.sessions[session_id] |= stamped
        owner = (self.hub.party.country_code, self.hub.party.party_id)
        await self.hub.client().patch("sessions", _RECEIVER, *owner, session_id, body=orjson.dumps(stamped))

    def _tariff(self, place: Place) -> Json | None:
        """The tariff of the connector, or else the first one that there is."""
        tariffs = self.hub.state.tariffs
        named = next((tariffs[each] for each in place.connector.get("tariff_ids") or [] if each in tariffs), None)
        return named or next(iter(tariffs.values()), None)


def _object(value: JsonValue) -> Json:
    return value if isinstance(value, dict) else {}


def _party(key: str | None) -> Party | None:
    return Party(key[:2], key[3:]) if key else None
