"""A process dies at each call to the provider, before it was heard or after; the next one finishes what it began."""

import asyncio
import sys
from pathlib import Path

import pytest

from payments import holds
from payments.tables import hold_by_reference
from tests.payments.child import give_back
from tests.payments.shop import Shop, eur, open_shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLS = ["POST /v1/customers", "POST /v1/payment_intents", "/capture", "the charge", "POST /v1/refunds"]
ROOT = Path(__file__).parents[2]


async def die_at(shop: Shop, call: str, plan: str) -> None:
    """Let a process pay, and kill it while the provider has its call."""
    skip = [] if call != "the charge" else [{"do": "delay_answer", "match": "POST /v1/payment_intents"}]
    match = "POST /v1/payment_intents" if call == "the charge" else call
    await shop.control("plans", [*skip, {"do": plan, "match": match, "seconds": 3}])
    command = [sys.executable, "-m", "tests.payments.child", shop.db.url, shop.stripe.url]
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        while shop.stripe.fake.world.plans:
            assert child.returncode is None, await child.stderr.read() if child.stderr else b""
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    child.kill()
    await child.communicate()


@pytest.mark.parametrize("plan", ["delay_request", "hang"])
@pytest.mark.parametrize(
    "call", ["POST /v1/customers", "POST /v1/payment_intents", "/capture", "the charge", "POST /v1/refunds"]
)
async def test_a_process_that_dies_at_a_call_leaves_nothing_half_done(
    migrated_database_url: str, call: str, plan: str
) -> None:
    async with open_shop(migrated_database_url, real_time=True) as shop:
        await die_at(shop, call, plan)
        await shop.resolve()  # also past the leases of its jobs
        await shop.place(amount=2000)
        async with shop.db.tx() as tx:
            hold = await hold_by_reference(tx, "start-1")
            assert hold is not None
            await holds.settle(tx, hold.id, eur(2750))
        for _ in range(3):
            await shop.resolve()
            await shop.pass_time(3700)
        await give_back(shop.db, hold.id)
        await shop.resolve()
        assert [each["amount"] for each in await shop.objects("re")] == [500]
        assert sorted(each.amount_minor for each in await shop.received()) == [750, 2000]
        intents = await shop.objects("pi")
        assert sorted(each["amount_received"] for each in intents) == [750, 2000]
        assert [each.state for each in await shop.debts()] == ["PAID"]
