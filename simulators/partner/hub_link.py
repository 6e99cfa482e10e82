"""A partner's side of the credentials handshake, in both directions, and requests to the hub once it is done."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from kit.clock import Clock
from kit.ids import random_token
from ocpi import handshake
from ocpi.client import PartnerClient
from ocpi.errors import PeerError, Unauthenticated
from ocpi.handshake import Discovery
from ocpi.headers import Party, token_candidates
from ocpi.v221.credentials import Credentials
from simulators.partner.state import Json, Link, State

REGISTRATION_MODULES = ("versions", "credentials")


@dataclass(slots=True)
class HubLink:
    """The registration of one party with the hub, or with any other platform. `public_url` is where it finds us."""

    role: str
    party: Party
    name: str
    public_url: str
    clock: Clock
    http: httpx.AsyncClient
    state: State

    async def authenticate(self, headers: Mapping[str, str], module: str) -> object:
        """Who calls: the hub, or somebody with a registration token. Raises `Unauthenticated`."""
        candidates = token_candidates(headers.get("authorization"))
        if self.state.link is not None and self.state.link.token_in in candidates:
            self.state.visits.append(module)
            return "hub"
        if module in REGISTRATION_MODULES and self.state.registration_tokens & set(candidates):
            self.state.visits.append(module)
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
        self.state.registration_tokens.add(ours)  # the hub calls back with it before it answers
        try:
            discovery = await self._discover(versions_url, token)
            theirs = await handshake.register(self.http, discovery, token, self.credentials(ours), now=self.clock.now)
        finally:
            self.state.registration_tokens.discard(ours)
        await self._connect(theirs, ours)

    async def renew(self) -> None:
        """Change both tokens by PUT. Raises `OcpiError` or `PeerError`."""
        link, ours = self._link(), random_token()
        self.state.registration_tokens.add(ours)
        try:
            discovery = await self._discover(link.versions_url, link.token_out)
            theirs = await handshake.update(
                self.http, discovery, link.token_out, self.credentials(ours), now=self.clock.now
            )
        finally:
            self.state.registration_tokens.discard(ours)
        await self._connect(theirs, ours)

    async def unregister(self) -> None:
        """End the registration on both sides. Raises `OcpiError` or `PeerError`."""
        link = self._link()
        discovery = await self._discover(link.versions_url, link.token_out)
        await handshake.unregister(self.http, discovery, link.token_out, now=self.clock.now)
        self.state.link = None

    async def be_registered(self, theirs: Credentials) -> Credentials:
        """The hub registers with us, or renews its registration."""
        ours = random_token()
        await self._connect(theirs, ours)
        self.state.registration_tokens.clear()
        return self.credentials(ours)

    def credentials(self, token: str) -> Credentials:
        """Who we are, with the token that the hub is to present."""
        role = {
            "role": self.role,
            "country_code": self.party.country_code,
            "party_id": self.party.party_id,
            "business_details": {"name": self.name},
        }
        url = f"{self.public_url}/ocpi/versions"
        return Credentials.model_validate({"token": token, "url": url, "roles": [role]})

    def client(self) -> PartnerClient:
        """Requests to the hub, from our party to nobody in particular. Raises `PeerError` before registration."""
        link = self._link()
        return PartnerClient(
            self.http, link.endpoints, link.token_out, now=self.clock.now, our_party=self.party, peer_party=None
        )

    async def _discover(self, versions_url: str, token: str) -> Discovery:
        return await handshake.discover(self.http, versions_url, token, now=self.clock.now)

    async def _connect(self, theirs: Credentials, token_in: str) -> None:
        """Fetch what the hub offers with the token that it gave us."""
        discovery = await self._discover(theirs.url, theirs.token)
        roles: list[Json] = [role.model_dump(mode="json", exclude_none=True) for role in theirs.roles]
        self.state.link = Link(discovery.endpoints, theirs.token, token_in, theirs.url, roles)

    def _link(self) -> Link:
        if self.state.link is None:
            raise PeerError("not registered with the hub")
        return self.state.link
