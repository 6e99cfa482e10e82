"""Drivers inside one transaction."""

from auth.keys import create_driver_key
from auth.tables import DriverKey, keys_of_driver
from hub.drivers.events import DriverChanged
from hub.drivers.schemas import DriverChange, DriverIn
from hub.drivers.tables import Driver, by_reference
from kit.crypto import KeyRing
from kit.errors import Conflict, NotFound
from kit.ids import uuid7
from kit.money import exponent
from kit.tx import Tx


class DriverExists(Conflict):
    """Another driver has this reference."""

    code, title = "driver_exists", "There is a driver with this reference"


async def create(tx: Tx, wanted: DriverIn, emsp: tuple[str, str]) -> Driver:
    """A new driver of one of our eMSPs. Raises `DriverExists`."""
    if wanted.reference is not None and await by_reference(tx, wanted.reference) is not None:
        raise DriverExists
    driver = Driver(
        reference=wanted.reference,
        language=wanted.language,
        payment=wanted.payment,
        currency=_known(wanted.currency),
        contract_id=f"{emsp[0]}-{emsp[1]}-C{uuid7()[-12:].upper()}",
        created_at=tx.now,
    )
    tx.add(driver)
    return driver


async def get(tx: Tx, driver_id: str) -> Driver:
    """A driver. Raises `NotFound`."""
    driver = await tx.get(Driver, driver_id)
    if driver is None:
        raise NotFound("no such driver")
    return driver


async def change(tx: Tx, driver_id: str, wanted: DriverChange) -> Driver:
    """Change what is given. Raises `NotFound`."""
    driver = await get(tx, driver_id)
    driver.language = wanted.language or driver.language
    driver.payment = wanted.payment or driver.payment
    driver.currency = _known(wanted.currency) or driver.currency
    if wanted.blocked is not None:
        driver.blocked_at = (driver.blocked_at or tx.now) if wanted.blocked else None
    tx.emit(DriverChanged(driver.id))
    return driver


def _known(currency: str | None) -> str | None:
    """A currency that we can count in. Raises `UnknownCurrency`."""
    if currency is not None:
        exponent(currency)
    return currency


async def issue_key(tx: Tx, ring: KeyRing, driver_id: str, name: str) -> tuple[DriverKey, str]:
    """A key for a driver's app, and what it is. Raises `NotFound`."""
    await get(tx, driver_id)
    return await create_driver_key(tx, ring, driver_id=driver_id, name=name)


async def revoke_key(tx: Tx, driver_id: str, key_id: str) -> None:
    """A key opens nothing any more. Raises `NotFound`."""
    row = next((each for each in await keys_of_driver(tx, driver_id) if each.id == key_id), None)
    if row is None:
        raise NotFound("no such key")
    row.revoked_at = row.revoked_at or tx.now
