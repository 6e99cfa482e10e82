"""Autocharge: a vehicle becomes a driver's when its driver says so during a session, inside one transaction.

A charger tells of the address that a plugged-in vehicle shows. That proves little: an address can be copied. So it is
nobody's until a driver who is charging at that connector confirms it, operators have to allow it, and a driver can end
it at any time. What was not announced at one's own session cannot be claimed: nobody types an address in.
"""

from dataclasses import dataclass
from datetime import datetime

from hub.drivers.tables import Driver
from hub.starts.lifecycle import StartState
from hub.starts.tables import Start
from hub.starts.vehicle_tables import WITHIN, VehicleSeen, seen_at
from hub.tokens import linked
from hub.tokens.linked import VEHICLE, Wanted
from hub.tokens.tables import Token, uid_digests
from kit.crypto import KeyRing
from kit.errors import Conflict, Forbidden
from kit.tx import Tx

_PURPOSE = "vehicle-seen"


class AutochargeOff(Forbidden):
    """The operator does not let vehicles charge by their address."""

    code, title = "autocharge_off", "Vehicles cannot charge by themselves here"


class NoVehicle(Conflict):
    """None has announced itself at this session, or it is somebody's already."""

    code, title = "no_vehicle", "The charger has not told of a vehicle at this session"


class SeveralVehicles(Conflict):
    """It cannot be told which one is at this connector."""

    code, title = "several_vehicles", "Several vehicles announced themselves at this charger"


@dataclass(frozen=True, slots=True)
class Announced:
    """A vehicle that announced itself: the end of its address, for the driver to compare."""

    uid_end: str
    seen_at: datetime


def is_announcement(uid: str, *, is_mac: bool) -> bool:
    """Whether a token is a vehicle's own address, which anybody can copy."""
    return is_mac or uid.upper().startswith(VEHICLE)


def remember(tx: Tx, ring: KeyRing, station_id: str, evse_id: int | None, uid: str) -> None:
    """Note that a vehicle that is nobody's announced itself."""
    sealed = ring.encrypt(_PURPOSE, uid.encode())
    tx.add(
        VehicleSeen(
            station_id=station_id,
            evse_id=evse_id,
            uid_digest=uid_digests(ring, uid)[0],
            sealed_uid=sealed,
            seen_at=tx.now,
        )
    )


async def announced(tx: Tx, ring: KeyRing, start: Start) -> Announced:
    """The vehicle at the connector of a start that charges. Raises `NoVehicle`, `SeveralVehicles`."""
    found = await _the_one(tx, start)
    return Announced(_uid(ring, found)[-4:], found.seen_at)


async def enrol(tx: Tx, ring: KeyRing, driver: Driver, start: Start, *, issuer: str) -> Token:
    """Let that vehicle charge for a driver from now on. Raises `NoVehicle`, `SeveralVehicles`, `TokenTaken`."""
    uid = _uid(ring, await _the_one(tx, start))
    return await linked.link(tx, ring, driver, Wanted(uid, "OTHER"), issuer=issuer)


async def _the_one(tx: Tx, start: Start) -> VehicleSeen:
    if start.state != StartState.CHARGING or start.station_id is None:
        raise NoVehicle
    found = await seen_at(tx, start.station_id, since=start.created_at - WITHIN)
    here = [each for each in found if each.evse_id is None or each.evse_id == start.evse_id]
    if not here:
        raise NoVehicle
    if len({each.uid_digest for each in here}) > 1:
        raise SeveralVehicles
    return here[0]


def _uid(ring: KeyRing, row: VehicleSeen) -> str:
    return ring.decrypt(_PURPOSE, row.sealed_uid).decode()
