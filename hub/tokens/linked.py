"""Cards and vehicles that belong to our drivers, inside one transaction.

What is linked is charged to its driver. Only an operator links a card: whoever holds one can read its number, so a
number proves nothing. What a driver who pays beforehand has is asked about each time, at partners and by chargers;
what another one has may be stored by them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from hub.drivers.events import DriverChanged
from hub.drivers.tables import Driver, PaymentMethod
from hub.parties.wire import completed
from hub.tokens import service
from hub.tokens.tables import Token
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.tx import Tx
from ocpi.datetimes import format_datetime
from ocpi.v221.tokens import Token as WireToken

Json = dict[str, Any]

VEHICLE = "VID:"
"""Begins the uid by which a charger tells of a vehicle's own address (Autocharge)."""


class TokenTaken(Conflict):
    """The card belongs to another driver: unlink it there first."""

    code, title = "token_taken", "This card belongs to another driver"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A card or a vehicle that is to be a driver's. `visual_number` is what is printed on it."""

    uid: str
    token_type: str = "RFID"  # noqa: S105 - a kind of token
    visual_number: str | None = None


async def link(tx: Tx, ring: KeyRing, driver: Driver, wanted: Wanted, *, issuer: str) -> Token:
    """Make a card or a vehicle a driver's, and issue it if there is none. Raises `TokenTaken`, `InvalidInput`."""
    country_code, party_id, _ = driver.contract_id.split("-", 2)
    known = await service.get(tx, ring, country_code, party_id, wanted.uid, wanted.token_type)
    if known is not None and known.driver_id not in (None, driver.id):
        raise TokenTaken
    given: Json = {
        "uid": wanted.uid,
        "type": wanted.token_type,
        "contract_id": driver.contract_id,
        **({"visual_number": wanted.visual_number} if wanted.visual_number else {}),
        **_standing(driver),
    }
    body = completed(WireToken, given, party=(country_code, party_id), now=tx.now, issuer=issuer)
    await service.put(tx, ring, body, platform_id=None)
    row = await service.get(tx, ring, country_code, party_id, wanted.uid, wanted.token_type)
    if row is None:
        raise NotFound("no such token")
    await tx.execute(update(Token).where(col(Token.id) == row.id).values(driver_id=driver.id))
    await tx.session.refresh(row)
    return row


async def unlink(tx: Tx, ring: KeyRing, driver_id: str, token_id: int) -> None:
    """A card or a vehicle charges nobody any more, here and at partners. Raises `NotFound` for another's."""
    row = await tx.get(Token, token_id)
    if row is None or row.driver_id != driver_id:
        raise NotFound("no such token")
    await _change(tx, ring, row, {"valid": False, "whitelist": "NEVER"})
    await tx.execute(update(Token).where(col(Token.id) == token_id).values(driver_id=None))


async def of_driver(tx: Tx, driver_id: str) -> Sequence[Token]:
    """The cards and vehicles of a driver, the oldest first."""
    return await tx.all(select(Token).where(col(Token.driver_id) == driver_id).order_by(col(Token.id)))


async def driver_of(tx: Tx, ring: KeyRing, token: Json) -> Driver | None:
    """The driver to whom a Token or a CdrToken belongs; None for one that no driver of ours has."""
    row = await service.get(tx, ring, token["country_code"], token["party_id"], token["uid"], token["type"])
    if row is None or row.driver_id is None or row.platform_id is not None:
        return None
    return await tx.get(Driver, row.driver_id)


def follower(ring: KeyRing) -> Callable[[Tx, DriverChanged], Awaitable[None]]:
    """How cards follow their driver."""

    async def follow_driver(tx: Tx, event: DriverChanged) -> None:
        driver = await tx.get(Driver, event.driver_id)
        for row in await of_driver(tx, event.driver_id):
            if driver is not None:
                await _change(tx, ring, row, _standing(driver))

    return follow_driver


def _standing(driver: Driver) -> Json:
    """What partners and chargers may do with a driver's card: one that is paid beforehand is asked about each time."""
    is_prepaid = driver.payment in (PaymentMethod.CARD, PaymentMethod.WALLET)
    return {"valid": driver.blocked_at is None, "whitelist": "NEVER" if is_prepaid else "ALLOWED"}


async def _change(tx: Tx, ring: KeyRing, row: Token, changes: Json) -> None:
    before = row.body()
    if {name: before[name] for name in changes} == changes:
        return
    at = format_datetime(max(tx.now, row.last_updated))
    await service.put(tx, ring, {**before, **changes, "last_updated": at}, platform_id=None)
