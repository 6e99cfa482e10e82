"""The payments floor as an application has it: a database, a worker, the real adapter, the fake Stripe on a socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import httpx
import uvicorn
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit.clock import ManualClock, SystemClock
from kit.errors import Problem
from kit.events import Event
from kit.jobs import Worker
from kit.money import Money
from kit.reactions import Reactions
from kit.tx import Database
from payments import events, holds
from payments.card_flows import Cards
from payments.fake_stripe import Serving, serving
from payments.hold_flows import Collector, Holds
from payments.holds import HoldWish
from payments.line_flows import Books
from payments.operator import Operator
from payments.psp import KEY_LIFETIME
from payments.stripe import StripePsp
from payments.tables import Debt, Dispute, Hold, Operation, Received, Refund
from payments.webhooks import Webhooks
from payments.wiring import wire

SECRET = "whsec_of_the_shop"
DRIVER = "driver-1"
Json = dict[str, Any]


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@dataclass
class Shop:
    db: Database
    clock: ManualClock
    worker: Worker
    psp: StripePsp
    stripe: Serving
    operator: Operator
    holds: Holds
    collector: Collector
    cards: Cards
    webhooks: Webhooks
    http: httpx.AsyncClient
    told: list[Event] = field(default_factory=list)
    webhook_url: str = ""

    async def control(self, order: str, body: Any = None) -> Json:
        if order == "state":
            answer = await self.http.get(f"{self.stripe.url}/_control/state")
        else:
            answer = await self.http.post(f"{self.stripe.url}/_control/{order}", json=body or {})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def plan(self, do: str, match: str = "", **more: Any) -> None:
        await self.control("plans", [{"do": do, "match": match, **more}])

    async def objects(self, kind: str) -> list[Json]:
        return list((await self.control("state"))["objects"][kind])

    async def intent(self, payment_id: str | None) -> Json:
        return next(each for each in await self.objects("pi") if each["id"] == payment_id)

    async def posts(self, path: str) -> int:
        requests = (await self.control("state"))["requests"]
        return sum(each["request"] == f"POST {path}" for each in requests)

    async def place(self, reference: str = "start-1", amount: int = 5000, **more: Any) -> Hold:
        customer = await self.cards.customer(self.db, more.pop("driver", DRIVER))
        wish = HoldWish(
            reference, eur(amount), customer, more.pop("card", "pm_card_visa"), **{"save_card": True, **more}
        )
        return await self.holds.place(self.db, wish)

    async def hold(self, hold_id: str) -> Hold:
        return await self.holds.get(self.db, hold_id)

    async def rows(self, model: Any) -> list[Any]:
        async with self.db.read() as tx:
            return list(await tx.all(select(model).order_by(model.id)))

    async def work(self) -> None:
        """Do all that is due now."""
        await self.worker.drain()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, look after what is open, and do all that follows."""
        self.clock.advance(seconds)
        await self.holds.look_after(self.db, {})
        await self.work()

    async def resolve(self) -> None:
        """Let the janitor run until nothing is open any more."""
        for _ in range(12):
            await self.work()
            open_ones = [op for op in await self.rows(Operation) if op.state in ("READY", "SENT", "UNKNOWN")]
            if not open_ones:
                return
            await self.pass_time(3700)
        raise AssertionError([f"{op.kind} {op.state} {op.attempts}" for op in open_ones])

    async def debts(self) -> list[Debt]:
        return await self.rows(Debt)

    async def received(self) -> list[Received]:
        return await self.rows(Received)

    async def refunds(self) -> list[Refund]:
        return await self.rows(Refund)

    async def disputes(self) -> list[Dispute]:
        return await self.rows(Dispute)


class Listener(Protocol):
    """Whoever is told by webhooks."""

    webhook_url: str

    @property
    def db(self) -> Database: ...
    @property
    def webhooks(self) -> Webhooks: ...
    async def control(self, order: str, body: Any = None) -> Json: ...


ListenerT = TypeVar("ListenerT", bound=Listener)


