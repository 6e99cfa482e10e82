"""A hub without sockets: all its rooms, its driver API and its worker on a clock that tests move, and a fake Stripe.

Chargers are neutral events: what they hear comes over the bus, as it does where another process holds their socket, and
what they say goes into their record. A process can die before or after any commit: what it held in memory is gone,
and another one opens on the same database.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from httpx import ASGITransport
from sqlalchemy import select

from auth.keys import create_key
from auth.subjects import OperatorRole
from csms.commands import CommandOutcome, CommandStatus, StartCharging, StopCharging
from csms.documents import fact_document
from csms.events import TransactionChanged
from csms.registry import subject
from csms.station import FactKind, TransactionFact
from csms.tables import Transaction, TransactionMessage
from csms.wire import decode_request, encode_outcome
from hub.app import Hub, open_hub
from hub.drivers import service as drivers
from hub.drivers.schemas import DriverIn
from hub.drivers.tables import PaymentMethod
from hub.endpoints import driver_app
from hub.locations import service as locations
from hub.starts.tables import Start
from hub.stations import service as stations
from hub.tariffs import service as tariffs
from kit.clock import ManualClock
from kit.job_rows import JobRow
from kit.tx import Database, Tx
from payments.fake_stripe import Serving, serving
from payments.tables import Operation, OperationState
from payments.webhooks import Webhooks
from payments.wiring import Payments
from tests.hub.starts.charger import location, tariff
from tests.journeys.apps import KEY, NO_FEES, WEBHOOK_SECRET, App, Bank, operator_app
from tests.journeys.network import Json, settings_for
from tests.journeys.proof import NOTHING, every_cent_is_where_it_belongs
from tests.payments.shop import listening

PER_KWH, VAT = Decimal("0.40"), Decimal("1.21")
STATION = "CS-1"
OF_MONEY = ("billing", "idempotency", "payments", "starts")
"""Whose schedules are kept: time passes by the hour, and those of partners and stations have nothing to do here."""


class Died(BaseException):
    """The process is no more."""


@dataclass
class Fate:
    """When the process dies: at the commit that many commits from now, before it or after it."""

    commits: int | None = None
    after: bool = False
    dead: bool = False

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Let it decide over every transaction."""
        plain, fate = Tx._finish, self

        async def finish(tx: Tx) -> None:
            if fate.dead:
                raise Died
            last = fate.commits == 0
            if fate.commits is not None:
                fate.commits -= 1
            if not last or fate.after:
                await plain(tx)
            if last:
                fate.dead, fate.commits = True, None
                raise Died

        with pytest.MonkeyPatch().context() as patched:
            patched.setattr(Tx, "_finish", finish)
            yield


@dataclass
class Charging:
    """A transaction as the charger counts it."""

    number: int
    remote_start_id: int | None
    token: str
    evse_id: int = 1
    register_wh: int = 0
    ended: bool = False
    said: int = 0


