"""Two simulated partners that are registered with each other, without a hub between them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from simulators.partner.partner import Partner
from simulators.partner.server import running_partner

Json = dict[str, Any]
STAMP = "2026-01-01T00:00:00Z"

LOCATION: Json = {
    "id": "LOC1",
    "publish": True,
    "name": "Quay",
    "address": "Quay 1",
    "city": "Gent",
    "postal_code": "9000",
    "country": "BEL",
    "coordinates": {"latitude": "51.05000", "longitude": "3.71667"},
    "time_zone": "Europe/Brussels",
    "evses": [
        {
            "uid": uid,
            "evse_id": f"BE*CPO*{uid}",
            "status": "AVAILABLE",
            "last_updated": STAMP,
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 400,
                    "max_amperage": 32,
                    "tariff_ids": ["T1"],
                    "last_updated": STAMP,
                }
            ],
        }
        for uid in ("E1", "E2")
    ],
}
TARIFF: Json = {
    "id": "T1",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 0.5, "vat": 20.0, "step_size": 1},
                {"type": "ENERGY", "price": 0.4, "vat": 10.0, "step_size": 1},
            ]
        }
    ],
}
TOKEN: Json = {
    "uid": "04AABBCC",
    "type": "RFID",
    "contract_id": "DE-EMS-C1",
    "issuer": "eMSP",
    "valid": True,
    "whitelist": "NEVER",
}


@pytest.fixture
async def cpo() -> AsyncIterator[Partner]:
    """A CPO with a location and a tariff."""
    async with running_partner(role="CPO", party="BE*CPO", name="CPO", charging_s=0.05) as partner:
        partner.keep("locations", LOCATION)
        partner.keep("tariffs", TARIFF)
        yield partner


@pytest.fixture
async def emsp() -> AsyncIterator[Partner]:
    """An eMSP with a card."""
    async with running_partner(role="EMSP", party="DE*EMS", name="eMSP") as partner:
        partner.keep("tokens", TOKEN)
        yield partner


@pytest.fixture
async def peers(cpo: Partner, emsp: Partner) -> tuple[Partner, Partner]:
    """The CPO, which has registered with the eMSP, and the eMSP."""
    invitation = emsp.invite()
    await cpo.register(invitation["versions_url"], invitation["token"])
    return cpo, emsp


Run = Callable[..., Awaitable[Partner]]


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    """Starts further partners."""
    async with AsyncExitStack() as stack:

        async def started(**options: Any) -> Partner:
            return await stack.enter_async_context(running_partner(**options))

        yield started


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """Waits until something is so."""

    async def wait(check: Callable[[], Any]) -> Any:
        async with asyncio.timeout(30):
            while not (found := check()):
                await asyncio.sleep(0.01)
            return found

    return wait
