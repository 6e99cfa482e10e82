"""Units of work: all or nothing, facts written with the commit, no network inside."""

import asyncio
from dataclasses import dataclass

import pytest
from sqlalchemy import insert, select

from kit.events import Event
from kit.guard import forbid_in_tx
from kit.job_rows import JobRow
from kit.reactions import Reactions
from kit.tx import Database, NestedTx, NetworkInsideTx, Tx

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Happened(Event):
    what: str

    def replace_key(self) -> str | None:
        return self.what if self.what.startswith("once") else None


async def ignore(tx: Tx, event: Happened) -> None:
    """A subscriber that does nothing."""


async def waiting(db: Database) -> list[JobRow]:
    async with db.read() as tx:
        return list(await tx.all(select(JobRow).order_by(JobRow.id)))  # type: ignore[arg-type]


async def test_a_fact_is_written_with_the_commit(db: Database, reactions: Reactions) -> None:
    reactions.on(Happened, ignore)
    async with db.tx() as tx:
        tx.emit(Happened("a"))
    assert [row.payload for row in await waiting(db)] == [b'{"what":"a"}']


async def test_a_fact_of_a_failed_transaction_never_happened(db: Database, reactions: Reactions) -> None:
    reactions.on(Happened, ignore)
    with pytest.raises(RuntimeError, match="boom"):
        async with db.tx() as tx:
            tx.emit(Happened("a"))
            raise RuntimeError("boom")
    assert await waiting(db) == []


async def test_a_fact_nobody_reacts_to_leaves_no_row(db: Database) -> None:
    async with db.tx() as tx:
        tx.emit(Happened("a"))
    assert await waiting(db) == []


async def test_waiting_facts_with_one_key_are_one(db: Database, reactions: Reactions) -> None:
    reactions.on(Happened, ignore)
    async with db.tx() as tx:
        tx.emit(Happened("once"))
        tx.emit(Happened("once"))
        tx.emit(Happened("twice"))
        tx.emit(Happened("twice"))
    async with db.tx() as tx:
        tx.emit(Happened("once"))
    assert sorted(row.payload for row in await waiting(db)) == [
        b'{"what":"once"}',
        b'{"what":"twice"}',
        b'{"what":"twice"}',
    ]


async def test_doorbells_ring_after_the_commit_and_never_without_one(db: Database) -> None:
    rung: list[str] = []
    db.doorbells.listen("locations", lambda: rung.append("locations"))
    async with db.tx() as tx:
        tx.ring("locations")
        tx.ring("locations")
        assert rung == []
    assert rung == ["locations"]
    with pytest.raises(RuntimeError, match="boom"):
        async with db.tx() as tx:
            tx.ring("locations")
            raise RuntimeError("boom")
    assert rung == ["locations"]


class Summing:
    """Gathers numbers and writes their sum as one job."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def before_commit(self, tx: Tx) -> None:
        await tx.execute(
            insert(JobRow).values(
                kind="sum", payload=str(sum(self.numbers)).encode(), run_at=tx.now, created_at=tx.now, max_attempts=1
            )
        )


async def test_a_companion_gathers_over_its_transaction_and_writes_once_at_the_end(db: Database) -> None:
    for numbers in ((1, 2, 3), (10, 20)):
        async with db.tx() as tx:
            for number in numbers:
                tx.companion(Summing).numbers.append(number)
            assert tx.companion(Summing).numbers == list(numbers), "each transaction has one of its own"
    assert [row.payload for row in await waiting(db)] == [b"6", b"30"]


async def test_what_a_companion_gathered_is_lost_with_its_transaction(db: Database) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        async with db.tx() as tx:
            tx.companion(Summing).numbers.append(1)
            raise RuntimeError("boom")
    async with db.tx():
        pass
    assert await waiting(db) == []


async def test_the_network_is_refused_inside_and_allowed_after(db: Database) -> None:
    async with db.tx():
        with pytest.raises(NetworkInsideTx, match="a request to a partner"):
            forbid_in_tx("a request to a partner")
    forbid_in_tx("a request to a partner")


async def test_a_transaction_inside_a_transaction_is_refused(db: Database) -> None:
    async with db.tx():
        with pytest.raises(NestedTx):
            async with db.tx():
                pass
        with pytest.raises(NestedTx):
            async with db.read():
                pass


async def test_two_hundred_concurrent_writers_all_succeed(db: Database, reactions: Reactions) -> None:
    reactions.on(Happened, ignore)

    async def write(number: int) -> None:
        async with db.tx() as tx:
            await tx.all(select(JobRow).limit(1))  # a read first: what makes deferred transactions fail
            tx.emit(Happened(str(number)))

    await asyncio.gather(*(write(number) for number in range(200)))
    assert len(await waiting(db)) == 200


@pytest.mark.parametrize("order", ["objects first", "objects last", "objects that change nothing"])
async def test_objects_and_rows_go_with_one_commit(db: Database, order: str) -> None:
    table = JobRow.__table__  # type: ignore[attr-defined]
    now = db.clock.now()
    row = {"kind": "row", "payload": b"{}", "state": "dead", "run_at": now, "max_attempts": 1, "created_at": now}
    async with db.tx() as tx:
        if order == "objects first":
            tx.add(JobRow(**row))
        elif order == "objects that change nothing":
            await tx.flush()
        await tx.insert(table, [{**row, "attempts": 0}])
        if order == "objects last":
            tx.add(JobRow(**row))
    assert len(await waiting(db)) == (1 if order == "objects that change nothing" else 2)


async def test_a_read_sees_no_half_of_a_transaction(db: Database, reactions: Reactions) -> None:
    reactions.on(Happened, ignore)
    inside, leave = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with db.tx() as tx:
            tx.emit(Happened("a"))
            await tx.flush()
            inside.set()
            await leave.wait()

    writer = asyncio.create_task(write())
    await inside.wait()
    assert await waiting(db) == []
    leave.set()
    await writer
    assert len(await waiting(db)) == 1