@dataclass
class House:
    """One deployment, whichever process it is by now."""

    url: str
    directory: Path
    clock: ManualClock
    stripe: Serving
    bank: Bank
    fate: Fate = field(default_factory=Fate)
    hub: Hub = field(init=False)
    webhook_url: str = ""
    answers: CommandStatus = CommandStatus.ACCEPTED
    """What the charger says to the next order to start."""
    heard: list[StartCharging] = field(default_factory=list)
    told_to_stop: list[str] = field(default_factory=list)
    transactions: list[Charging] = field(default_factory=list)
    operator_key: str = ""
    _process: AsyncExitStack = field(default_factory=AsyncExitStack)
    _doors: dict[str, FastAPI] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return self.hub.db

    @property
    def payments(self) -> Payments:
        assert self.hub.payments is not None
        return self.hub.payments

    @property
    def webhooks(self) -> Webhooks:
        return self.payments.webhooks

    async def control(self, order: str, body: Any = None) -> Json:
        return await self.bank.control(order, body)

    # The process

    async def open(self) -> None:
        """Begin to live, on whatever the database says."""
        self.fate.dead, self.fate.commits = False, None
        settings = settings_for(
            self.directory,
            self.url,
            stripe_key=KEY,
            stripe_api_url=self.stripe.url,
            stripe_webhook_secrets=WEBHOOK_SECRET,
            driver_requests_per_s=0,
            debt_limit=1_000_000,
            cpo_parties=["NL*PLB"],
            emsp_parties=["NL*PLB"],
        )
        self.hub = await open_hub(settings, public_url="http://hub.test", clock=self.clock)
        self._doors.clear()
        self._process.push_async_callback(self.hub.close)
        schedules = self.db.reactions.schedules
        schedules[:] = [each for each in schedules if each.kind.partition(".")[0] in OF_MONEY]
        await self.hub.bus.subscribe(subject(STATION), self._obey)
        await self.hub.worker._ensure_schedules()
        await self.work()

    async def die(self) -> None:
        """What was in memory is gone; whoever comes next finds the leases of the dead."""
        self.fate.dead = True
        await self._process.aclose()

    async def live_again(self) -> None:
        """Another process opens, a while later."""
        self.clock.advance(60)
        await self.open()

    async def survive(self, work: Any) -> Any:
        """Do something; when the process dies over it, another one opens. None when it did not come to its end."""
        done = None
        try:
            done = await work
        except BaseException:
            if not self.fate.dead:
                raise
        if self.fate.dead:
            await self.die()
            await self.live_again()
        return done

    async def install(self) -> None:
        """A location, a tariff and a charger."""
        async with self.db.tx() as tx:
            await locations.put(tx, location(), platform_id=None)
            await tariffs.put(tx, priced(), platform_id=None)
            self.operator_key = await create_key(tx, self.hub.keys, name="test", role=OperatorRole.ADMIN)
            await stations.register(
                tx, self.hub.keys, station_id=STATION, party=("NL", "PLB"), location_id="LOC1", evses=(), password=None
            )

    @asynccontextmanager
    async def app(self, key: str | None) -> AsyncIterator[App]:
        """An app of a driver or a guest, over the driver API."""
        async with self._client("driver", driver_app, key) as http:
            yield App(http)

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[httpx.AsyncClient]:
        """The operator API."""
        async with self._client("operator", operator_app, self.operator_key) as http:
            yield http

    def _client(self, name: str, make: Callable[[Hub], FastAPI], key: str | None) -> httpx.AsyncClient:
        if name not in self._doors:
            self._doors[name] = make(self.hub)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = f"http://hub.test/api/{name}/v1"
        return httpx.AsyncClient(transport=ASGITransport(self._doors[name]), base_url=base, headers=headers)

    async def driver(self, reference: str, payment: PaymentMethod = PaymentMethod.CARD) -> str:
        """A new driver; the key of the app."""
        return await self.key(await self.driver_id(reference, payment))

    async def driver_id(self, reference: str, payment: PaymentMethod) -> str:
        """A new driver; the id."""
        async with self.db.tx() as tx:
            return (await drivers.create(tx, DriverIn(reference=reference, payment=payment), ("NL", "PLB"))).id

    async def key(self, driver_id: str) -> str:
        """A key for another app of a driver."""
        async with self.db.tx() as tx:
            return (await drivers.issue_key(tx, self.hub.keys, driver_id, "phone"))[1]

    async def start(self, key: str | None, *, evse_uid: str = "E1") -> Json:
        """See a price and begin with it."""
        async with self.app(key) as app:
            return await app.start(await app.quote(location_id="LOC1", evse_uid=evse_uid, energy_kwh=10))

    async def held(self, key: str | None, *, evse_uid: str = "E1", card: str = "pm_card_visa") -> str:
        """A start whose money is there, and whose charger was told; its id."""
        start = await self.start(key, evse_uid=evse_uid)
        secret = start["payment"]["client_secret"]
        await self.bank.enter_card(secret, card)
        if card == "pm_card_authenticationRequired":
            await self.bank.authenticate(secret)
        await self.control("settle")
        await self.work()
        return str(start["id"])

    async def work(self) -> None:
        """Do all that is due now, as long as the process lives."""
        await self.hub.worker.drain()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass and do what is due then; what has waited for a lease comes a moment later."""
        self.clock.advance(seconds)
        await self.work()

    async def resolve(self) -> None:
        """Let the janitor run until nothing is open any more."""
        for _ in range(20):
            await self.pass_time(3700)
            open_ones = [op for op in await self.rows(Operation) if OperationState(op.state).is_open]
            if not open_ones and not await self._jobs():
                return
        raise AssertionError(
            [f"{op.kind} {op.state} {op.attempts}" for op in open_ones]
            + [f"{job.kind} {job.last_error}" for job in await self._jobs()]
        )

    async def _jobs(self) -> list[JobRow]:
        """What is to be done, but for schedules and for debts that are tried again some day."""
        scheduled = {each.kind for each in self.db.reactions.schedules} | {"payments.collect"}
        return [job for job in await self.rows(JobRow) if job.kind not in scheduled]

    async def rows(self, model: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await tx.all(select(model).order_by(model.id)))

    async def one(self, model: Any, id: str) -> Any:
        async with self.db.read() as tx:
            return await tx.get(model, id)

    # The charger

    async def _obey(self, data: bytes) -> bytes:
        command, _ = decode_request(orjson.loads(data))
        status = self.answers
        if isinstance(command, StartCharging):
            if status in (CommandStatus.ACCEPTED, CommandStatus.TIMED_OUT):
                self.heard.append(command)
        elif isinstance(command, StopCharging):
            self.told_to_stop.append(str(command.transaction_id))
            status = CommandStatus.ACCEPTED
        return encode_outcome(CommandOutcome(status))

    async def begins(self, order: StartCharging) -> Charging:
        """A car is plugged in, and the charger does what it was told some time ago."""
        charging = Charging(len(self.transactions) + 1, order.remote_start_id or None, order.token, order.evse_id or 1)
        self.transactions.append(charging)
        await self.says(charging, FactKind.STARTED)
        return charging

    async def meters(self, charging: Charging, added_wh: int) -> None:
        charging.register_wh += added_wh
        await self.says(charging, FactKind.UPDATED)

    async def ends(self, charging: Charging) -> None:
        charging.ended = True
        await self.says(charging, FactKind.ENDED)

    async def says(self, charging: Charging, kind: FactKind, *, key: str | None = None) -> None:
        """Say how far a transaction is; a charger whose message was not taken says it again."""
        charging.said += 1
        fact = TransactionFact(
            kind,
            key or f"{charging.number}-{charging.said}",
            self.clock.now(),
            evse_id=charging.evse_id,
            token=charging.token,
            remote_start_id=charging.remote_start_id if kind is FactKind.STARTED else None,
            meter_wh=Decimal(charging.register_wh),
        )
        while await self.survive(self._record(charging, fact)) is None:
            pass

    async def _record(self, charging: Charging, fact: TransactionFact) -> bool:
        async with self.db.tx() as tx:
            row = await tx.get(Transaction, charging.number)
            if row is None:
                row = Transaction(
                    id=charging.number,
                    station_id=STATION,
                    reference=str(charging.number),
                    origin=str(charging.number),
                    started_at=tx.now,
                    energy_wh=Decimal(0),
                    authorization_status="accepted",
                    doc=b"{}",
                )
                tx.add(row)
                await tx.flush()
            known = await tx.first(select(TransactionMessage).where(TransactionMessage.key == fact.key))
            if known is None:
                tx.add(
                    TransactionMessage(
                        station_id=STATION,
                        transaction_id=charging.number,
                        key=fact.key,
                        kind=fact.kind,
                        received_at=tx.now,
                        doc=fact_document(fact),
                    )
                )
            tx.emit(TransactionChanged(charging.number))
        return True

    async def every_cent_is_where_it_belongs(self, given: Mapping[str, int] = NOTHING) -> None:
        """The proof, once nothing is under way any more; `given` is what drivers were given into their wallets."""
        counted = {each.remote_start_id: each.register_wh for each in self.transactions}
        sold = {
            start.id: price_minor(counted[start.remote_start_id])
            for start in await self.rows(Start)
            if start.remote_start_id in counted
        }
        await every_cent_is_where_it_belongs(self.db, await self.control("state"), sold, given)


def price_minor(energy_wh: int) -> int:
    """What so much energy costs by the tariff that was promised, reckoned apart from the hub."""
    gross = Decimal(energy_wh) / 1000 * PER_KWH * VAT
    return int((gross * 100).quantize(Decimal(1), rounding="ROUND_HALF_UP"))


def priced(per_kwh: Decimal = PER_KWH) -> Json:
    """The tariff, with VAT."""
    component = {"type": "ENERGY", "price": float(per_kwh), "vat": 21.0, "step_size": 1}
    return {**tariff(), "elements": [{"price_components": [component]}]}


@asynccontextmanager
async def open_house(directory: Path, url: str) -> AsyncIterator[House]:
    """A house with a charger, which the fake Stripe tells what happens."""
    clock, fate = ManualClock(), Fate()
    plain = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False), timeout=60)
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(serving(clock=clock))
        http = await stack.enter_async_context(plain)
        await stack.enter_async_context(fate.watched())
        house = House(url, directory, clock, stripe, Bank(stripe.url, http), fate)
        await house.control("settings", NO_FEES)
        await house.open()
        stack.push_async_callback(house.die)
        await house.install()
        await stack.enter_async_context(listening(house, WEBHOOK_SECRET))
        yield house
