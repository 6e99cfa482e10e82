"""The ledger in a real database: posted once, never altered, and its proof finds whoever went around."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

import hub.tables  # noqa: F401 - the tables of the code
from kit.clock import ManualClock
from kit.money import Money
from kit.tx import Database
from payments.ledger import postings
from payments.ledger.accounts import Account, AccountKind, Document, Entry
from payments.ledger.check import check
from payments.ledger.service import (
    EntryConflict,
    NothingPosted,
    balance,
    balances,
    digest_of,
    find,
    post,
    reverse,
    statement,
)

pytestmark = pytest.mark.anyio

CDR = Document("cdr", "NL*PLB*1")
PRICE = postings.Price(Money(1000, "EUR"), Money(210, "EUR"), "NL")
SALE = Entry(CDR, postings.sold_to_driver("driver-1", PRICE), {"kwh": "12.5"})
RECEIVABLE = postings.receivable("driver-1")
TABLES = ("ledger_entry", "ledger_transfer")
TRIGGERS = {
    "sqlite": [
        f"DROP TRIGGER {table}_no_{verb}"
        for table in ("ledger_entry", "ledger_transfer")
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [f"DROP TRIGGER {table}_only_added ON {table}" for table in ("ledger_entry", "ledger_transfer")],
}
SEALED = {
    "sqlite": "DROP TRIGGER ledger_transfer_sealed",
    "postgresql": "DROP TRIGGER ledger_transfer_sealed ON ledger_transfer",
}


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))
    yield database
    await database.close()


async def posted(db: Database, *entries: Entry) -> list[bool]:
    async with db.tx() as tx:
        return [await post(tx, each) for each in entries]


async def run(db: Database, statements: Sequence[str]) -> None:
    async with db.tx() as tx:
        for each in statements:
            await tx.execute(text(each))


async def test_an_entry_is_found_as_it_was_posted(db: Database) -> None:
    assert await posted(db, SALE) == [True]
    async with db.read() as tx:
        assert await find(tx, CDR) == SALE
        assert await find(tx, Document("cdr", "another")) is None
        assert await balance(tx, RECEIVABLE, "EUR") == Money(1210, "EUR")
        assert await balance(tx, RECEIVABLE, "SEK") == Money.zero("SEK")
        assert (await balances(tx))[Account(AccountKind.VAT, "NL"), "EUR"] == Money(-210, "EUR")


async def test_posting_again_is_harmless_and_posting_something_else_is_refused(db: Database) -> None:
    assert await posted(db, SALE, SALE) == [True, False]
    assert await posted(db, SALE) == [False]
    for other in (
        Entry(CDR, postings.sold_to_driver("driver-2", PRICE), SALE.facts),
        Entry(CDR, SALE.transfers, {"kwh": "13"}),
        Entry(CDR, SALE.transfers[:1], SALE.facts),
    ):
        with pytest.raises(EntryConflict):
            await posted(db, other)
    async with db.read() as tx:
        assert await balance(tx, RECEIVABLE, "EUR") == Money(1210, "EUR")


async def test_what_is_posted_is_taken_back_once_by_an_entry_of_its_own(db: Database) -> None:
    credit = Document("credit_cdr", "NL*PLB*2")
    async with db.tx() as tx:
        with pytest.raises(NothingPosted):
            await reverse(tx, CDR, by=credit)
    await posted(db, SALE)
    async with db.tx() as tx:
        assert [await reverse(tx, CDR, by=credit), await reverse(tx, CDR, by=credit)] == [True, False]
        assert await balance(tx, RECEIVABLE, "EUR") == Money.zero("EUR")
        assert [each.document for each in await statement(tx, RECEIVABLE)] == [CDR, credit]


async def test_of_many_that_post_a_document_at_once_one_does(db: Database) -> None:
    async def attempt() -> bool:
        try:
            return (await posted(db, SALE))[0]
        except IntegrityError:
            return False

    assert sum(await asyncio.gather(*(attempt() for _ in range(20)))) == 1
    async with db.read() as tx:
        assert await balance(tx, RECEIVABLE, "EUR") == Money(1210, "EUR")
    assert (await check(db)).findings == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1",
        "UPDATE ledger_entry SET facts = '{}'",
        "DELETE FROM ledger_transfer",
        "DELETE FROM ledger_entry",
        "INSERT INTO ledger_transfer (entry_id, number, source, target, amount_minor, currency)"
        " SELECT id, 99, 'bank', 'margin', 5, 'EUR' FROM ledger_entry",
        "INSERT INTO ledger_transfer (entry_id, number, source, target, amount_minor, currency)"
        " VALUES ('of no entry', 0, 'bank', 'margin', 5, 'EUR')",
        "INSERT INTO ledger_transfer (entry_id, number, source, target, amount_minor, currency)"
        " VALUES ('new', 0, 'bank', 'margin', 0, 'EUR')",
        "INSERT INTO ledger_transfer (entry_id, number, source, target, amount_minor, currency)"
        " VALUES ('new', 0, 'bank', 'bank', 5, 'EUR')",
    ],
)
async def test_no_statement_alters_an_entry_or_unbalances_the_ledger(db: Database, statement: str) -> None:
    await posted(db, SALE)
    with pytest.raises(DBAPIError):
        await run(db, [statement])
    async with db.read() as tx:
        assert await find(tx, CDR) == SALE
    assert (await check(db)).findings == ()


async def test_the_table_cannot_be_emptied(db: Database) -> None:
    await posted(db, SALE)
    with pytest.raises(DBAPIError):
        await run(db, ["TRUNCATE ledger_entry CASCADE"])


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE number = 0",
        "UPDATE ledger_transfer SET target = 'driver_receivable:driver-2' WHERE number = 1",
        'UPDATE ledger_entry SET facts = \'{"kwh": "1"}\'',
        "UPDATE ledger_transfer SET currency = 'SEK' WHERE number = 1",
        "UPDATE ledger_entry SET document_id = 'NL*PLB*9'",
        "DELETE FROM ledger_transfer WHERE number = 1",
        "INSERT INTO ledger_transfer (entry_id, number, source, target, amount_minor, currency)"
        " SELECT id, 99, 'bank', 'margin', 5, 'EUR' FROM ledger_entry",
    ],
)
async def test_the_proof_finds_whoever_took_the_triggers_away(db: Database, tampering: str) -> None:
    await posted(db, SALE)
    await run(db, [*TRIGGERS[db.dialect], SEALED[db.dialect], tampering])
    [finding] = (await check(db)).findings
    assert "not the one that was posted" in finding.what


async def test_the_proof_finds_what_cannot_be(db: Database) -> None:
    load = Entry(Document("top_up", "1"), postings.wallet_loaded("w", Money(500, "EUR")))
    spent = Entry(Document("payment", "1"), postings.wallet_spent("w", "driver-1", Money(501, "EUR")))
    await posted(db, load, spent)
    [finding] = (await check(db)).findings
    assert finding.where == "wallet:w EUR"


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=5), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_the_digest_tells_every_entry_from_another(amounts: list[int], currency: str) -> None:
    legs = [Money(minor, currency) for minor in amounts]
    entry = Entry(CDR, tuple(each for money in legs for each in postings.captured("d", money)))
    more = Entry(CDR, (*entry.transfers, *postings.captured("d", Money(1, currency))))
    assert digest_of(entry) == digest_of(Entry(CDR, entry.transfers))
    assert digest_of(entry) != digest_of(more)


async def test_a_long_ledger_is_read_whole(db: Database) -> None:
    await posted(
        db,
        *(
            Entry(Document("cdr", str(number)), postings.captured(f"driver-{number % 7}", Money(number + 1, "EUR")))
            for number in range(2_100)
        ),
    )
    checked = await check(db)
    assert (checked.entries, checked.findings) == (2_100, ())
    assert checked.balances[Account(AccountKind.PROVIDER_CLEARING), "EUR"] == Money(2_100 * 2_101 // 2, "EUR")


async def test_what_is_posted_while_balances_are_read_is_in_them_on_both_sides_or_on_none(db: Database) -> None:
    entries = [Entry(Document("cdr", f"NL*PLB*{number}"), SALE.transfers) for number in range(200)]

    async def post_all() -> None:
        for entry in entries:
            await posted(db, entry)

    posting = asyncio.create_task(post_all())
    while not posting.done():
        async with db.read() as tx:
            found = await balances(tx)
        assert sum(amount.amount_minor for amount in found.values()) == 0
    await posting
