"""A registered partner reads a page of 50 locations with 4 EVSEs each from the whole hub; its token is checked."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench.harness import ROOT, Measured, compare, server
from bench.http_load import get_often
from ocpi.headers import authorization
from simulators.partner.server import running_partner

CONNECTIONS = 32
REQUESTS = 100
LOCATIONS = 50
EVSES = 4
TARGET = 0.3


def _location(number: int) -> dict[str, Any]:
    return {
        "publish": True,
        "name": f"Canal Street {number}",
        "address": f"Canal Street {number}",
        "city": "Utrecht",
        "postal_code": "3511AB",
        "country": "NLD",
        "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
        "time_zone": "Europe/Amsterdam",
        "parking_type": "ON_STREET",
        "facilities": ["RESTAURANT", "BUS_STOP"],
        "opening_times": {"twentyfourseven": True},
        "evses": [_evse(number, place) for place in range(1, EVSES + 1)],
    }


def _evse(number: int, place: int) -> dict[str, Any]:
    return {
        "uid": f"EVSE-{number}-{place}",
        "evse_id": f"NL*PLB*E{number:03}*{place}",
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
        "physical_reference": str(place),
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


def environment_in(folder: str) -> dict[str, str]:
    return {
        **os.environ,
        "PLUGBRIDGE_DATABASE_URL": f"sqlite:///{folder}/bench.db",
        "PLUGBRIDGE_KEYS_FILE": f"{folder}/keys",
        "PLUGBRIDGE_HTTP_PORT": "0",
        "PLUGBRIDGE_OCPP_PORT": "0",
        "PLUGBRIDGE_EGRESS_PRIVATE_NETWORKS": "127.0.0.0/8,::1/128",
        "PLUGBRIDGE_LOG_LEVEL": "warning",
        "PLUGBRIDGE_OCPI_REQUESTS_PER_S": "0",
    }


def operator_key(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "hub.cli", "operator-key", "create"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


async def _register(url: str, key: str) -> str:
    """Publish the locations and register a partner; returns the Authorization that it presents."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/operator/v1", headers=headers, trust_env=False) as operator:
        for number in range(1, LOCATIONS + 1):
            (await operator.put(f"/locations/LOC{number}", json=_location(number))).raise_for_status()
        invited = {"name": "Partner", "roles": [{"role": "EMSP", "party": "DE*EMS"}]}
        invitation = (await operator.post("/partners/invitations", json=invited)).raise_for_status().json()
    async with running_partner(role="EMSP", party="DE*EMS", name="Partner") as partner:
        await partner.register(invitation["versions_url"], invitation["token"])
        assert partner.state.link is not None
        return authorization(partner.state.link.token_out)


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(folder)
        key = operator_key(environment)
        with server("bench.servers.hub", environment=environment) as ours:
            headers = {"Authorization": await _register(ours.url, key)}
            url = f"{ours.url}/ocpi/2.2.1/sender/locations?limit={LOCATIONS}"
            async with httpx.AsyncClient(trust_env=False) as client:
                page = (await client.get(url, headers=headers)).raise_for_status()
            assert len(page.json()["data"]) == LOCATIONS
            prebuilt = Path(folder) / "page.json"
            prebuilt.write_bytes(page.content)
            with server("bench.servers.bare_page", str(prebuilt)) as bare:
                await compare(
                    "ocpi_locations_page",
                    target=TARGET,
                    ours=Measured(ours, lambda: get_often(url, headers, connections=CONNECTIONS, requests=REQUESTS)),
                    bare=Measured(bare, lambda: get_often(bare.url, {}, connections=CONNECTIONS, requests=REQUESTS)),
                )


if __name__ == "__main__":
    uvloop.run(_main())
