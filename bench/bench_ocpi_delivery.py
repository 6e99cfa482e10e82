"""One EVSE of a partner changes its status and a hundred other partners are told, next to a bare client that sends the
same body as often.

The operator says so by PATCH, as one does; both sides send the whole location by PUT, as the hub tells partners of it.
What a delivery costs the hub includes the PATCH itself, the change log, the cursors and the message log, and what else
the hub does meanwhile. Both have told everybody once before it counts: connections are opened then, and the hub has
done what a registration leads to.
"""

import asyncio
import tempfile
from pathlib import Path

import httpx
import orjson
import uvloop

from bench.harness import Measured, compare, server
from bench.hubs import environment_in, operator_key
from kit.clock import SystemClock
from ocpi.datetimes import format_datetime
from ocpi.headers import authorization

PARTNERS = 100
CHANGES = 20
"""In each round, so that what the hub does in any case weighs little."""
TARGET = 0.5
LONGEST_S = 60.0

PLUG = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
STAMP = {"last_updated": "2026-01-01T00:00:00Z"}
EVSE = {
    "uid": "E1",
    "evse_id": "BE*CPO*E1",
    "status": "AVAILABLE",
    "connectors": [{**PLUG, "max_voltage": 400, "max_amperage": 32, **STAMP}],
    **STAMP,
}
LOCATION = {
    "country_code": "BE",
    "party_id": "CPO",
    "id": "LOC1",
    "publish": True,
    "name": "Canal Street",
    "address": "Canal Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09083", "longitude": "5.12222"},
    "time_zone": "Europe/Amsterdam",
    "evses": [EVSE],
    **STAMP,
}
OBJECT = "/ocpi/2.2.1/receiver/locations/BE/CPO/LOC1"


async def _register(hub: str, operator: httpx.AsyncClient, receiver: str) -> str:
    """Let the one receiver register as a hundred partners, and as the operator of an EVSE, whose token is returned."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        for number in range(PARTNERS):
            party = {"role": "EMSP", "country_code": "DE", "party_id": f"E{number:02}"}
            await _register_one(hub, operator, receiver, http, party)
        return await _register_one(
            hub, operator, receiver, http, {"role": "CPO", "country_code": "BE", "party_id": "CPO"}
        )


async def _register_one(
    hub: str, operator: httpx.AsyncClient, receiver: str, http: httpx.AsyncClient, party: dict[str, str]
) -> str:
    name = party["party_id"]
    invited = await operator.post("/partners/invitations", json={"name": f"Partner {name}"})
    token = invited.raise_for_status().json()["token"]
    role = {**party, "business_details": {"name": "P"}}
    credentials = {"token": f"RECEIVER-{name}", "url": f"{receiver}/versions", "roles": [role]}
    headers = {"Authorization": authorization(token), "Content-Type": "application/json"}
    answer = await http.post(f"{hub}/ocpi/2.2.1/credentials", content=orjson.dumps(credentials), headers=headers)
    assert answer.json()["status_code"] == 1000, answer.text
    return str(answer.json()["data"]["token"])


async def _tell(source: httpx.AsyncClient, verb: str, url: str, body: dict[str, object]) -> None:
    answer = await source.request(verb, url, json=body)
    assert answer.json()["status_code"] == 1000, answer.text


async def _told(receiver: httpx.AsyncClient) -> int:
    return int((await receiver.get("/told")).text)


async def _change(source: httpx.AsyncClient, receiver: httpx.AsyncClient, changes: int = CHANGES) -> int:
    """Change the status to and fro, each time until everybody was told: the same status again would tell nobody."""
    for number in range(changes):
        before = await _told(receiver)
        status = ("CHARGING", "AVAILABLE")[number % 2]
        await _tell(
            source, "PATCH", f"{OBJECT}/E1", {"status": status, "last_updated": format_datetime(SystemClock().now())}
        )
        async with asyncio.timeout(LONGEST_S):
            while await _told(receiver) < before + PARTNERS:  # noqa: ASYNC110 - the receiver is another process
                await asyncio.sleep(0.02)
    return changes * PARTNERS


async def _send(sender: str) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=LONGEST_S) as http:
        (await http.get(f"{sender}/?{CHANGES * PARTNERS}")).raise_for_status()
    return CHANGES * PARTNERS


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_in(folder)
        bearer = {"Authorization": f"Bearer {operator_key(environment)}"}
        body = Path(folder) / "body.json"
        body.write_bytes(orjson.dumps(LOCATION))
        with (
            server("bench.servers.bare_receiver") as receiver,
            server("bench.servers.hub", environment=environment) as hub,
        ):
            async with (
                httpx.AsyncClient(base_url=f"{hub.url}/api/operator/v1", headers=bearer, trust_env=False) as operator,
                httpx.AsyncClient(base_url=hub.url, trust_env=False) as source,
                httpx.AsyncClient(base_url=receiver.url, trust_env=False) as counter,
            ):
                token = await _register(hub.url, operator, receiver.url)
                source.headers["Authorization"] = authorization(token)
                await _tell(source, "PUT", OBJECT, LOCATION)
                target = f"{receiver.url}/receiver/locations/BE/CPO/LOC1"
                with server("bench.servers.bare_sender", target, str(body)) as bare:
                    await _change(source, counter, 2)
                    await _send(bare.url)
                    await compare(
                        "ocpi_delivery",
                        target=TARGET,
                        ours=Measured(hub, lambda: _change(source, counter)),
                        bare=Measured(bare, lambda: _send(bare.url)),
                        rounds=9,
                    )


if __name__ == "__main__":
    uvloop.run(_main())
