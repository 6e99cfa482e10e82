"""What an eMSP or SCSP asks of a CPO: commands and charging profiles, whose results come later, and preferences."""

from dataclasses import dataclass

import orjson

from kit.ids import uuid7
from ocpi.endpoint import Interface, Verb
from ocpi.headers import Party
from ocpi.paging import with_query
from ocpi.types import JsonValue
from simulators.partner.hub_link import HubLink
from simulators.partner.state import Json

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER


@dataclass(frozen=True, slots=True)
class Asking:
    """Requests of one party. `to` names the CPO, else the hub finds it; all of them raise `PeerError`."""

    hub: HubLink

    async def command(self, command: str, body: Json, *, to: Party | None) -> str:
        """Send a command; returns the id that its result will have."""
        asked = uuid7()
        sent = {**body, "response_url": f"{self._callbacks('commands')}/{command}/{asked}"}
        if command in ("START_SESSION", "RESERVE_NOW"):
            sent["authorization_reference"] = f"CMD-{asked[-8:]}"
        client = self.hub.client()
        reply = await client.post(
            "commands", _RECEIVER, command, body=orjson.dumps(sent), headers=client.headers(to_party=to)
        )
        self._note(asked, command, reply.envelope.data)
        return asked

    async def profile(self, session_id: str, profile: Json | None, *, to: Party | None) -> str:
        """Set the profile of a session, or clear it with None; returns the id that the result will have."""
        asked = uuid7()
        kind = "clear_profile_result" if profile is None else "set_profile_result"
        response_url = f"{self._callbacks('chargingprofiles')}/{kind}/{asked}"
        client = self.hub.client()
        url, headers = client.url("chargingprofiles", _RECEIVER, session_id), client.headers(to_party=to)
        if profile is None:
            reply = await client.request(Verb.DELETE, with_query(url, response_url=response_url), headers=headers)
        else:
            body = orjson.dumps({"charging_profile": profile, "response_url": response_url})
            reply = await client.request(Verb.PUT, url, body=body, headers=headers)
        self._note(asked, kind, reply.envelope.data)
        return asked

    async def active_profile(self, session_id: str, duration_s: int, *, to: Party | None) -> str:
        """Ask for the profile of the next seconds; returns the id that the result will have."""
        asked = uuid7()
        response_url = f"{self._callbacks('chargingprofiles')}/active_profile_result/{asked}"
        client = self.hub.client()
        url = with_query(
            client.url("chargingprofiles", _RECEIVER, session_id), duration=duration_s, response_url=response_url
        )
        reply = await client.request(Verb.GET, url, headers=client.headers(to_party=to))
        self._note(asked, "active_profile_result", reply.envelope.data)
        return asked

    async def preferences(self, session_id: str, preferences: Json, *, to: Party | None) -> JsonValue:
        """Tell the preferences of our driver; returns the CPO's answer."""
        client = self.hub.client()
        path = (session_id, "charging_preferences")
        headers = client.headers(to_party=to)
        reply = await client.put("sessions", _SENDER, *path, body=orjson.dumps(preferences), headers=headers)
        return reply.envelope.data

    def _callbacks(self, module: str) -> str:
        return f"{self.hub.public_url}/ocpi/2.2.1/sender/{module}"

    def _note(self, asked: str, kind: str, answer: JsonValue) -> None:
        """An answer that is not ACCEPTED is the result: none follows."""
        if isinstance(answer, dict) and answer.get("result") != "ACCEPTED":
            self.hub.state.results[asked] = {"command": kind, "result": answer.get("result"), "answered": True}
