"""Numbers have no gaps and no duplicates, whoever takes them at once and whatever is rolled back; documents stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import hub.tables  # noqa: F401 - the tables of the code
from kit.clock import ManualClock
from kit.tx import Database
from payments.documents.kinds import number_in, series_of
from payments.documents.model import Document, DocumentKind, Line, Party, VatTotal, of_json, to_json
from payments.documents.service import About, issue, read
from payments.documents.tables import DocumentRow

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FEE = Line("FLAT", "Fee", Decimal(1), "", Decimal("0.5"), Decimal(21), Decimal("0.5"), 50)


def draft(kind: DocumentKind = DocumentKind.RECEIPT, country: str = "NL", at: datetime = NOON) -> Document:
    return Document(
        kind, "en", "EUR", country, "Europe/Amsterdam", at, Party("Seller"), (FEE,), (VatTotal(Decimal(21), 50, 11),)
    )


@pytest.fixture
async def db(migrated_database_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_database_url, clock=ManualClock(NOON))
    yield database
    await database.close()


class ChangedMind(Exception):
    """A transaction that is rolled back after it has taken a number."""


async def take(db: Database, reference: str, document: Document, *, keep: bool = True, linger: float = 0) -> str | None:
    try:
        async with db.tx() as tx:
            row = await issue(tx, About(reference, "driver:1"), document)
            await asyncio.sleep(linger)
            if not keep:
                raise ChangedMind
    except ChangedMind:
        return None
    return row.number


async def numbers(db: Database) -> dict[str, list[int]]:
    """The sequences of each series, in order."""
    found: dict[str, list[int]] = {}
    async with db.read() as tx:
        for row in await tx.all(select(DocumentRow).order_by(DocumentRow.series, DocumentRow.sequence)):
            found.setdefault(row.series, []).append(row.sequence)
    return found


def gapless(found: dict[str, list[int]]) -> bool:
    return all(sequence == list(range(1, len(sequence) + 1)) for sequence in found.values())


async def test_many_at_once_of_whom_some_change_their_mind_leave_no_gap(db: Database) -> None:
    others = [Database(db.url, clock=db.clock) for _ in range(6)]
    try:
        kept = await asyncio.gather(
            *(
                take(other, f"{at}-{turn}", draft(), keep=(at + turn) % 3 != 0, linger=0.01)
                for turn in range(5)
                for at, other in enumerate(others)
            )
        )
    finally:
        for other in others:
            await other.close()
    found = await numbers(db)
    assert gapless(found)
    assert len(found["R-NL-2026"]) == len([number for number in kept if number]) == 20


async def test_the_same_reference_at_the_same_moment_has_one_number(db: Database) -> None:
    other = Database(db.url, clock=db.clock)
    try:
        found = await asyncio.gather(
            *(take(each, "bill:1", draft(), linger=0.05) for each in (db, other)), return_exceptions=True
        )
    finally:
        await other.close()
    assert len(await numbers(db)) == 1
    assert gapless(await numbers(db))
    assert "R-NL-2026-000001" in found
    assert await take(db, "bill:1", draft()) == "R-NL-2026-000001", "again is the same"
    assert await take(db, "bill:2", draft()) == "R-NL-2026-000002", "whoever lost took none"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(list(DocumentKind)),
        st.sampled_from(["NL", "DE"]),
        st.booleans(),
        st.integers(0, 4),
    ),
    max_size=12,
)


@given(STEPS)
def test_each_kind_country_and_year_counts_by_itself(steps: list[tuple[DocumentKind, str, bool, int]]) -> None:
    last: dict[str, int] = {}
    for kind, country, _, months in steps:
        at = datetime(2026, 10 + months, 1, tzinfo=UTC) if months < 3 else datetime(2027, months, 1, tzinfo=UTC)
        series = series_of(kind, country, at, "UTC")
        last[series] = last.get(series, 0) + 1
        number = number_in(series, last[series])
        assert number.rsplit("-", 1)[1] == f"{last[series]:06}"
        assert (country in number, str(at.year) in number) == (True, True)


async def test_series_are_of_a_kind_a_country_and_a_year_as_it_is_there(db: Database) -> None:
    eve = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    for number, document in enumerate(
        (draft(), draft(DocumentKind.INVOICE), draft(country="DE"), draft(at=eve), draft(), draft(country="DE"))
    ):
        await take(db, str(number), document)
    assert await numbers(db) == {"I-NL-2026": [1], "R-DE-2026": [1, 2], "R-NL-2026": [1, 2], "R-NL-2027": [1]}


REFUSED: Sequence[str] = (
    "UPDATE document SET payer = 'driver:2'",
    "DELETE FROM document",
    "UPDATE document_series SET last = 5",
    "UPDATE document_series SET last = last - 1",
    "DELETE FROM document_series",
    "INSERT INTO document_series (name, last) VALUES ('R-XX-2026', 7)",
    "INSERT INTO document SELECT 'x', 'x', kind, 'x', series, 9, subject, payer, corrects, currency, net_minor, "
    "vat_minor, issued_at, body FROM document",
)


@pytest.mark.parametrize("statement", REFUSED)
async def test_the_database_refuses_to_alter_one_or_to_leave_a_gap(db: Database, statement: str) -> None:
    await take(db, "bill:1", draft())
    with pytest.raises(DBAPIError, match=r"never altered|no gap"):
        async with db.tx() as tx:
            await tx.execute(text(statement))
    assert await numbers(db) == {"R-NL-2026": [1]}


async def test_what_is_stored_is_all_of_it(db: Database) -> None:
    await take(db, "bill:1", draft())
    async with db.read() as tx:
        [row] = await tx.all(select(DocumentRow))
    document = read(row)
    assert document.number == row.number == "R-NL-2026-000001"
    assert document.lines == (FEE,)
    assert of_json(to_json(document)) == document
