"""Charging profiles and preferences at the chargers of a simulated CPO: answered at once, the result posted later."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import orjson

from ocpi.call import Answer, Call
from ocpi.datetimes import format_datetime
from ocpi.endpoint import Interface, Verb
from ocpi.errors import NotFound, PeerError
from simulators.partner.hub_link import HubLink
from simulators.partner.shelves import remember
from simulators.partner.state import Json

TIMEOUT_S = 30


@dataclass(slots=True)
class Profiles:
    """What a CPO does with profiles of its running sessions."""

    hub: HubLink
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def preferences(self, call: Call) -> Answer:
        """ChargingPreferences of one session: taken as they are."""
        if call.path["session_id"] not in self.hub.state.sessions:
            raise NotFound("no such session")
        self.hub.state.preferences[call.path["session_id"]] = remember(self.hub.state, call)
        return Answer(b'"ACCEPTED"', sender=self.hub.party)

    async def read(self, call: Call) -> Answer:
        """The profile that is active now, posted as the result."""
        session_id = call.path["session_id"]
        stored = self.hub.state.profiles.get(session_id)
        profile = stored or {"charging_rate_unit": "W"}
        result: Json = {"result": "ACCEPTED", "profile": self._active(profile)}
        return self._answered(call, self._post(call, call.query["response_url"], result))

    async def put(self, call: Call) -> Answer:
        """Set a profile; afterwards the CPO tells which profile is active (charging profiles, section Flow)."""
        body = remember(self.hub.state, call)
        return self._answered(call, self._set(call, body))

    async def delete(self, call: Call) -> Answer:
        """Clear the profile."""
        remember(self.hub.state, call)
        known = self.hub.state.profiles.pop(call.path["session_id"], None)
        result = {"result": "UNKNOWN" if known is None else "ACCEPTED"}
        return self._answered(call, self._post(call, call.query["response_url"], result))

    async def close(self) -> None:
        """Drop the results that are still to be posted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _answered(self, call: Call, afterwards: Coroutine[Any, Any, None]) -> Answer:
        session = self.hub.state.sessions.get(call.path["session_id"])
        if session is None or session["status"] != "ACTIVE":
            afterwards.close()
            return Answer(orjson.dumps({"result": "UNKNOWN_SESSION", "timeout": 0}), sender=self.hub.party)
        task = asyncio.create_task(afterwards)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Answer(orjson.dumps({"result": "ACCEPTED", "timeout": TIMEOUT_S}), sender=self.hub.party)

    async def _set(self, call: Call, body: Json) -> None:
        session_id = call.path["session_id"]
        self.hub.state.profiles[session_id] = body["charging_profile"]
        await self._post(call, body["response_url"], {"result": "ACCEPTED"})
        active = orjson.dumps(self._active(body["charging_profile"]))
        try:
            client = self.hub.client()
            headers = client.headers(to_party=call.headers.from_party)
            await client.put("chargingprofiles", Interface.SENDER, session_id, body=active, headers=headers)
        except PeerError as error:
            self.hub.state.failures.append(f"ActiveChargingProfile: {error}")

    async def _post(self, call: Call, url: str, result: Json) -> None:
        try:
            client = self.hub.client()
            headers = client.headers(to_party=call.headers.from_party, correlation_id=call.headers.correlation_id)
            await client.request(Verb.POST, url, body=orjson.dumps(result), headers=headers)
        except PeerError as error:
            self.hub.state.failures.append(f"chargingprofiles: {error}")

    def _active(self, profile: Json) -> Json:
        return {"start_date_time": format_datetime(self.hub.clock.now()), "charging_profile": profile}
