"""Credit notes follow the money, and never take back more than a document has, whoever asks at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

import hub.tables  # noqa: F401 - the tables of the code
from hub.billing.credits import Returned, credit_invoice, of_refund
from hub.billing.tables import Bill, RefundReason
from hub.starts.lifecycle import StartMethod, StartState
from hub.starts.tables import Start
from kit.clock import ManualClock
from kit.money import Money
from kit.tx import Database
from payments.documents.model import Document
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow, credits_of
from payments.errors import OverRefund
from payments.events import RefundChanged
from payments.ledger.accounts import AccountKind
from payments.ledger.check import check
from payments.tables import Received, Refund, RefundState
from tests.payments.documents.papers import PLAIN, invoice, receipt

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 2, tzinfo=UTC)
START = "start-1"


def the_start() -> Start:
    return Start(
        id=START,
        method=StartMethod.APP,
        state=StartState.ENDED,
        country_code="BE",
        party_id="CPO",
        uid_digest="digest",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW,
    )


def the_bill() -> Bill:
    return Bill(
        id="1",
        start_id=START,
        reference=START,
        payer="driver:1",
        payment="card",
        country_code="BE",
        party_id="CPO",
        cdr_id="C-1",
        place="BE",
        currency="EUR",
        net_minor=500,
        vat_minor=50,
        lines=b"[]",
        made_at=NOW,
    )


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=ManualClock(NOW))
    yield database
    await database.close()


async def issued(db: Database, document: Document) -> DocumentRow:
    async with db.tx() as tx:
        return await issue(tx, About("bill:1", "driver:1", START), document)


async def notes(db: Database, document: DocumentRow) -> list[Document]:
    async with db.read() as tx:
        return [read(row) for row in await credits_of(tx, document.id)]


async def take_back(db: Database, document: DocumentRow, minor: int, key: str) -> str:
    try:
        async with db.tx() as tx:
            row = await credit_invoice(tx, document.id, Returned(Money(minor, "EUR"), "A kindness", key))
            await asyncio.sleep(0.02)
    except OverRefund:
        return "refused"
    return row.number


async def test_of_many_who_take_back_at_once_only_those_that_fit_do(db: Database) -> None:
    document = await issued(db, invoice(PLAIN))
    assert document.net_minor + document.vat_minor == 550
    others = [Database(db.url, clock=db.clock) for _ in range(5)]
    try:
        found = await asyncio.gather(*(take_back(each, document, 200, f"op:{at}") for at, each in enumerate(others)))
    finally:
        for each in others:
            await each.close()
    assert found.count("refused") == 3
    assert sum(note.gross_minor for note in await notes(db, document)) == 400
    first = found.index(next(each for each in found if each != "refused"))
    assert await take_back(db, document, 200, f"op:{first}") == found[first], "again is the same"
    assert await take_back(db, document, 150, "op:rest") != "refused"
    whole = await notes(db, document)
    assert sum(note.net_minor for note in whole) == document.net_minor
    assert sum(note.vat_minor for note in whole) == document.vat_minor


async def succeed(db: Database, name: str, minor: int, *, reason: str = "It was slow") -> Refund:
    async with db.tx() as tx:
        refund = Refund(
            reference=name,
            received_id="received-1",
            state=RefundState.SUCCEEDED,
            amount_minor=minor,
            currency="EUR",
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.add(refund)
        if reason:
            tx.add(RefundReason(refund_id=refund.id, start_id=START, key=name, reason=reason))
    return await told(db, refund)


async def told(db: Database, refund: Refund) -> Refund:
    """What the house hears of a refund, twice."""
    for _ in range(2):
        async with db.tx() as tx:
            await of_refund(tx, RefundChanged(refund.id, refund.received_id, refund.state))
    return refund


async def sold(db: Database) -> DocumentRow:
    """A session that was paid by card, with its receipt."""
    document = await issued(db, receipt(PLAIN))
    async with db.tx() as tx:
        tx.add(the_start())
        await tx.flush()
        tx.add(the_bill())
        tx.add(
            Received(
                id="received-1",
                payment_id="pi_1",
                reference=START,
                amount_minor=550,
                currency="EUR",
                created_at=tx.now,
            )
        )
    return document


async def test_what_was_paid_twice_goes_back_without_a_credit_note(db: Database) -> None:
    document = await sold(db)
    await succeed(db, "twice:pi_2", 550, reason="")
    assert await notes(db, document) == [], "the session costs what it costs"
    await succeed(db, "asked", 200)
    assert [note.gross_minor for note in await notes(db, document)] == [200]


async def test_a_refund_that_comes_back_and_is_sent_again_is_one_credit_note(db: Database) -> None:
    document = await sold(db)
    first = await succeed(db, "first", 200)
    assert [note.gross_minor for note in await notes(db, document)] == [200]
    async with db.tx() as tx:
        row = await tx.get(Refund, first.id)
        assert row is not None
        row.state = RefundState.FAILED
    await succeed(db, "again", 200)
    assert [note.gross_minor for note in await notes(db, document)] == [200], "the promise was kept"
    await succeed(db, "rest", 350)
    found = await notes(db, document)
    assert [note.gross_minor for note in found] == [200, 350]
    assert all(note.corrects is not None and note.corrects.number == document.number for note in found)
    checked = await check(db)
    assert checked.findings == ()
    owed = [
        amount for (account, _), amount in checked.balances.items() if account.kind is AccountKind.DRIVER_RECEIVABLE
    ]
    assert [amount.amount_minor for amount in owed] == [-550], "as much as the sale had, taken back"
