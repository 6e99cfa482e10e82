"""A simulated partner: its registration with the hub, and what it does of its own accord."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import orjson

from kit.clock import Clock
from kit.ids import random_token, uuid7
from ocpi import handshake
from ocpi.client import PartnerClient
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface, Verb
from ocpi.errors import PeerError, PeerRefused, Unauthenticated
from ocpi.headers import Party, token_candidates
from ocpi.types import JsonValue
from ocpi.v221.credentials import Credentials
from simulators.partner.state import Json, Link, State

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER


@dataclass(slots=True)
class Partner:
    """One party on a platform of its own. `public_url` is where the hub reaches it."""

    role: str
    party: Party
    name: str
    public_url: str
    clock: Clock
    http: httpx.AsyncClient
    state: State
    charging_s: float = 1.0
    """How long a session lasts at this CPO's chargers."""

    async def authenticate(self, headers: Mapping[str, str], module: str) -> object:
        """Who calls: the hub, or somebody with a registration token."""
        candidates = token_candidates(headers.get("authorization"))
        if self.state.link is not None and self.state.link.token_in in candidates:
            return "hub"
        if module in ("versions", "credentials") and self.state.registration_tokens & set(candidates):
            return "registering"
        raise Unauthenticated

    def invite(self) -> Json:
        """Make a token A for the hub to register with."""
        token = random_token()
        self.state.registration_tokens.add(token)
        return {"versions_url": f"{self.public_url}/ocpi/versions", "token": token}

    async def register(self, versions_url: str, token: str) -> None:
        """Register with the hub that invited us. Raises `OcpiError` or `PeerError`."""
        ours = random_token()
        self.state.registration_tokens.add(ours)
        try:
            discovery = await handshake.discover(self.http, versions_url, token, now=self.clock.now)
            theirs = await handshake.register(self.http, discovery, token, self._credentials(ours), now=self.clock.now)
        finally:
            self.state.registration_tokens.discard(ours)
        await self._connect(theirs, ours)

    async def be_registered(self, theirs: Credentials) -> Credentials:
        """The hub registers with us, or renews its registration."""
        ours = random_token()
        await self._connect(theirs, ours)
        self.state.registration_tokens.clear()
        return self._credentials(ours)

    async def push(self, module: str, body: Json) -> None:
        """Keep an object of ours and send it to the hub."""
        stored = {
            **body,
            "country_code": self.party.country_code,
            "party_id": self.party.party_id,
            "last_updated": self._now(),
        }
        object_id = str(stored["uid" if module == "tokens" else "id"])
        getattr(self.state, module)[object_id] = stored
        owner = (self.party.country_code, self.party.party_id)
        await self._client().put(module, _RECEIVER, *owner, object_id, body=orjson.dumps(stored))

    async def pull(self, module: str, *, limit: int | None = None) -> list[Json]:
        """Everything that the hub lists of a module, page by page."""
        return [dict(item) async for item in self._client().items(module, _SENDER, limit=limit)]

    async def tap(self, uid: str, *, location_id: str | None = None, kwh: str = "7.5") -> Json:
        """A driver taps a card at our charger: ask the hub, charge, report the session and bill it.

        Returns `{"allowed", "session_id"}`; nothing is charged unless the hub allows it.
        """
        location = self._location(location_id)
        references = {"location_id": location["id"], "evse_uids": [location["evses"][0]["uid"]]}
        try:
            reply = await self._client().post(
                "tokens", _SENDER, uid, "authorize", query={"type": "RFID"}, body=orjson.dumps(references)
            )
        except PeerRefused as error:
            return {"allowed": "NOT_ALLOWED", "session_id": None, "reason": str(error)}
        info = _object(reply.envelope.data)
        if info.get("allowed") != "ALLOWED":
            return {"allowed": info.get("allowed"), "session_id": None}
        session = self._session(_object(info["token"]), location, "AUTH_REQUEST", info.get("authorization_reference"))
        await self._charge(session, location, Decimal(kwh))
        return {"allowed": "ALLOWED", "session_id": session["id"]}

    async def on_command(self, command: str, body: Json) -> None:
        """Carry out a command of the hub: post the result, then charge, or stop charging."""
        await self._client().request(Verb.POST, body["response_url"], body=orjson.dumps({"result": "ACCEPTED"}))
        if command == "STOP_SESSION":
            stored = self.state.sessions[body["session_id"]]
            await self._finish(stored, self._location(stored["location_id"]), Decimal(str(stored["kwh"])))
            return
        location = self._location(body["location_id"])
        session = self._session(body["token"], location, "COMMAND", body.get("authorization_reference"))
        await self._charge(session, location, Decimal("4.2"))

    async def start_session(self, uid: str, location_id: str, evse_uid: str | None = None) -> str:
        """As an eMSP: ask the hub to start a session for a token of ours; returns the id that the result will have."""
        command_id = uuid7()
        body: Json = {
            "response_url": f"{self.public_url}/ocpi/2.2.1/sender/commands/START_SESSION/{command_id}",
            "token": self.state.tokens[uid],
            "location_id": location_id,
            "authorization_reference": f"CMD-{command_id[-8:]}",
        }
        if evse_uid is not None:
            body["evse_uid"] = evse_uid
        await self._client().post("commands", _RECEIVER, "START_SESSION", body=orjson.dumps(body))
        return command_id

    async def stop_session(self, session_id: str) -> str:
        """As an eMSP: ask the hub to stop a session of our driver; returns the id that the result will have."""
        command_id = uuid7()
        url = f"{self.public_url}/ocpi/2.2.1/sender/commands/STOP_SESSION/{command_id}"
        body = {"response_url": url, "session_id": session_id}
        await self._client().post("commands", _RECEIVER, "STOP_SESSION", body=orjson.dumps(body))
        return command_id

    async def _charge(self, session: Json, location: Json, kwh: Decimal) -> None:
        reports = max(1, round(self.charging_s))
        for report in range(reports):
            session = {**session, "kwh": float(round(kwh * report / reports, 4)), "last_updated": self._now()}
            self.state.sessions[session["id"]] = session
            await self._report(session)
            await self.clock.sleep(self.charging_s / reports)
            if self.state.sessions[session["id"]]["status"] != "ACTIVE":
                return
        await self._finish(session, location, kwh)

    async def _finish(self, session: Json, location: Json, kwh: Decimal) -> None:
        """The last state of the session by PATCH, and its CDR, priced by the first tariff that we have."""
        end = self.clock.now()
        tariff = next(iter(self.state.tariffs.values()), None)
        price = _energy_price(tariff)
        cost = {"excl_vat": float(round(kwh * price, 4))}
        change = {
            "status": "COMPLETED",
            "kwh": float(kwh),
            "end_date_time": format_datetime(end),
            "total_cost": cost,
            "last_updated": self._now(),
        }
        self.state.sessions[session["id"]] = finished = {**session, **change}
        owner = (self.party.country_code, self.party.party_id)
        await self._client().patch("sessions", _RECEIVER, *owner, session["id"], body=orjson.dumps(change))
        cdr = self._cdr(finished, location, tariff, kwh, cost)
        self.state.cdrs[cdr["id"]] = cdr
        await self._client().post("cdrs", _RECEIVER, body=orjson.dumps(cdr))

    async def _report(self, session: Json) -> None:
        owner = (self.party.country_code, self.party.party_id)
        await self._client().put("sessions", _RECEIVER, *owner, session["id"], body=orjson.dumps(session))

    def _session(self, token: Json, location: Json, auth_method: str, reference: JsonValue) -> Json:
        names = ("country_code", "party_id", "uid", "type", "contract_id")
        session: Json = {
            "country_code": self.party.country_code,
            "party_id": self.party.party_id,
            "id": uuid7(),
            "start_date_time": self._now(),
            "kwh": 0,
            "cdr_token": {name: token[name] for name in names},
            "auth_method": auth_method,
            "location_id": location["id"],
            "evse_uid": location["evses"][0]["uid"],
            "connector_id": location["evses"][0]["connectors"][0]["id"],
            "currency": "EUR",
            "status": "ACTIVE",
            "last_updated": self._now(),
        }
        return session | ({"authorization_reference": reference} if reference else {})

    def _cdr(self, session: Json, location: Json, tariff: Json | None, kwh: Decimal, cost: Json) -> Json:
        evse = location["evses"][0]
        connector = evse["connectors"][0]
        hours = timedelta(seconds=self.charging_s) / timedelta(hours=1)
        period = {
            "start_date_time": session["start_date_time"],
            "dimensions": [{"type": "ENERGY", "volume": float(kwh)}, {"type": "TIME", "volume": round(hours, 4)}],
        }
        kept = ("country_code", "party_id", "start_date_time", "end_date_time", "cdr_token", "auth_method", "currency")
        cdr: Json = {name: session[name] for name in kept}
        return cdr | {
            "id": uuid7(),
            "session_id": session["id"],
            "authorization_reference": session.get("authorization_reference") or "none",
            "cdr_location": {
                "id": location["id"],
                "address": location["address"],
                "city": location["city"],
                "country": location["country"],
                "coordinates": location["coordinates"],
                "evse_uid": evse["uid"],
                "evse_id": evse.get("evse_id", "#NA"),
                "connector_id": connector["id"],
                "connector_standard": connector["standard"],
                "connector_format": connector["format"],
                "connector_power_type": connector["power_type"],
            },
            "tariffs": [tariff] if tariff else [],
            "charging_periods": [period],
            "total_cost": cost,
            "total_energy": float(kwh),
            "total_time": round(hours, 4),
            "last_updated": self._now(),
        }

    async def _connect(self, theirs: Credentials, token_in: str) -> None:
        """Fetch what the hub offers with the token that it gave us."""
        discovery = await handshake.discover(self.http, theirs.url, theirs.token, now=self.clock.now)
        roles: list[Json] = [role.model_dump(mode="json", exclude_none=True) for role in theirs.roles]
        self.state.link = Link(discovery.endpoints, theirs.token, token_in, theirs.url, roles)

    def _credentials(self, token: str) -> Credentials:
        role = {
            "role": self.role,
            "country_code": self.party.country_code,
            "party_id": self.party.party_id,
            "business_details": {"name": self.name},
        }
        url = f"{self.public_url}/ocpi/versions"
        return Credentials.model_validate({"token": token, "url": url, "roles": [role]})

    def _client(self) -> PartnerClient:
        link = self.state.link
        if link is None:
            raise PeerError("not registered with the hub")
        return PartnerClient(
            self.http, link.endpoints, link.token_out, now=self.clock.now, our_party=self.party, peer_party=None
        )

    def _location(self, location_id: str | None) -> Json:
        return self.state.locations[location_id] if location_id else next(iter(self.state.locations.values()))

    def _now(self) -> str:
        return format_datetime(self.clock.now())


def _energy_price(tariff: Json | None) -> Decimal:
    for element in (tariff or {}).get("elements", []):
        for component in element["price_components"]:
            if component["type"] == "ENERGY":
                return Decimal(str(component["price"]))
    return Decimal(0)


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
