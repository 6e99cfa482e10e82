"""A ledger entry of two transfers next to a transaction that inserts two plain rows, on SQLite and PostgreSQL.

Both are committed durably one after the other, and in turns of a few, so that a disk or a processor that is busy for a
while is so for both; the turn in the middle counts. What an entry does more: it looks whether its document is posted
already, writes the entry's own row with a digest of everything, and the database checks the seal.
"""

import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from time import perf_counter

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import hub.tables  # noqa: F401 - the tables of the code
from bench.harness import tell
from bench.postgres import postgres_server
from hub import schema
from kit.clock import SystemClock
from kit.money import Money
from kit.tx import Database
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post

TURNS = 80
ENTRIES = 15
WARM_UP = 5
TARGET = 0.5
_PLAIN = text("INSERT INTO plain (id, source, target, amount_minor) VALUES (:id, :source, :target, :amount_minor)")


async def _insert_plain(engine: AsyncEngine, start: int) -> None:
    for number in range(start, start + 2 * ENTRIES, 2):
        rows = [{"id": number + each, "source": "a", "target": "b", "amount_minor": 121} for each in (0, 1)]
        async with engine.begin() as connection:
            await connection.execute(_PLAIN, rows)


async def _post(db: Database, start: int) -> None:
    price = postings.Price(Money(100, "EUR"), Money(21, "EUR"), "NL")
    for number in range(start, start + ENTRIES):
        entry = Entry(Document("bench", str(number)), postings.sold_to_driver(f"driver-{number}", price))
        async with db.tx() as tx:
            await post(tx, entry)


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    before = perf_counter()
    await work()
    return perf_counter() - before


async def _measure(name: str, url: str) -> None:
    await schema.upgrade(url)
    db = Database(url, clock=SystemClock())
    engine = db._engines.writer
    async with engine.begin() as connection:
        columns = "id INTEGER PRIMARY KEY, source TEXT, target TEXT, amount_minor INTEGER"
        await connection.execute(text(f"CREATE TABLE plain ({columns})"))
    ours: list[float] = []
    bare: list[float] = []
    for number in range(TURNS):
        plain = bare, lambda number=number: _insert_plain(engine, number * 2 * ENTRIES)
        entry = ours, lambda number=number: _post(db, number * ENTRIES)
        for costs, work in (plain, entry) if number % 2 else (entry, plain):  # whoever comes second finds it warm
            costs.append(await _seconds(work))
    await db.close()
    ours_us, bare_us = (statistics.median(costs[WARM_UP:]) / ENTRIES * 1e6 for costs in (ours, bare))
    print(f"{name}: {ours_us:.0f} us for an entry, bare {bare_us:.0f} us", file=sys.stderr)
    tell(name, bare_us / ours_us, TARGET)


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await _measure("ledger_entry_sqlite", f"sqlite:///{folder}/bench.db")
    with postgres_server(durable=True) as database:
        await _measure("ledger_entry_postgresql", database.url())


if __name__ == "__main__":
    uvloop.run(_main())
