"""The station as a process of its own, as the command line starts it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PASSWORD = "a-charger's-password"


@asynccontextmanager
async def process(url: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = {"station_id": "CS-1", "url": url, "password": PASSWORD, **options}
    script = f"import asyncio; from simulators.station import run_station; asyncio.run(run_station(**{arguments!r}))"
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def line(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    async with asyncio.timeout(30):
        return (await stream.readline()).decode()


async def test_it_charges_once_and_ends(central: Any) -> None:
    async with process(central.url, tap="04AABBCC", seconds=0.3, announce=True) as started:
        booted = json.loads(await line(started.stdout))
        assert booted == {"station_id": "CS-1", "url": central.url, "protocol": "ocpp1.6", "boot": "Accepted"}
        charged = json.loads(await line(started.stdout))
        assert await started.wait() == 0
    [start], [stop] = central.payloads("StartTransaction"), central.payloads("StopTransaction")
    assert charged == {"station_id": "CS-1", "energy_wh": stop["meterStop"] - start["meterStart"]}


async def test_it_takes_orders_and_ends_with_its_input(central: Any) -> None:
    central.answers["Authorize"] = {"idTokenInfo": {"status": "Blocked"}}
    async with process(central.url, protocol="ocpp2.0.1", announce=True) as started:
        assert json.loads(await line(started.stdout))["boot"] == "Accepted"
        assert started.stdin is not None
        started.stdin.write(b'{"tap": "04AABBCC", "seconds": 0.1}\n')
        assert json.loads(await line(started.stdout)) == {"station_id": "CS-1", "energy_wh": None}
        started.stdin.close()
        assert await asyncio.wait_for(started.wait(), 30) == 0


async def test_it_says_why_it_cannot_connect_and_goes_on_trying(central: Any) -> None:
    async with process(central.url, password="wrong", announce=True) as started:
        assert "CS-1 cannot connect: InvalidStatus" in await line(started.stderr)
        await asyncio.sleep(0.2)
        assert started.returncode is None
