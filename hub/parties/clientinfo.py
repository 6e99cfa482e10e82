"""hubclientinfo (OCPI 2.2.1): who can be reached through us, told to partners when it changes; and who can be reached
through a partner that is a hub itself.

A party's status is an object with a present state, told through the change log as any other: a partner that was away
learns how things are, not how they were.
"""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlmodel import col

from hub.parties import changes
from hub.parties.agreements import Agreements
from hub.parties.changes import Changed
from hub.parties.directory import DOORBELL, PartyEntry, Peer, Snapshot
from hub.parties.objects import ObjectKey
from hub.parties.outbox import Outgoing, Source
from hub.parties.tables import INVITED, OFFLINE, SUSPENDED, PartyBehind, PartyRow, Platform
from kit.tx import Tx
from ocpi.datetimes import format_datetime
from ocpi.errors import ClientError, InvalidParameters
from ocpi.v221.hub_client_info import ClientInfo

Json = dict[str, Any]

MODULE = "hubclientinfo"
ROLES = ("CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP")
STATUS = {INVITED: "PLANNED", OFFLINE: "OFFLINE", SUSPENDED: "SUSPENDED"}
"""A platform's status as its parties' ConnectionStatus; CONNECTED for every other."""


def may_know(peer: Peer, agreements: Agreements, role: str, party: str) -> bool:
    """Whether a partner may know of a party, `CC*PID`, in a role: not of its own, and only whom it may meet."""
    own = [each.key for each in peer.parties]
    is_cpo = role.upper() == "CPO"
    meets = (agreements.may_meet(party, each) if is_cpo else agreements.may_meet(each, party) for each in own)
    return party not in own and any(meets)


def may_be_told(peer: Peer, agreements: Agreements, change: Changed) -> bool:
    """Whether a change in the log is for this partner, as far as this module has a say in it."""
    party = f"{change.country_code}*{change.party_id}"
    return change.module != MODULE or may_know(peer, agreements, change.object_id, party)


def client_info(entry: PartyEntry, snapshot: Snapshot) -> Json:
    """A party as OCPI's ClientInfo."""
    peer = snapshot.peers.get(entry.platform_id) if entry.platform_id else None
    status = STATUS.get(peer.status, "CONNECTED") if peer else "CONNECTED"
    return _info(entry.country_code, entry.party_id, entry.role, status, entry.last_updated)


async def tell(tx: Tx, platform_id: str, *, gone: bool = False) -> None:
    """The status of a platform's parties changed, or there are other parties: partners learn of it."""
    of_platform = col(PartyRow.platform_id) == platform_id
    await tx.flush()
    await tx.execute(update(PartyRow).where(of_platform).values(last_updated=tx.now))
    rows = await tx.all(select(PartyRow).where(of_platform).execution_options(populate_existing=True))
    for row in rows:
        if row.role != "HUB":
            told = (row.country_code, row.party_id, [row.role.casefold()])
            await changes.mark(tx, changes.Marked(MODULE, *told, platform_id, removed=gone))


def source() -> Source:
    """A party's status is PUT at `{country_code}/{party_id}`; a party that is gone is SUSPENDED."""

    async def read(tx: Tx, key: ObjectKey, *, removed: bool) -> Outgoing | None:
        role = key.object_id.upper()
        row = await tx.get(PartyRow, (key.country_code, key.party_id, role))
        platform = await tx.get(Platform, row.platform_id) if row is not None and row.platform_id else None
        status = "SUSPENDED" if row is None else STATUS.get(platform.status, "CONNECTED") if platform else "CONNECTED"
        at = tx.now if row is None else row.last_updated
        body = orjson.dumps(_info(key.country_code, key.party_id, role, status, at))
        return Outgoing("PUT", (key.country_code, key.party_id), body, "")

    return read


async def keep(tx: Tx, peer: Peer, info: ClientInfo) -> bool:
    """A partner hub says of a party how it can be reached through it; True when that is new.

    Raises `ClientError` for a partner that is no hub, and `InvalidParameters` for a party that has a home elsewhere:
    nobody takes over another's party by saying so.
    """
    if peer.party_with("HUB") is None:
        raise ClientError("only a hub tells who can be reached through it")
    country_code, party_id, role = info.country_code.upper(), info.party_id.upper(), info.role.value.upper()
    home = select(PartyRow).where(col(PartyRow.country_code) == country_code, col(PartyRow.party_id) == party_id)
    if await tx.first(home) is not None:
        raise InvalidParameters("that party has its home elsewhere")
    row = await tx.get(PartyBehind, (country_code, party_id, role))
    if row is not None and row.platform_id != peer.id:
        raise InvalidParameters("that party is reached through another hub")
    if row is None:
        tx.add(
            PartyBehind(
                country_code=country_code,
                party_id=party_id,
                role=role,
                platform_id=peer.id,
                status=info.status.value,
                last_updated=info.last_updated,
            )
        )
    elif row.last_updated <= info.last_updated:
        row.status, row.last_updated = info.status.value, info.last_updated
    tx.ring(DOORBELL)
    return row is None


async def behind(tx: Tx, platform_id: str) -> list[PartyBehind]:
    """The parties that a partner hub reaches for us."""
    of_platform = select(PartyBehind).where(col(PartyBehind.platform_id) == platform_id)
    return list(
        await tx.all(of_platform.order_by(col(PartyBehind.country_code), col(PartyBehind.party_id), PartyBehind.role))
    )


async def forget_behind(tx: Tx, platform_id: str) -> None:
    """The partner hub is gone, and with it the way to whom it reached."""
    await tx.execute(delete(PartyBehind).where(col(PartyBehind.platform_id) == platform_id))


def as_json(row: PartyBehind) -> Json:
    """A party behind a partner hub as OCPI's ClientInfo."""
    return _info(row.country_code, row.party_id, row.role, row.status, row.last_updated)


def _info(country_code: str, party_id: str, role: str, status: str, last_updated: datetime) -> Json:
    return {
        "country_code": country_code,
        "party_id": party_id,
        "role": role,
        "status": status,
        "last_updated": format_datetime(last_updated),
    }
