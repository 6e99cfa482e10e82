"""A ledger entry of two transfers next to a transaction that inserts two plain rows, on SQLite and PostgreSQL.

Both are committed durably one after the other. What an entry does more: it looks whether its document is posted
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

ROUNDS = 7
ENTRIES = 200
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
    for number in range(ROUNDS):
        bare.append(await _seconds(lambda number=number: _insert_plain(engine, number * 2 * ENTRIES)))  # type: ignore[misc]
        ours.append(await _seconds(lambda number=number: _post(db, number * ENTRIES)))  # type: ignore[misc]
    await db.close()
    each_us = (statistics.median(ours) / ENTRIES * 1e6, statistics.median(bare) / ENTRIES * 1e6)
    print(f"{name}: {each_us[0]:.0f} us for an entry, bare {each_us[1]:.0f} us", file=sys.stderr)
    tell(name, each_us[1] / each_us[0], TARGET)


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        await _measure("ledger_entry_sqlite", f"sqlite:///{folder}/bench.db")
    with postgres_server(durable=True) as database:
        await _measure("ledger_entry_postgresql", database.url())


if __name__ == "__main__":
    uvloop.run(_main())
