"""Deployments whose hub is to die at one commit: a charger, and a driver who comes back whatever happens."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import select

from kit.clock import SystemClock
from kit.job_rows import READY, JobRow
from kit.tx import Database
from payments.fake_stripe import serving
from payments.tables import Operation, OperationState
from simulators.station import SimulatedStation
from tests.conftest import Databases
from tests.journeys.apps import KEY, NO_FEES, WEBHOOK_SECRET, App, Bank, driver_client
from tests.journeys.doom import Doom, Point, set_ahead
from tests.journeys.network import Json, Network, http_client, operator_api
from tests.journeys.nursery import NursedHub
from tests.journeys.test_kill_often import stay_connected

PATIENCE_S = 240.0
DOWN_S = 120
"""How long nobody notices that the hub is away, by its clock: leases run out, and orders are asked after."""


@dataclass
class Prepared:
    """A database with a charger and a driver, there to be copied; and their keys."""

    url: str
    directory: Path
    password: str = ""
    app_key: str = ""
    operator_key: str = ""


@dataclass
class Trial:
    """One deployment, one charger and one driver, who comes back whatever happens."""

    hub: NursedHub
    bank: Bank
    app: App
    operator: httpx.AsyncClient
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

    async def pay_in(self) -> None:
        """Fill the wallet by a card that wants 3-D Secure."""
        key = str(uuid4())
        paid_in = await self.until(lambda: self.app.top_up("25", key=key))

        async def secret() -> str | None:
            return str((await self.app.get(f"/wallet/top-ups/{paid_in['id']}"))["client_secret"] or "") or None

        given = await self.until(secret)
        await self.bank.enter_card(given, "pm_card_authenticationRequired")
        await self.bank.authenticate(given)

    async def fill_by_rule(self) -> None:
        """Save a card, and have the wallet filled from it."""
        begun = await self.until(lambda: self.app.post("/cards", None, expect=201))
        await self.bank.enter_card(begun["client_secret"], kind="setup_intents")
        await self.until(lambda: self.app.post(f"/cards/{begun['id']}/finish", None, expect=200))
        rule = {"below": "5", "amount": "25"}

        async def is_set() -> bool:
            return (await self.app.http.put("/wallet/auto-reload", json=rule)).status_code == 200

        await self.until(is_set)

    async def begin_from_wallet(self) -> Json:
        """See a price and begin, once the money is in the wallet."""

        async def is_there() -> bool:
            return bool((await self.app.get("/wallet"))["available"] == "25.00")

        await self.until(is_there)
        quote = await self.until(lambda: self.app.quote(energy_kwh=10))
        key = str(uuid4())
        start: Json = await self.until(lambda: self.app.start(quote, key=key, payment="wallet"))
        return start

    async def give_back(self, start: Json, amount: str) -> None:
        """The operator gives a part back."""
        body, headers = {"amount": amount, "reason": "it was slow"}, {"Idempotency-Key": str(uuid4())}

        async def asked() -> bool:
            answer = await self.operator.post(f"/starts/{start['id']}/refunds", json=body, headers=headers)
            return answer.status_code == 202

        await self.until(asked)

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
        operator = await stack.enter_async_context(operator_api(hub.http_url, prepared.operator_key))
        app = App(await stack.enter_async_context(driver_client(network, prepared.app_key)))
        station = SimulatedStation(
            "CS-1", hub.ocpp_url, password=prepared.password, protocol=protocol, meter_interval_s=0.1, speed=60.0
        )
        stack.push_async_callback(station.close)
        connected = asyncio.create_task(stay_connected(station, Random(1)))
        db = Database(url, clock=SystemClock())
        stack.push_async_callback(db.close)
        try:
            yield Trial(hub, bank, app, operator, station, db, clock)
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)


def has_died(doom: Doom) -> bool:
    """Whether it came to that."""
    return Path(doom.trace).read_bytes().endswith(b"dead\n")


def commits(doom: Doom) -> list[str]:
    """What was committed, in order."""
    return Path(doom.trace).read_text().splitlines()
