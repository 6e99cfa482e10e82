"""Partners talk to each other through the hub: a POST of a command and a GET of a token, next to a bare relay.

The hub authenticates, decides, writes new routing headers, passes the bytes on and logs both legs. The bare relay is
Starlette and aiohttp and does nothing of it. Beside the CPU time of a message, the time that each adds to the answer is
compared, one request at a time.
"""

import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx
import orjson
import uvloop

from bench.harness import Measured, Server, compare, server, tell
from bench.http_load import ask_often
from bench.hubs import environment_in, operator_key
from bench.servers.bare_receiver import ANSWER
from ocpi.headers import authorization
from simulators.partner.server import running_partner

CONNECTIONS = 32
REQUESTS = 100
ALONE = 400
TARGET = 0.6
TARGET_ADDED = 0.33
"""The hub may add three times what the bare relay adds."""

SESSION = "01a217cd-3c37-72d1-bba3-fc04d3f7faef"


def _credentials(url: str) -> bytes:
    role = {"role": "CPO", "country_code": "BE", "party_id": "CPO", "business_details": {"name": "Receiver"}}
    other = {**role, "role": "EMSP"}
    return orjson.dumps({"token": "RECEIVER-TOKEN", "url": f"{url}/versions", "roles": [role, other]})


@asynccontextmanager
async def _registered(hub: str, key: str, receiver: str) -> AsyncIterator[tuple[dict[str, str], bytes]]:
    """The receiver (BE*CPO), and who speaks to it (DE*EMS): there as long as it is measured, or the hub would look for
    it. Gives headers and a command of the latter."""
    bearer = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{hub}/api/operator/v1", headers=bearer, trust_env=False) as operator:

        async def invited(name: str) -> dict[str, str]:
            answer = (await operator.post("/partners/invitations", json={"name": name})).raise_for_status()
            found: dict[str, str] = answer.json()
            return found

        invitation = await invited("Receiver")
        headers = {"Authorization": authorization(invitation["token"]), "Content-Type": "application/json"}
        async with httpx.AsyncClient(trust_env=False) as http:
            url = f"{hub}/ocpi/2.2.1/credentials"
            answer = await http.post(url, content=_credentials(receiver), headers=headers)
            assert answer.json()["status_code"] == 1000, answer.text
        invitation = await invited("Speaker")
    to, sender = ("OCPI-to-country-code", "OCPI-to-party-id"), ("OCPI-from-country-code", "OCPI-from-party-id")
    async with running_partner(role="EMSP", party="DE*EMS", name="Speaker") as partner:
        await partner.register(invitation["versions_url"], invitation["token"])
        assert partner.state.link is not None
        headers = {
            "Authorization": authorization(partner.state.link.token_out),
            "X-Request-ID": "c2f6e0e0-7b7c-4b7a-8d58-4a2b7c9d1e11",
            "X-Correlation-ID": "0d5c5bd0-32f4-4d2c-9d2a-6e0f6c1b7a22",
            **dict(zip(to, ("BE", "CPO"), strict=True)),
            **dict(zip(sender, ("DE", "EMS"), strict=True)),
        }
        yield headers, orjson.dumps({"response_url": f"{partner.public_url}/results/1", "session_id": SESSION})


Ask = Callable[..., Awaitable[list[float]]]


async def _count(ask: Ask) -> int:
    return len(await ask(connections=CONNECTIONS, requests=REQUESTS))


async def _median(ask: Ask) -> float:
    await ask(connections=1, requests=ALONE // 4)
    return statistics.median(await ask(connections=1, requests=ALONE))


async def _measure(name: str, hub: Server, bare: Server, asks: tuple[Ask, Ask, Ask]) -> None:
    """`asks` go to the hub, to the bare relay, and to the receiver itself."""
    ours, relayed, _ = asks
    await compare(
        name,
        target=TARGET,
        ours=Measured(hub, partial(_count, ours)),
        bare=Measured(bare, partial(_count, relayed)),
    )
    rounds = [[await _median(ask) for ask in asks] for _ in range(3)]
    hub_s, relay_s, direct_s = (statistics.median(times) for times in zip(*rounds, strict=True))
    added = f"added p50 {(hub_s - direct_s) * 1e3:.2f} ms, bare {(relay_s - direct_s) * 1e3:.2f} ms"
    print(f"{name}: {added}", file=sys.stderr)
    tell(f"{name}_added_p50", (relay_s - direct_s) / (hub_s - direct_s), TARGET_ADDED)


async def _check(method: str, url: str, headers: dict[str, str], body: bytes) -> None:
    """The receiver's own answer comes back, and no refusal of the hub's."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.request(method, url, content=body, headers=headers)
    assert answer.content == ANSWER, answer.text


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**environment_in(folder), "PLUGBRIDGE_OCPI_REQUESTS_AT_ONCE": "0"}
        key = operator_key(environment)
        with (
            server("bench.servers.bare_receiver") as receiver,
            server("bench.servers.bare_relay", receiver.url) as bare,
            server("bench.servers.hub", environment=environment) as hub,
        ):
            async with _registered(hub.url, key, receiver.url) as (headers, command):
                for name, method, path, body in (
                    ("ocpi_relay_post", "POST", "/receiver/commands/STOP_SESSION", command),
                    ("ocpi_relay_get", "GET", "/receiver/tokens/DE/EMS/0411AABBCC", b""),
                ):
                    urls = (f"{hub.url}/ocpi/2.2.1{path}", f"{bare.url}{path}", f"{receiver.url}{path}")
                    await _check(method, urls[0], headers, body)
                    ours, relayed, direct = (partial(ask_often, method, url, headers, body) for url in urls)
                    await _measure(name, hub, bare, (ours, relayed, direct))


if __name__ == "__main__":
    uvloop.run(_main())
