"""A hub process that takes cards is killed at every commit of a paid session: before it and after it.

The hub is `plugbridge serve`, the charger a simulated one over a WebSocket, the provider a fake Stripe over a socket in
another process than the hub's. A first, undisturbed run of each way that a session can go tells its commits; then it is
run again for each of them. Whatever was asked of the provider or the charger lies between two commits, so that dying
after the one is dying before the call, and dying before the other is dying after it.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from hub.starts.tables import Start
from kit.clock import SystemClock
from kit.job_rows import READY, JobRow
from kit.tx import Database
from payments.fake_stripe import serving
from payments.tables import Debt, Hold, Operation, OperationState
from simulators.station import SimulatedStation
from tests.conftest import Databases
from tests.journeys.apps import KEY, NO_FEES, WEBHOOK_SECRET, App, Bank, driver_client
from tests.journeys.doom import Doom, Point, set_ahead
from tests.journeys.network import Json, Network, http_client, operator_api
from tests.journeys.nursery import NursedHub
from tests.journeys.proof import every_cent_is_where_it_belongs
from tests.journeys.test_kill_often import stay_connected

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LANES = 2
PATIENCE_S = 240.0
DOWN_S = 120
"""How long nobody notices that the hub is away, by its clock: leases run out, and orders are asked after."""
NOT_OURS = ("payments.forget", "payments.sweep", "payments.janitor")
"""What happens by the clock, session or not."""
OURS = (
    *("hub.starts", "hub.billing", "hub.sessions", "payments.", "starts.expire", "csms.writer._commit → TransactionC"),
    *("TransactionChanged:", "StartRequested:", "StartGivenUp:", "SessionProgressed:", "CdrStored:"),
    *("HoldChanged:", "MoneyReceived:", "DebtChanged:"),
)
"""What the commits of a paid session are called by."""
OTHERWISE = ("csms.writer", "TransactionChanged:", "CdrStored:")
"""What goes another way with another charger: tried again for each."""
MOST = 2
"""Of what happens again and again the first few times stand for all."""
METERED = ("hub.sessions.live", "SessionProgressed:mind is done", "TransactionChanged:follow_transaction is done")
"""What happens as often as there are meter values: on a fast machine once."""


@dataclass
class Prepared:
    """A database with a charger and a driver, there to be copied; and their keys."""

    url: str
    directory: Path
    password: str = ""
    app_key: str = ""


@dataclass
class Trial:
    """One deployment, one charger and one driver, who comes back whatever happens."""

    hub: NursedHub
    bank: Bank
    app: App
    station: SimulatedStation
    db: Database
    clock: Path
    deaths: int = 0
    ahead_s: float = 0.0
    watching: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def time_passes(self, seconds: float) -> None:
        """For the hub and for the provider."""
        self.ahead_s += seconds
        set_ahead(self.clock, self.ahead_s)
        await self.bank.control("clock", {"advance_s": seconds})

    async def revive(self) -> None:
        """Start another process when the hub has died."""
        async with self.watching:
            doom = self.hub.doom
            assert doom is not None
            if not has_died(doom):
                return
            await self.hub.kill()
            self.deaths += 1
            self.hub.doom = Doom(doom.trace + ".after", doom.clock)
            await self.time_passes(DOWN_S)
            await self.hub.start()

    async def until(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do something over and over until it gives something, as a patient app does."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await self.revive()
                with suppress(httpx.TransportError, AssertionError):
                    if found := await work():
                        return found
                await asyncio.sleep(0.05)

    async def reaches(self, start: Json, *states: str) -> Json:
        async def seen() -> Json | None:
            found = await self.app.see(start)
            return found if found["state"] in states else None

        found: Json = await self.until(seen)
        return found

    async def begin(self) -> Json:
        """See a price, begin, enter a card that wants 3-D Secure, and show who it is."""
        quote = await self.until(lambda: self.app.quote(energy_kwh=10))
        key = str(uuid4())
        start: Json = await self.until(lambda: self.app.start(quote, key=key))

        async def secret() -> str | None:
            found = await self.app.see(start)
            return str(found["payment"]["client_secret"] or "") or None

        given = await self.until(secret)
        await self.bank.enter_card(given, "pm_card_authenticationRequired")
        await self.bank.authenticate(given)
        return start

    async def over(self) -> None:
        """Nothing is under way any more: the janitor has looked, as often as it takes."""

        async def idle() -> bool:
            async with self.db.read() as tx:
                states = [OperationState(each.state) for each in await tx.all(select(Operation))]
                jobs = [each.kind for each in await tx.all(select(JobRow).where(JobRow.state == READY))]
            if any(state.is_open for state in states):
                await self.time_passes(20)
            left = [kind for kind in jobs if kind.startswith(("hub.", "csms.", "payments.events", "payments.perform"))]
            return not left and not any(state.is_open for state in states)

        await self.until(idle)


Way = Callable[[Trial], Awaitable[None]]


async def whole(trial: Trial) -> None:
    """A driver pays, charges, stops, and is told what it cost."""
    start = await trial.begin()
    if not await charges(trial, start):
        return

    async def some_energy() -> bool:
        return float((await trial.app.see(start))["energy_kwh"] or 0) > 0.01

    await trial.until(some_energy)

    async def stopped() -> bool:
        seen = await trial.app.see(start)
        return seen["state"] == "ENDED" or bool((await trial.app.stop(start))["accepted"])

    await trial.until(stopped)
    await ended(trial, start)


async def charges(trial: Trial, start: Json) -> bool:
    """Whether the charger begins: one that was not told before the hub died never does, and the start fails."""
    await trial.reaches(start, "CHARGING", "ENDED", "FAILED")
    if not any(action.endswith("StartTransaction") for action, _ in trial.station.received):
        await given_up(trial, start)
        return False
    await trial.reaches(start, "CHARGING", "ENDED")
    return True


async def ended(trial: Trial, start: Json) -> None:
    await trial.reaches(start, "ENDED")

    async def paid() -> bool:
        seen = await trial.app.see(start)
        taken, owed = (Decimal(seen["payment"][each] or 0) for each in ("captured", "owed"))
        return taken + owed == Decimal(seen["cost"])

    await trial.until(paid)


async def offline(trial: Trial) -> None:
    """The charger loses its connection while it charges, and tells the end when it is back."""
    start = await trial.begin()
    if not await charges(trial, start):
        return
    await trial.until(lambda: _has_flowed(trial.station))
    await trial.station.disconnect(hard=True)
    with suppress(KeyError):
        await trial.station.stop()
    await ended(trial, start)


async def _has_flowed(station: SimulatedStation) -> bool:
    return any(charging.energy_wh > 20 for charging in (*station.charging.values(), *station.finished))


async def never_plugged_in(trial: Trial) -> None:
    """The charger waits for a car that does not come."""
    trial.station.answers["RemoteStartTransaction"] = {"status": "Accepted"}
    start = await trial.begin()
    await trial.reaches(start, "COMMANDED", "FAILED")
    await trial.time_passes(16 * 60)
    await given_up(trial, start)


async def refused(trial: Trial) -> None:
    """The charger does not want to."""
    trial.station.answers["RemoteStartTransaction"] = {"status": "Rejected"}
    await given_up(trial, await trial.begin())


async def given_up(trial: Trial, start: Json) -> None:
    seen = await trial.reaches(start, "FAILED", "EXPIRED")
    assert "othing was charged" in seen["message"] or seen["next_step"] in ("try_again", "try_another_charger")

    async def given_back() -> bool:
        return (await trial.app.see(start))["payment"]["state"] == "VOIDED"

    await trial.until(given_back)


WAYS: dict[str, tuple[Way, str]] = {
    "a session, OCPP 1.6": (whole, "ocpp1.6"),
    "a session, OCPP 2.0.1": (whole, "ocpp2.0.1"),
    "an offline charger": (offline, "ocpp1.6"),
    "no car": (never_plugged_in, "ocpp1.6"),
    "a charger that refuses": (refused, "ocpp1.6"),
}


@pytest.fixture
async def prepared(databases: Databases, migrated_template: str, tmp_path: Path) -> AsyncIterator[Prepared]:
    """Everything that is there before a session, made once."""
    with databases.copy(migrated_template, tmp_path) as url:
        made = Prepared(url, tmp_path)
        hub = NursedHub(tmp_path, url)
        try:
            await hub.start()
            async with operator_api(hub.http_url, await hub.operator_key()) as api, AsyncExitStack() as stack:
                network = Network(hub, api, stack)
                await network.publish()
                registered = await network.send("POST", "/stations", {"id": "CS-1", "location_id": "LOC1"}, expect=201)
                driver = await network.send("POST", "/drivers", {"payment": "card"}, expect=201)
                key = await network.send("POST", f"/drivers/{driver['id']}/keys", {"name": "phone"}, expect=201)
                made.password, made.app_key = registered["password"], key["key"]
            await hub.stop()
        finally:
            await hub.close()
        yield made


@asynccontextmanager
async def trial_of(
    prepared: Prepared, databases: Databases, hub: NursedHub, protocol: str, point: Point | None
) -> AsyncIterator[Trial]:
    """A deployment of its own, in the process that `hub` is."""
    number = len(os.listdir(hub.directory))
    directory = hub.directory / str(number)
    directory.mkdir()
    clock, trace = directory / "clock", directory / "trace"
    set_ahead(clock, 0)
    trace.touch()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(databases.copy(prepared.url, directory))
        stripe = await stack.enter_async_context(serving())
        bank = Bank(stripe.url, await stack.enter_async_context(http_client()))
        await bank.control("delivery", {"retry_s": 0.3})
        await bank.control("settings", NO_FEES)
        hub.database_url, hub.doom, hub.http_url, hub.ocpp_url = url, Doom(str(trace), str(clock), point), "", ""
        hub.settings = {
            "stripe_key": KEY,
            "stripe_api_url": stripe.url,
            "stripe_webhook_secrets": WEBHOOK_SECRET,
            "driver_requests_per_s": "0",
            "session_update_interval_s": "0.3",
            "keys_file": str(prepared.directory / "keys"),
            "data_folder": str(directory / "data"),
            "log_level": "warning",
        }
        stack.push_async_callback(hub.kill)
        await hub.start()
        webhook = f"{hub.http_url}/payments/stripe/events"
        await bank.control("webhooks", {"url": webhook, "secrets": [WEBHOOK_SECRET]})
        network: Any = Network(hub, bank.http, stack)
        app = App(await stack.enter_async_context(driver_client(network, prepared.app_key)))
        station = SimulatedStation(
            "CS-1", hub.ocpp_url, password=prepared.password, protocol=protocol, meter_interval_s=0.1, speed=60.0
        )
        stack.push_async_callback(station.close)
        connected = asyncio.create_task(stay_connected(station, Random(1)))
        db = Database(url, clock=SystemClock())
        stack.push_async_callback(db.close)
        try:
            yield Trial(hub, bank, app, station, db, clock)
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)


async def run(
    prepared: Prepared, databases: Databases, hub: NursedHub, name: str, point: Point | None
) -> tuple[list[str], int]:
    """One way a session can go, with a hub that dies at a point: the commits that there were, and how often it died."""
    way, protocol = WAYS[name]
    async with trial_of(prepared, databases, hub, protocol, point) as trial:
        await way(trial)
        await trial.over()
        async with trial.db.read() as tx:
            [start] = await tx.all(select(Start))
            holds = await tx.all(select(Hold).order_by(Hold.id))
            debts = await tx.all(select(Debt))
        energy = [charging.energy_wh for charging in trial.station.finished]
        sold = {start.id: price_minor(sum(energy))} if energy else {}
        assert len(energy) <= 1
        assert {hold.state for hold in holds[:-1]} <= {"VOIDED"}, "a charger that begins late is held for anew"
        assert holds[-1].state == ("CAPTURED" if energy and not debts else "VOIDED")
        await every_cent_is_where_it_belongs(trial.db, await trial.bank.control("state"), sold)
        assert trial.hub.doom is not None
        return commits(trial.hub.doom), trial.deaths


def has_died(doom: Doom) -> bool:
    """Whether it came to that."""
    return Path(doom.trace).read_bytes().endswith(b"dead\n")


def commits(doom: Doom) -> list[str]:
    """What was committed, in order."""
    return Path(doom.trace).read_text().splitlines()


def price_minor(energy_wh: int) -> int:
    """What a session costs by the tariff that was promised, reckoned apart from the hub."""
    gross = (Decimal("0.50") + Decimal("0.40") * energy_wh / 1000) * Decimal("1.21")
    return int((gross * 100).quantize(Decimal(1), ROUND_HALF_UP))


def points_of(labels: list[str]) -> list[Point]:
    """Where to die: the commits of what pays, each before and after."""
    seen = Counter(label for label in labels if label.startswith(OURS) and not label.startswith(NOT_OURS))
    return [
        Point(label, nth, after)
        for label, times in seen.items()
        for nth in range(1, 1 + min(times, 1 if label.startswith(METERED) else MOST))
        for after in (False, True)
    ]


@pytest.mark.parametrize("name", WAYS)
async def test_a_hub_that_is_killed_at_any_commit_of_a_paid_session_ends_in_one_right_state(
    prepared: Prepared, databases: Databases, tmp_path: Path, name: str
) -> None:
    async with AsyncExitStack() as stack:
        hubs = []
        for number in range(LANES):
            (tmp_path / f"lane{number}").mkdir()
            hubs.append(NursedHub(tmp_path / f"lane{number}", prepared.url))
            stack.push_async_callback(hubs[-1].close)
        points = points_of((await run(prepared, databases, hubs[0], name, None))[0])
        if name != next(iter(WAYS)):
            usual = points_of((await run(prepared, databases, hubs[0], next(iter(WAYS)), None))[0])
            points = [each for each in points if each not in usual or each.label.startswith(OTHERWISE)]
        left, failed, missed = list(points), [], []

        async def lane(hub: NursedHub) -> None:
            while left:
                point = left.pop()
                began = time.monotonic()
                try:
                    _, deaths = await run(prepared, databases, hub, name, point)
                except Exception as error:
                    failed.append(f"{point}: {type(error).__name__} {error}"[:600])
                else:
                    missed.extend([] if deaths else [str(point)])
                print(f"{time.monotonic() - began:6.1f} s {point}", flush=True)

        await asyncio.gather(*(lane(hub) for hub in hubs))
    print(f"{name}: died at {len(points) - len(missed)} of {len(points)} points; not met: {missed}")
    assert failed == []
    assert len(missed) * 3 <= len(points), "notices and answers come in any order, but not that often"