@asynccontextmanager
async def open_shop(
    database_url: str,
    *,
    timeout_s: float = 30.0,
    real_time: bool = False,
    more: Callable[[Reactions], None] = lambda reactions: None,
) -> AsyncIterator[Shop]:
    """A shop; its clock stands still, and the fake's with it: at `real_time` for a shop that shares its database.

    `more` registers the reactions of those above.
    """
    clock = ManualClock(SystemClock().now() if real_time else None)
    reactions = Reactions()
    db = Database(database_url, clock=clock, reactions=reactions)
    plain = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False), timeout=60)
    async with serving(clock=clock) as stripe, plain as http:
        psp = StripePsp("sk_test_shop", api_url=stripe.url, timeout_s=timeout_s)
        operator = Operator(psp)
        holds, collector = Holds(psp, operator), Collector(psp, operator)
        webhooks = Webhooks(psp, [SECRET])
        wire(reactions, operator=operator, holds=holds, collector=collector, events=webhooks, books=Books(psp))
        more(reactions)
        shop = Shop(db, clock, Worker(db), psp, stripe, operator, holds, collector, Cards(psp), webhooks, http)
        _listen(reactions, shop)
        try:
            yield shop
        finally:
            await psp.close()
            await db.close()


def _listen(reactions: Reactions, shop: Shop) -> None:
    async def note(tx: Any, event: Event) -> None:
        shop.told.append(event)

    for kind in (
        events.HoldChanged,
        events.MoneyReceived,
        events.DebtChanged,
        events.RefundChanged,
        events.WalletRefunded,
        events.DisputeChanged,
        events.OperationStuck,
        events.ReloadPaused,
        events.LineRead,
    ):
        reactions.on(kind, note)


@asynccontextmanager
async def listening(shop: ListenerT, secret: str = SECRET) -> AsyncIterator[ListenerT]:
    """The shop with an endpoint for webhooks, which the fake knows."""

    async def take(request: Request) -> Response:
        try:
            await shop.webhooks.take(
                shop.db,
                await request.body(),
                signature=request.headers.get("stripe-signature"),
                content_type=request.headers.get("content-type"),
            )
        except Problem as error:
            return JSONResponse({"code": error.code}, error.status)
        return Response(status_code=204)

    app = Starlette(routes=[Route("/webhook", take, methods=["POST"])])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    shop.webhook_url = f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
    await shop.control("webhooks", {"url": shop.webhook_url, "secrets": [secret]})
    try:
        yield shop
    finally:
        server.should_exit = True
        await task
        listener.close()


def event_body(kind: str = "payment_intent.succeeded", id: str = "evt_1", object_id: str = "pi_1") -> bytes:
    """A body as Stripe sends it."""
    event = {
        "id": id,
        "object": "event",
        "type": kind,
        "created": 1767225600,
        "data": {"object": {"id": object_id, "object": "payment_intent"}},
    }
    return json.dumps(event).encode()


__all__ = ["DRIVER", "KEY_LIFETIME", "SECRET", "Shop", "eur", "event_body", "listening", "open_shop"]


async def settle(shop: Shop, hold_id: str, minor: int) -> None:
    async with shop.db.tx() as tx:
        await holds.settle(tx, hold_id, eur(minor))


async def release(shop: Shop, hold_id: str) -> None:
    async with shop.db.tx() as tx:
        await holds.release(tx, hold_id)


async def with_card(shop: Shop, name: str = "pm_card_visa", driver: str = DRIVER) -> str:
    """A driver with a saved card; its id."""
    setup = await shop.cards.begin(shop.db, driver)
    url = f"{shop.stripe.url}/v1/setup_intents/{setup.id}/confirm"
    answer = await shop.http.post(url, data={"payment_method": name}, headers={"Authorization": "Bearer sk_test_app"})
    if answer.json()["status"] == "requires_action":
        await shop.control("authenticate", {"id": setup.id, "success": True})
    saved = await shop.cards.finish(shop.db, driver, setup.id)
    assert saved is not None
    return saved.id
