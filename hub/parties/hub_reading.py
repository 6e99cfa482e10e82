"""Reading whom a partner hub reaches (OCPI 2.2.1, hubclientinfo, Sender): when it registers, is back, and daily.

What it pushes comes in by the same `clientinfo.keep`. A party that its list does not have any more is forgotten.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import delete
from sqlmodel import col

from hub.parties import clientinfo
from hub.parties.clients import Clients
from hub.parties.directory import DOORBELL, Directory, Peer
from hub.parties.outbox import Refused
from hub.parties.tables import PartyBehind
from kit.jobs import GiveUp, Retry
from kit.log import get
from kit.tx import Database, Tx
from ocpi.endpoint import Interface
from ocpi.errors import OcpiError, PeerError, PeerUnreachable
from ocpi.types import JsonValue
from ocpi.v221.hub_client_info import ClientInfo

log = get(__name__)

READ = "parties.read_hub"
LIST = f"SENDER/{clientinfo.MODULE}"
MOST_PARTIES = 10_000

Flow = Callable[[Database, Mapping[str, Any]], Awaitable[None]]


def ask(tx: Tx, platform_id: str) -> None:
    """Have a partner hub's list read soon."""
    tx.enqueue(READ, {"platform_id": platform_id}, replace_key=platform_id)


def daily(directory: Directory) -> Flow:
    """The flow that has the list of every partner hub read."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        hubs = [peer for peer in (await directory.snapshot()).peers.values() if _is_readable(peer)]
        if hubs:
            async with db.tx() as tx:
                for peer in hubs:
                    ask(tx, peer.id)

    return flow


def reader(directory: Directory, clients: Clients) -> Flow:
    """The flow that reads one partner hub's list, page by page, and stores it as a whole."""

    async def flow(db: Database, payload: Mapping[str, Any]) -> None:
        peer = (await directory.snapshot()).peers.get(payload["platform_id"])
        if peer is None or not _is_readable(peer):
            return
        async with db.read() as tx:
            before = {_key(row) for row in await clientinfo.behind(tx, peer.id)}
        listed: list[JsonValue] = []
        try:
            async for item in clients.to(peer).items(clientinfo.MODULE, Interface.SENDER):
                listed.append(item)
                if len(listed) > MOST_PARTIES:
                    raise GiveUp("the list is too long")
        except PeerUnreachable as error:
            raise Retry(str(error), after_s=error.retry_after_s) from error
        except (PeerError, Refused) as error:
            raise GiveUp(f"the list cannot be read: {error}") from error
        async with db.tx() as tx:
            await _store(tx, peer, listed, before)

    return flow


def _is_readable(peer: Peer) -> bool:
    return peer.is_registered and LIST in peer.endpoints and peer.party_with("HUB") is not None


async def _store(tx: Tx, peer: Peer, listed: Iterable[JsonValue], before: set[tuple[str, str, str]]) -> None:
    """Keep what was listed; of what was known `before` the list was read, what is not listed is gone."""
    gone = set(before)
    for item in listed:
        try:
            info = ClientInfo.model_validate(item)
            await clientinfo.keep(tx, peer, info)
        except (OcpiError, ValueError) as error:
            log.warning("party_behind_hub_refused", platform_id=peer.id, reason=type(error).__name__)
            continue
        gone.discard((info.country_code.upper(), info.party_id.upper(), info.role.value.upper()))
    for country_code, party_id, role in gone:
        await tx.execute(
            delete(PartyBehind).where(
                col(PartyBehind.country_code) == country_code,
                col(PartyBehind.party_id) == party_id,
                col(PartyBehind.role) == role,
            )
        )
    if gone:
        tx.ring(DOORBELL)


def _key(row: PartyBehind) -> tuple[str, str, str]:
    return row.country_code, row.party_id, row.role
