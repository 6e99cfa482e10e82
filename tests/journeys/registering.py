"""Registering with the hub by hand, and what of it the hub has stored."""

import httpx
from sqlalchemy import func
from sqlmodel import SQLModel, select

from hub.parties.changes import Cursor
from hub.parties.tables import PartyRow, Platform, PlatformToken
from tests.journeys.network import Json, Network
from tests.journeys.peers import Ocpi, Stranger, credentials

FUNCTIONAL = "sender/locations"


async def invited(network: Network, http: httpx.AsyncClient, *roles: str) -> tuple[str, Ocpi]:
    """An invitation: the platform's id, and requests with token A."""
    listed = [{"role": role.partition(":")[0], "party": role.partition(":")[2]} for role in roles]
    made = await network.send("POST", "/partners/invitations", {"name": "Partner", "roles": listed}, expect=201)
    return made["platform_id"], Ocpi.with_token(network, http, made["token"])


async def registered(network: Network, http: httpx.AsyncClient, other: Stranger, role: str) -> Ocpi:
    """A partner that has registered as one party; requests with its token C."""
    _, invitee = await invited(network, http, role)
    answer = await invitee.send("POST", "credentials", credentials(f"{other.url}/versions", role))
    assert answer.json()["status_code"] == 1000, answer.text
    return Ocpi.with_token(network, http, answer.json()["data"]["token"])


async def renewed(network: Network, partner: Ocpi, body: Json) -> Ocpi:
    """Requests with the token that a renewal gives."""
    answer = await partner.send("PUT", "credentials", body)
    return Ocpi.with_token(network, partner.http, answer.json()["data"]["token"])


async def stored(network: Network) -> dict[str, int]:
    """How many rows of each kind there are; the hub's own parties are not counted."""
    found: dict[str, int] = {}
    async with network.up.hub.db.read() as tx:
        kinds: list[type[SQLModel]] = [Platform, PlatformToken, Cursor]
        for kind in kinds:
            found[kind.__name__] = (await tx.execute(select(func.count()).select_from(kind))).scalar_one()
        parties = await tx.all(select(PartyRow))
    return {**found, "PartyRow": sum(row.platform_id is not None for row in parties)}


async def status_of(network: Network, platform_id: str) -> str:
    partners = await network.get("/partners")
    return next(partner["status"] for partner in partners if partner["id"] == platform_id)
