"""eMSPs on real sockets that answer what a test tells them to, and a hub that asks them."""

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.responses import Response

from hub.tokens import service
from hub.tokens.flows import Authorization, Question
from ocpi.v221.tokens import LocationReferences
from tests.hub.parties.joining import joined
from tests.journeys.network import Network, eventually
from tests.journeys.peers import Stranger, stranger, success

UID = "0411AABBCC"
DEADLINE_S = 30.0
"""Long enough that whoever need not wait for it is done before it, on a busy machine, too."""
FOREVER_S = 600.0
"""How late an answer is that nobody waits for."""
PLACE = LocationReferences(location_id="LOC1", evse_uids=["EVSE-1"])

Json = dict[str, Any]


def token(party: str = "DE*EMS", **fields: Any) -> Json:
    return {
        "country_code": party[:2],
        "party_id": party[3:],
        "uid": UID,
        "type": "RFID",
        "contract_id": f"{party[:2]}-{party[3:]}-C1",
        "issuer": "An eMSP",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2026-01-01T00:00:00Z",
        **fields,
    }


@dataclass
class Emsps:
    """A hub and eMSPs that answer what a test tells them to."""

    network: Network
    stack: AsyncExitStack
    http: httpx.AsyncClient

    async def add(self, party: str, *, role: str = "EMSP") -> Stranger:
        made, hub = await self.stack.enter_async_context(stranger()), self.network.up.hub
        async with hub.db.tx() as tx:
            await joined(tx, hub.keys, party, role, made.url, {"SENDER/tokens": f"{made.url}/tokens"})
        return made

    async def store(self, party: str, **fields: Any) -> None:
        hub = self.network.up.hub
        snapshot = await hub.directory.snapshot()
        peer = snapshot.peer_of(party[:2], party[3:])
        async with hub.db.tx() as tx:
            await service.put(tx, hub.keys, token(party, **fields), platform_id=peer.id if peer else None)

    async def decide(self, uid: str = UID, **more: Any) -> Authorization:
        return await self.network.up.hub.starter.authorizer.decide(Question(uid, "RFID", **more))

    @contextmanager
    def hurried(self, deadline_s: float) -> Iterator[None]:
        """The hub waits no longer than this."""
        asker = self.network.up.hub.starter.authorizer._asker
        usual_s, asker._deadline_s = asker._deadline_s, deadline_s
        try:
            yield
        finally:
            asker._deadline_s = usual_s

    def opened(self, network: Network) -> "Emsps":
        """The same eMSPs, seen by another hub."""
        return Emsps(network, self.stack, self.http)


async def answers_last(last: Stranger, asked: Sequence[Stranger]) -> None:
    """Let one answer that has been told to wait, as soon as all others were asked."""

    async def all_asked() -> bool:
        return all(each.seen for each in asked)

    await eventually(all_asked)
    last.leaving.set()


def says(verdict: str, party: str = "DE*EMS", **fields: Any) -> Response:
    return success({"allowed": verdict, "token": token(party), **fields})
