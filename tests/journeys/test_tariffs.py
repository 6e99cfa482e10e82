"""Publishing a tariff: what forbids it is an error with its source, what somebody should look at comes along."""

from typing import Any

import pytest

from tests.journeys.network import TARIFF, Network

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

BY_TIME: Json = {
    "currency": "EUR",
    "elements": [{"price_components": [{"type": "TIME", "price": 6, "vat": 21, "step_size": 1}]}],
}


async def test_a_tariff_is_published_with_warnings_and_drivers_words(network: Network) -> None:
    published = await network.send("PUT", "/tariffs/T-WARN", TARIFF)
    assert published["tariff"]["id"] == "T-WARN"
    assert [finding["code"] for finding in published["findings"]] == ["afir_session_fee"]
    texts = {text["language"]: text["text"] for text in published["description"]}
    assert texts["nl"] == "€ 0,484 per kWh; € 0,605 per sessie. Prijzen incl. btw."


async def test_a_tariff_that_the_law_forbids_is_refused_with_its_source(network: Network) -> None:
    params = {"country": "DE", "power_kw": 150}
    refused = await network.send("PUT", "/tariffs/T-LAW", BY_TIME, params=params, expect=422)
    assert refused["code"] == "invalid_tariff"
    assert {finding["code"] for finding in refused["findings"]} == {"afir_not_per_kwh", "afir_charging_time"}
    assert all("2023/1804" in finding["source"] for finding in refused["findings"])
    listed = await network.get("/tariffs")
    assert "T-LAW" not in {tariff["id"] for tariff in listed["items"]}
    slow = await network.send("PUT", "/tariffs/T-SLOW", BY_TIME, params={"country": "DE", "power_kw": 22})
    assert slow["findings"] == []


async def test_a_tariff_is_checked_without_being_published(network: Network) -> None:
    checked = await network.send("POST", "/tariffs/check", BY_TIME, params={"country": "US-CA"})
    assert {finding["severity"] for finding in checked["findings"]} == {"error", "warning"}
    await network.send("POST", "/tariffs/check", BY_TIME, params={"country": "Elbonia"}, expect=422)
    listed = await network.get("/tariffs")
    assert BY_TIME["elements"] not in [tariff["elements"] for tariff in listed["items"] if tariff["id"] == "T-CHECK"]


async def test_what_our_sessions_do_not_tell_is_refused(network: Network) -> None:
    body = {**TARIFF, "elements": [{**TARIFF["elements"][0], "restrictions": {"min_power": 50}}]}
    refused = await network.send("PUT", "/tariffs/T-POWER", body, expect=422)
    assert refused["code"] == "unsupported_tariff"
