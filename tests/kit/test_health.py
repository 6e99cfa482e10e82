"""Liveness, readiness and the metrics page."""

import asyncio
import io

import httpx
import pytest
from starlette.applications import Starlette

from kit import log
from kit.clock import ManualClock
from kit.health import Health, routes
from kit.metrics import Metrics

pytestmark = pytest.mark.anyio


async def fine() -> None:
    return None


async def broken() -> None:
    raise ConnectionError("postgresql://user:hunter2@db is down")


async def stuck() -> None:
    await asyncio.Event().wait()


async def get(health: Health, path: str, metrics: Metrics | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=routes(health, metrics or Metrics())))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_a_process_without_checks_is_alive_and_ready(clock: ManualClock) -> None:
    health = Health(clock)
    assert (await get(health, "/healthz")).json() == {"status": "ok"}
    assert (await get(health, "/readyz")).json() == {"status": "ok", "checks": {}}


async def test_a_failing_check_is_named_but_not_explained_to_the_world(clock: ManualClock) -> None:
    written = io.StringIO()
    log.configure("WARNING", True, stream=written)
    health = Health(clock, timeout_s=1)
    health.add("bus", fine)
    health.add("database", broken)
    health.add("disk", stuck)
    try:
        response = await get(health, "/readyz")
    finally:
        log.configure("WARNING", True)
    assert response.status_code == 503
    assert response.json() == {
        "status": "failed",
        "checks": {"bus": "ok", "database": "failed", "disk": "failed"},
    }
    assert (await get(health, "/healthz")).status_code == 200
    assert "is down" in written.getvalue()
    assert "hunter2" not in written.getvalue()


async def test_many_who_ask_within_a_second_share_one_round(clock: ManualClock) -> None:
    rounds = 0

    async def count() -> None:
        nonlocal rounds
        rounds += 1
        await asyncio.sleep(0.01)

    health = Health(clock)
    health.add("counted", count)
    await asyncio.gather(*(health.results() for _ in range(50)))
    clock.advance(0.9)
    await health.results()
    assert rounds == 1
    clock.advance(0.1)
    await health.results()
    assert rounds == 2


async def test_one_who_gives_up_does_not_spoil_the_round_of_the_others(clock: ManualClock) -> None:
    health = Health(clock)
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    health.add("slow", wait)
    impatient, patient = asyncio.create_task(health.results()), asyncio.create_task(health.results())
    await asyncio.sleep(0.01)
    impatient.cancel()
    release.set()
    assert await patient == {"slow": True}


async def test_a_draining_process_is_alive_but_not_ready(clock: ManualClock) -> None:
    health = Health(clock)
    health.draining = True
    assert (await get(health, "/readyz")).status_code == 503
    assert (await get(health, "/healthz")).status_code == 200


async def test_two_checks_of_one_name_are_refused(clock: ManualClock) -> None:
    health = Health(clock)
    health.add("bus", fine)
    with pytest.raises(ValueError, match="bus"):
        health.add("bus", fine)


async def test_the_metrics_are_served_as_text(clock: ManualClock) -> None:
    metrics = Metrics()
    metrics.counter("c_total", "Counts").inc()
    response = await get(Health(clock), "/metrics", metrics)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "c_total 1.0" in response.text
