"""One invoice for the sessions of a month: each of them once, and no sum that was not stated before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from facturx import xml_check_xsd
from sqlalchemy import select

import hub.tables  # noqa: F401 - the tables of the code
from hub.billing.monthly import Monthly
from hub.billing.receipts import Receipts
from kit.clock import ManualClock
from kit.tx import Database
from payments.documents import parties
from payments.documents.electronic import electronic_of
from payments.documents.model import Detail, Document, DocumentKind, Payment
from payments.documents.profile import SellerProfile
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow
from tests.payments.documents.papers import BUYER, PLAIN, SELLER, invoice, item

pytestmark = pytest.mark.anyio

JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
MONTHLY = Monthly(Receipts("Canal Charging", monthly=True))
PAYER = "driver:0198a000-0000-7000-8000-000000000001"


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=ManualClock(JUNE))
    async with database.tx() as tx:
        profile = SellerProfile(
            SELLER.name, SELLER.street, country="NL", vat_id=SELLER.vat_id, iban="NL91ABNA0417164300"
        )
        await parties.set_seller(tx, profile)
        await parties.set_buyer(tx, PAYER, BUYER)
    yield database
    await database.close()


def stated(**changes: Any) -> Document:
    document = replace(
        invoice([*PLAIN, item("3", "0.333", "9")]),
        kind=DocumentKind.STATEMENT,
        payment=Payment("invoice"),
        issued_at=JUNE,
        details=(Detail("energy", "Energy", "10.123 kWh"), Detail("location", "Location", "Canal Street")),
    )
    return replace(document, **changes)


async def state(db: Database, *documents: Document, payer: str = PAYER) -> list[DocumentRow]:
    async with db.tx() as tx:
        return [
            await issue(tx, About(f"bill:{payer[-2:]}{number}{each.issued_at:%m%d}{each.country}", payer), each)
            for number, each in enumerate(documents)
        ]


async def invoices(db: Database) -> list[Document]:
    async with db.read() as tx:
        rows = await tx.all(select(DocumentRow).where(DocumentRow.kind == "INVOICE").order_by(DocumentRow.id))
    return [read(row) for row in rows]


async def test_the_sessions_of_a_month_are_invoiced_once_with_the_sums_that_were_stated(db: Database) -> None:
    rows = await state(db, *[stated() for _ in range(7)])
    await MONTHLY.invoice(db, {})
    assert await invoices(db) == [], "the month is not over"
    later = Database(db.url, clock=ManualClock(JULY))
    for _ in range(2):
        await MONTHLY.invoice(later, {})
    await later.close()
    [found] = await invoices(db)
    assert found.gross_minor == sum(row.net_minor + row.vat_minor for row in rows)
    assert sum(line.net_minor for line in found.lines) == found.net_minor
    assert len(found.lines) == 14, "a line for each session and rate"
    assert found.lines[0].text == f"{rows[0].number} · 01 Jun 2026 · 10.123 kWh · Canal Street"
    assert found.buyer == BUYER
    assert found.payment is not None
    assert found.payment.due_at == JULY + timedelta(days=14)
    xml = electronic_of(found)
    assert xml is not None
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")


async def test_payers_months_countries_and_currencies_are_invoiced_apart(db: Database) -> None:
    may = JUNE - timedelta(days=30)
    await state(db, stated(), stated(country="DE"), stated(issued_at=may), stated(currency="CHF"))
    await state(db, stated(), payer="driver:2")
    await state(db, stated(kind=DocumentKind.RECEIPT, issued_at=may), payer="driver:3")
    later = Database(db.url, clock=ManualClock(JULY))
    await MONTHLY.invoice(later, {})
    await later.close()
    found = await invoices(db)
    assert len(found) == 5
    assert {(each.country, each.currency) for each in found} == {("NL", "EUR"), ("DE", "EUR"), ("NL", "CHF")}
