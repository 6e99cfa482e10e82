"""The partner as others run it: by its control API, and as a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ocpi.errors import PeerUnreachable
from simulators.partner.partner import Partner

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
Eventually = Callable[[Callable[[], Any]], Awaitable[Any]]
Peers = tuple[Partner, Partner]


async def order(partner: Partner, path: str, body: Any = None, *, expect: int = 200) -> Any:
    answer = await partner.http.post(f"{partner.control_url}/control/{path}", json=body or {})
    assert answer.status_code == expect, answer.text
    return answer.json()


async def state(partner: Partner) -> Any:
    return (await partner.http.get(f"{partner.control_url}/control/state")).json()


async def test_everything_can_be_ordered(cpo: Partner, emsp: Partner, eventually: Eventually) -> None:
    await order(cpo, "register", await order(emsp, "invite"))
    await order(cpo, "renew")
    await order(cpo, "settings", {"charging_s": 0.05, "billing_error": "1"})
    await order(emsp, "settings", {"authorize_delay_s": 0.01})
    await order(cpo, "push/locations", cpo.state.locations["LOC1"])
    await order(cpo, "patch/locations", {"path": ["LOC1"], "change": {"city": "Brugge"}})
    await order(cpo, "push/tariffs", cpo.state.tariffs["T1"])
    await order(cpo, "delete/tariffs", {"id": "T1"})
    assert (await order(emsp, "pull/locations?limit=1"))[0]["city"] == "Brugge"
    tapped = await order(cpo, "tap", {"uid": "04AABBCC", "kwh": 3})
    assert tapped["allowed"] == "ALLOWED"
    started = await order(emsp, "start-session", {"uid": "04AABBCC", "location_id": "LOC1", "to": "BE*CPO"})
    await eventually(lambda: emsp.state.results.get(started["command_id"]))
    await order(emsp, "stop-session", {"session_id": tapped["session_id"]})
    await order(emsp, "unlock", {"location_id": "LOC1", "evse_uid": "E1", "connector_id": "1"})
    shown = await state(emsp)
    assert shown["registered"]
    assert shown["authorizations"] == 1
    assert {push["module"] for push in shown["pushed"]} >= {"locations", "tariffs", "sessions", "cdrs"}
    await order(emsp, "keep/tokens", {"uid": "K", "type": "RFID"})
    assert "K" in (await state(emsp))["tokens"]
    await order(cpo, "unregister")
    assert not (await state(emsp))["registered"]


async def test_what_cannot_be_done_is_said(cpo: Partner) -> None:
    assert (await order(cpo, "tap", {"uid": "X"}, expect=502))["error"] == "PeerError"
    assert (await order(cpo, "tap", {}, expect=422))["error"] == "KeyError"
    await order(cpo, "tap", {"uid": "X", "location_id": "NOWHERE"}, expect=422)
    await order(cpo, "push/credentials", {"id": "X"}, expect=422)
    answer = await cpo.http.post(f"{cpo.control_url}/control/tap", content=b"no json")
    assert answer.status_code == 422


async def test_a_partner_that_is_out_of_order_answers_503_and_comes_back(peers: Peers) -> None:
    cpo, emsp = peers
    await order(emsp, "offline")
    assert (await state(emsp))["online"] is False
    with pytest.raises(PeerUnreachable) as away:
        await cpo.pull("tokens")
    assert away.value.http_status == 503
    await order(emsp, "online")
    assert len(await cpo.pull("tokens")) == 1


@pytest.mark.parametrize("by", ["control_url", "public_url"])
async def test_a_partner_that_is_gone_refuses_connections_and_comes_back(
    peers: Peers, by: str, eventually: Eventually
) -> None:
    cpo, emsp = peers
    answer = await emsp.http.post(f"{getattr(emsp, by)}/control/offline", json={"refuse": True})
    assert answer.json() == {"online": False}

    async def refused() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            try:
                await client.get(f"{emsp.public_url}/ocpi/versions")
            except httpx.ConnectError:
                return True
            except httpx.TransportError:
                return False  # it has only just closed
        return False

    async with asyncio.timeout(30):
        while not await refused():
            await asyncio.sleep(0.02)
    with pytest.raises(PeerUnreachable):
        await cpo.pull("tokens")
    await order(emsp, "online")
    assert len(await cpo.pull("tokens")) == 1


async def test_an_absence_may_end_by_itself(peers: Peers, eventually: Eventually) -> None:
    cpo, emsp = peers
    await emsp.go_away(refuse=True, for_s=3)
    with pytest.raises(PeerUnreachable):
        await cpo.pull("tokens")
    await eventually(lambda: emsp.state.online)
    assert len(await cpo.pull("tokens")) == 1


async def test_it_runs_as_a_process_of_its_own() -> None:
    script = (
        "import asyncio; from simulators.partner.server import run_partner;"
        "asyncio.run(run_partner(role='EMSP', party='DE*EMS', name='eMSP', announce=True))"
    )
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert started.stdout is not None
        async with asyncio.timeout(30):
            said = json.loads(await started.stdout.readline())
        assert said["party"] == "DE*EMS"
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            assert (await client.get(said["versions_url"])).status_code == 401
            assert (await client.get(f"{said['control_url']}/control/state")).json()["registered"] is False
            assert (await client.get(f"{said['url']}/control/state")).status_code == 200
    finally:
        started.terminate()
        await started.wait()
