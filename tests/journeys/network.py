"""A whole hub on real sockets, stations that connect to it and partners that register with it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol

import httpx
from typing_extensions import TypeVar

from auth.keys import create_key
from auth.subjects import OperatorRole
from hub.serve import Running
from hub.settings import Settings
from simulators.partner.partner import Partner
from simulators.partner.server import running_partner
from simulators.station import SimulatedStation

Json = dict[str, Any]

LOCATION: Json = {
    "publish": True,
    "name": "Canal Street",
    "address": "Canal Street 1",
    "city": "Utrecht",
    "postal_code": "3511AB",
    "country": "NLD",
    "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "EVSE-1",
            "evse_id": "NL*PLB*E1",
            "status": "AVAILABLE",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 400,
                    "max_amperage": 32,
                    "tariff_ids": ["STANDARD"],
                }
            ],
        }
    ],
}
TARIFF: Json = {
    "currency": "EUR",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 0.5, "vat": 21.0, "step_size": 1},
                {"type": "ENERGY", "price": 0.4, "vat": 21.0, "step_size": 1},
            ]
        }
    ],
}
PARTNER_TOKEN: Json = {
    "uid": "0411AABBCC",
    "type": "RFID",
    "contract_id": "DE-EMS-C00000001",
    "issuer": "Partner eMSP",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-01-01T00:00:00Z",
}


class Where(Protocol):
    """A hub that can be reached, in this process or in another one."""

    @property
    def http_url(self) -> str: ...
    @property
    def ocpp_url(self) -> str: ...


UpT = TypeVar("UpT", bound=Where, default=Running)


@dataclass
class Network(Generic[UpT]):
    """A hub under test and whoever takes part."""

    up: UpT
    api: httpx.AsyncClient
    stack: AsyncExitStack
    partners: dict[tuple[str, str], Partner] = field(default_factory=dict)
    """Those that are there already, by role and `CC*PID`."""

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, method: str, path: str, body: Any, *, expect: int = 200, **options: Any) -> Any:
        answer = await self.api.request(method, path, json=body, **options)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def publish(self) -> None:
        """A location and a tariff of our own."""
        await self.send("PUT", "/tariffs/STANDARD", TARIFF)
        await self.send("PUT", "/locations/LOC1", LOCATION)

    async def station(self, station_id: str = "CS-1", protocol: str = "ocpp1.6", **options: Any) -> SimulatedStation:
        """A registered station that is connected and booted."""
        made = await self.send("POST", "/stations", {"id": station_id, "location_id": "LOC1"}, expect=201)
        station = SimulatedStation(
            station_id, self.up.ocpp_url, password=made["password"], protocol=protocol, meter_interval_s=0.05, **options
        )
        self.stack.push_async_callback(station.close)
        await station.connect()
        return station

    async def partner(self, role: str, party: str, *, charging_s: float = 1.0, **options: Any) -> Partner:
        """A partner with a server of its own that has accepted our invitation, if it is not there already."""
        if (role, party) in self.partners:
            known = self.partners[role, party]
            known.charging_s = charging_s
            return known
        partner = await self.stack.enter_async_context(
            running_partner(role=role, party=party, name=f"Partner {role}", charging_s=charging_s, **options)
        )
        body = {"name": f"Partner {role}", "roles": [{"role": role, "party": party}]}
        invitation = await self.send("POST", "/partners/invitations", body, expect=201)
        await partner.register(invitation["versions_url"], invitation["token"])
        return partner


async def eventually(check: Callable[[], Awaitable[Any]], *, within_s: float = 30) -> Any:
    """The first true value that `check` gives; fails when there is none in time."""
    async with asyncio.timeout(within_s):
        while True:
            found = await check()
            if found:
                return found
            await asyncio.sleep(0.05)


def settings_for(tmp_path: Path, database_url: str, **changes: Any) -> Settings:
    """Settings for a hub on free ports that may talk to partners on this machine."""
    defaults: Json = {
        "database_url": database_url,
        "http_port": 0,
        "ocpp_port": 0,
        "keys_file": tmp_path / "keys",
        "data_folder": tmp_path / "data",
        "egress_private_networks": ["127.0.0.0/8", "::1/128"],
        "session_update_interval_s": 0.3,
        "authorize_deadline_s": 30.0,
        "command_timeout_s": 30.0,
        "egress_timeout_s": 30.0,
        "ocpp_settle_s": 0.02,
    }
    return Settings(**{**defaults, **changes})


def http_client(**options: Any) -> httpx.AsyncClient:
    """A client for plain HTTP: without certificates to read, it is made in no time. It bears a busy machine.

    Each request has a connection of its own: one that meets the moment at which the server closes an idle one fails.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(**{"trust_env": False, "verify": False, "timeout": 30, "limits": limits, **options})


def operator_api(http_url: str, key: str) -> httpx.AsyncClient:
    """Requests to the operator API of a hub."""
    return http_client(base_url=f"{http_url}/api/operator/v1", headers={"Authorization": f"Bearer {key}"})


async def operator_key(up: Running) -> str:
    """A key for the operator API of a running hub."""
    async with up.hub.db.tx() as tx:
        return await create_key(tx, up.hub.keys, name="test", role=OperatorRole.ADMIN)
