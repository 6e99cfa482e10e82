"""A process that pays, to be killed: `python -m tests.payments.child DATABASE_URL STRIPE_URL`."""

import asyncio
import sys

from sqlalchemy import select
from sqlmodel import col

from kit.clock import SystemClock
from kit.jobs import Worker
from kit.reactions import Reactions
from kit.tx import Database
from payments import holds, refunds
from payments.card_flows import Cards
from payments.hold_flows import Collector, Holds
from payments.holds import HoldWish
from payments.line_flows import Books
from payments.operator import Operator
from payments.stripe import StripePsp
from payments.tables import Received
from payments.webhooks import Webhooks
from payments.wiring import wire
from tests.payments.shop import DRIVER, SECRET, eur


async def pay(database_url: str, stripe_url: str) -> None:
    """Hold 20 euros, owe 27.50, give 5 back, and work until nothing is left to do."""
    reactions = Reactions()
    db = Database(database_url, clock=SystemClock(), reactions=reactions)
    psp = StripePsp("sk_test_child", api_url=stripe_url)
    operator = Operator(psp)
    flows, collector, webhooks = Holds(psp, operator), Collector(psp, operator), Webhooks(psp, [SECRET])
    wire(reactions, operator=operator, holds=flows, collector=collector, events=webhooks, books=Books(psp))
    customer = await Cards(psp).customer(db, DRIVER)
    hold = await flows.place(db, HoldWish("start-1", eur(2000), customer, "pm_card_visa", save_card=True))
    async with db.tx() as tx:
        await holds.settle(tx, hold.id, eur(2750))
    await Worker(db).drain()
    await give_back(db, hold.id)
    await Worker(db).drain()


async def give_back(db: Database, hold_id: str) -> None:
    """Have 5 euros of what was captured given back, once."""
    async with db.tx() as tx:
        received = await tx.first(select(Received).where(col(Received.hold_id) == hold_id))
        assert received is not None
        await refunds.request(tx, received.id, eur(500), reference="credit-1")


if __name__ == "__main__":
    asyncio.run(pay(*sys.argv[1:]))
