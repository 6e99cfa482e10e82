"""A simulated partner: what a test, the demo or a person makes it do."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

import httpx
import orjson

from kit.clock import Clock
from ocpi.datetimes import format_datetime, parse_datetime
from ocpi.endpoint import Interface
from ocpi.headers import Party
from simulators.partner.asking import Asking
from simulators.partner.charger import Chargers
from simulators.partner.faults.catalog import Faults
from simulators.partner.hub_link import HubLink
from simulators.partner.hubbing import DEFAULT_PARTIES, Behind, Hubbing
from simulators.partner.profiles import Profiles
from simulators.partner.state import Json, State

_SENDER, _RECEIVER = Interface.SENDER, Interface.RECEIVER


class Door(Protocol):
    """Where the hub comes in."""

    async def open(self) -> None:
        """Listen."""
        ...

    async def refuse(self) -> None:
        """Refuse connections."""
        ...


class Partner:
    """One party on a platform of its own. `public_url` is where the hub reaches it.

    `role` is CPO, EMSP, NSP, SCSP, or HUB with `behind` as the parties that are reached through it.
    """

    def __init__(
        self,
        *,
        role: str,
        party: Party,
        name: str,
        public_url: str,
        clock: Clock,
        http: httpx.AsyncClient,
        state: State,
        faults: Faults,
        charging_s: float = 1.0,
        behind: Sequence[Behind] = DEFAULT_PARTIES,
    ) -> None:
        self.hub = HubLink(role, party, name, public_url, clock, http, state)
        self.hubbing = Hubbing(party, behind, state, clock)
        if role == "HUB":
            self.hubbing.introduce()
        self.chargers = Chargers(self.hub, charging_s)
        self.profiles = Profiles(self.hub)
        self.asking = Asking(self.hub)
        self.faults = faults
        self.role, self.party, self.name, self.public_url = role, party, name, public_url
        self.clock, self.http, self.state = clock, http, state
        self.door: Door | None = None
        self.control_url = ""
        self._returning: asyncio.Task[None] | None = None

    @property
    def charging_s(self) -> float:
        """How long a session lasts at this CPO's chargers."""
        return self.chargers.charging_s

    @charging_s.setter
    def charging_s(self, seconds: float) -> None:
        self.chargers.charging_s = seconds

    @property
    def billing_error(self) -> Decimal:
        """What this CPO adds to the total of each CDR: 0 when it bills rightly."""
        return self.chargers.billing_error

    @billing_error.setter
    def billing_error(self, amount: Decimal) -> None:
        self.chargers.billing_error = amount

    # With whom it is connected

    def invite(self) -> Json:
        """Make a token A for the hub to register with: `{"versions_url", "token"}`."""
        return self.hub.invite()

    async def register(self, versions_url: str, token: str) -> None:
        """Register with the hub that invited us. Raises `OcpiError` or `PeerError`."""
        await self.hub.register(versions_url, token)

    async def renew(self) -> None:
        """Change both tokens. Raises `OcpiError` or `PeerError`."""
        await self.hub.renew()

    async def unregister(self) -> None:
        """End the registration. Raises `OcpiError` or `PeerError`."""
        await self.hub.unregister()

    async def go_away(self, *, refuse: bool = False, for_s: float | None = None) -> None:
        """Be out of order until `come_back`, or for a time: answer 503, or refuse connections altogether."""
        self._forget_return()
        self.state.online = False
        if refuse and self.door is not None:
            await self.door.refuse()
        if for_s is not None:
            self._returning = asyncio.create_task(self._return_after(for_s))

    async def come_back(self) -> None:
        """Answer again."""
        self._forget_return()
        await self._open()

    async def close(self) -> None:
        """Let go of what was planned."""
        self._forget_return()

    async def _return_after(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        await self._open()

    async def _open(self) -> None:
        if self.door is not None:
            await self.door.open()
        self.state.online = True

    def _forget_return(self) -> None:
        if self._returning is not None:
            self._returning.cancel()
            self._returning = None

    # Its objects and the hub's

    def owner(self, role: str) -> Party:
        """Whose objects are kept here that a role has: ours, or those of a party behind the hub that we are."""
        return self.hubbing.owner(role) if self.role == "HUB" else self.party

    def keep(self, module: str, body: Json) -> Json:
        """Keep an object of ours without telling the hub, as one that is known in real time only; completed.

        Raises `KeyError` for a module whose objects are not kept.
        """
        owner = self.owner("EMSP" if module == "tokens" else "CPO")
        stored = {
            **body,
            "country_code": owner.country_code,
            "party_id": owner.party_id,
            "last_updated": format_datetime(self.clock.now()),
        }
        self.state.objects(module)[_object_id(module, stored)] = stored
        return stored

    async def push(self, module: str, body: Json) -> None:
        """Keep an object of ours and send it to the hub. Raises `PeerError`."""
        stored = self.keep(module, body)
        query = {"type": str(stored["type"])} if module == "tokens" else None
        path = (stored["country_code"], stored["party_id"], _object_id(module, stored))
        await self.hub.client().put(module, _RECEIVER, *path, query=query, body=orjson.dumps(stored))

    async def patch(self, module: str, path: list[str], change: Json) -> None:
        """Send a change of an object of ours, `path` from its id on (`["LOC1", "EVSE-1"]`). Raises `PeerError`.

        What is kept here of a whole object changes too.
        """
        stamped = {**change, "last_updated": format_datetime(self.clock.now())}
        objects = self.state.objects(module)
        if len(path) == 1 and path[0] in objects:
            objects[path[0]] = {**objects[path[0]], **stamped}
        owner = (self.party.country_code, self.party.party_id)
        await self.hub.client().patch(module, _RECEIVER, *owner, *path, body=orjson.dumps(stamped))

    async def delete(self, module: str, object_id: str) -> None:
        """Forget an object of ours and tell the hub. Raises `PeerError`."""
        self.state.objects(module).pop(object_id, None)
        await self.hub.client().delete(module, _RECEIVER, self.party.country_code, self.party.party_id, object_id)

    async def pull(self, module: str, *, limit: int | None = None, date_from: str | None = None) -> list[Json]:
        """Everything that the hub lists of a module, page by page. Raises `PeerError`."""
        since = parse_datetime(date_from) if date_from else None
        items = self.hub.client().items(module, _SENDER, limit=limit, date_from=since)
        return [dict(item) async for item in items]

    # As a CPO

    async def tap(
        self, uid: str, *, location_id: str | None = None, evse_uid: str | None = None, kwh: str = "7.5"
    ) -> Json:
        """A driver taps a card at our charger: see `Chargers.tap`."""
        return await self.chargers.tap(uid, location_id=location_id, evse_uid=evse_uid, kwh=kwh)

    # As an eMSP

    async def start_session(
        self, uid: str, location_id: str, evse_uid: str | None = None, *, to: Party | None = None
    ) -> str:
        """Ask for a session for a token of ours; returns the id that the result will have.

        `to` names the CPO, else the hub finds it. Raises `PeerError`, `KeyError` for a token that is not ours.
        """
        body: Json = {"token": self.state.tokens[uid], "location_id": location_id}
        if evse_uid is not None:
            body["evse_uid"] = evse_uid
        return await self.asking.command("START_SESSION", body, to=to)

    async def stop_session(self, session_id: str, *, to: Party | None = None) -> str:
        """Ask to stop a session of our driver; returns the id that the result will have. Raises `PeerError`."""
        return await self.asking.command("STOP_SESSION", {"session_id": session_id}, to=to)

    async def unlock(self, location_id: str, evse_uid: str, connector_id: str, *, to: Party | None = None) -> str:
        """Ask to release a cable; returns the id that the result will have. Raises `PeerError`."""
        place = {"location_id": location_id, "evse_uid": evse_uid, "connector_id": connector_id}
        return await self.asking.command("UNLOCK_CONNECTOR", place, to=to)

    async def reserve(
        self,
        uid: str,
        location_id: str,
        reservation_id: str,
        *,
        evse_uid: str | None = None,
        for_s: float = 900.0,
        to: Party | None = None,
    ) -> str:
        """Reserve for a token of ours; returns the id that the result will have. Raises `PeerError`, `KeyError`."""
        body: Json = {
            "token": self.state.tokens[uid],
            "location_id": location_id,
            "reservation_id": reservation_id,
            "expiry_date": format_datetime(self.clock.now() + timedelta(seconds=for_s)),
        }
        return await self.asking.command("RESERVE_NOW", body | ({"evse_uid": evse_uid} if evse_uid else {}), to=to)

    async def cancel_reservation(self, reservation_id: str, *, to: Party | None = None) -> str:
        """Give a reservation up; returns the id that the result will have. Raises `PeerError`."""
        return await self.asking.command("CANCEL_RESERVATION", {"reservation_id": reservation_id}, to=to)


def _object_id(module: str, body: Json) -> str:
    return str(body["uid" if module == "tokens" else "id"])
