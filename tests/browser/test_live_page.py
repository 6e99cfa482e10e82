"""The live page in a real browser: it shows what runs, asks for a key, and keeps to its own policy."""

from pathlib import Path

import httpx
import pytest

from hub.serve import running
from simulators.station import SimulatedStation
from tests.browser.chromium import binary, browsing
from tests.journeys.network import LOCATION, TARIFF, operator_key, settings_for

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(binary() is None, reason="no Chromium is installed"),
]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


async def begin_charging(http_url: str, ocpp_url: str, key: str) -> SimulatedStation:
    station_id, card = "CS-1", "04AABBCCDD"
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"{http_url}/api/operator/v1", headers=headers, trust_env=False, timeout=30
    ) as api:
        await api.put("/tariffs/STANDARD", json=TARIFF)
        await api.put("/locations/LOC1", json=LOCATION)
        await api.post("/tokens", json={"uid": card})
        made = (await api.post("/stations", json={"id": station_id, "location_id": "LOC1"})).json()
    station = SimulatedStation(station_id, ocpp_url, password=made["password"])
    await station.connect()
    assert await station.authorize(card) == "Accepted"
    await station.start(card)
    station.charging[1].power_w = 11_000
    await station.meter(1, 5_250)
    return station


async def test_a_running_session_ticks_on_the_page_and_becomes_a_bill(
    tmp_path: Path, migrated_database_url: str, profile: Path
) -> None:
    settings = settings_for(tmp_path, migrated_database_url, live_page_public=True, session_update_interval_s=0.2)
    async with running(settings) as up:
        station = await begin_charging(up.http_url, up.ocpp_url, await operator_key(up))
        try:
            async with browsing(f"{up.http_url}/", profile) as tab:
                card = await tab.until("document.querySelector('#sessions > li')?.innerText.includes('5.25')")
                assert card
                text = await tab.evaluate("document.querySelector('#sessions > li').innerText")
                for shown in ("Canal Street", "charging", "11.0 kW", "€2.60"):
                    assert shown in text
                assert await tab.evaluate("document.querySelector('#link').innerText") == "live"
                await station.meter(1, 1_000)
                await tab.until("document.querySelector('#sessions > li').innerText.includes('6.25')")
                await station.stop(1)
                await tab.until("document.querySelector('#cdrs > tr')?.innerText.includes('6.25 kWh')")
                assert await tab.evaluate("document.querySelectorAll('#sessions > li').length") == 0
                assert "04AABBCCDD" not in await tab.evaluate("document.documentElement.outerHTML")
                assert tab.complaints == []
        finally:
            await station.close()


async def test_a_page_that_is_not_public_asks_for_a_key(
    tmp_path: Path, migrated_database_url: str, profile: Path
) -> None:
    async with running(settings_for(tmp_path, migrated_database_url)) as up:
        key = await operator_key(up)
        enter = "byId('key').value = {}; byId('gate').requestSubmit()"
        async with browsing(f"{up.http_url}/", profile) as tab:
            await tab.until("document.querySelector('#gate:not([hidden])') !== null")
            await tab.evaluate(enter.format("'plb_wrong'"))
            await tab.until("document.querySelector('#gate-error').innerText.includes('not valid')")
            await tab.evaluate(enter.format(f"'{key}'"))
            await tab.until("document.querySelector('#board:not([hidden])') !== null")
            assert await tab.evaluate("document.querySelector('#gate').hidden")
            assert key not in await tab.evaluate("document.documentElement.outerHTML")
            assert not [each for each in tab.complaints if "Content Security Policy" in each]
