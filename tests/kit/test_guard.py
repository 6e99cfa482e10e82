"""No network inside a transaction."""

import asyncio

import pytest

from kit.clock import ManualClock
from kit.guard import NetworkInsideTx, forbid_in_tx, tx_active
from kit.tx import Database

pytestmark = pytest.mark.anyio


async def test_the_network_is_forbidden_inside_a_transaction_and_a_reading_only(database_url: str) -> None:
    db = Database(database_url, clock=ManualClock())
    forbid_in_tx("a call")
    for block in (db.tx(), db.read()):
        async with block:
            with pytest.raises(NetworkInsideTx, match="a call inside"):
                forbid_in_tx("a call")
    with pytest.raises(ZeroDivisionError):
        async with db.tx():
            raise ZeroDivisionError
    forbid_in_tx("a call")
    await db.close()


async def test_another_task_s_transaction_forbids_nothing_here() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        tx_active.set(True)
        entered.set()
        await leave.wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    forbid_in_tx("a call")
    leave.set()
    await holder


async def test_a_task_started_inside_a_transaction_is_held_to_it_as_well() -> None:
    async def call() -> None:
        forbid_in_tx("a call")

    token = tx_active.set(True)
    task = asyncio.create_task(call())
    tx_active.reset(token)
    with pytest.raises(NetworkInsideTx):
        await task
