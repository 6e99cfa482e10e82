"""Every kind of mismatch is found, once, and none after everything went well."""

from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlmodel import col

from hub.billing.tables import Bill
from hub.sessions import service as sessions
from hub.sessions.tables import Cdr
from hub.starts.tables import Start
from kit.money import Money
from payments import refunds
from payments.errors import Unknown
from payments.finding_tables import FindingRow, RunRow
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post
from payments.line_tables import Line
from payments.tables import Debt, Dispute, Hold, Received, Refund
from tests.hub.billing.till import Till, cdr_body, reconcile, still_open
from tests.payments.shop import release

pytestmark = pytest.mark.anyio

UNLOCK = [f"DROP TRIGGER ledger_{table}_no_{verb}" for table in ("entry", "transfer") for verb in ("UPDATE", "DELETE")]
AUTH = {"Authorization": "Bearer sk_test_dashboard"}


async def change(till: Till, *statements: Any) -> None:
    async with till.shop.db.tx() as tx:
        for each in statements:
            await tx.execute(text(each) if isinstance(each, str) else each)


async def unpost(till: Till, kind: str) -> None:
    """Somebody goes around the triggers and takes entries out."""
    entries = f"SELECT id FROM ledger_entry WHERE document_kind = '{kind}'"
    if till.shop.db.dialect == "postgresql":
        unlock = [f"DROP TRIGGER ledger_{table}_only_added ON ledger_{table}" for table in ("entry", "transfer")]
    else:
        unlock = UNLOCK
    await change(
        till,
        *unlock,
        f"DELETE FROM ledger_transfer WHERE entry_id IN ({entries})",
        f"DELETE FROM ledger_entry WHERE document_kind = '{kind}'",
    )


async def give_back(till: Till, minor: int) -> None:
    received = (await till.shop.received())[-1]
    async with till.shop.db.tx() as tx:
        await refunds.request(tx, received.id, Money(minor, "EUR"), reference="kindness")
    await till.shop.work()


async def dispute(till: Till) -> str:
    received = (await till.shop.received())[-1]
    made = await till.shop.control("disputes", {"payment_intent": received.payment_id})
    await till.shop.control("settle")
    await till.shop.work()
    return str(made["id"])


async def everything(till: Till) -> None:
    """All that can happen to money, and goes well."""
    await till.shop.control("settings", {"refund_returned": True, "dispute_returned": True})
    start = await till.start()
    await till.credit(await till.cdr(start))
    await till.cdr(start, "C-2", kwh=10)
    await till.cdr(await till.start(session_id="S-2", hold=1000), "C-3", session_id="S-2")
    await give_back(till, 100)
    await till.cdr(await till.start(session_id="S-3", card=False), "C-4", session_id="S-3")
    for number, won in ((4, True), (5, False)):
        session = f"S-{number}"
        await till.cdr(await till.start(session_id=session), f"D-{number}", session_id=session)
        await till.shop.control("end-dispute", {"id": await dispute(till), "won": won})
        await till.shop.control("settle")
        await till.shop.work()
    failing = await till.start(session_id=None, hold=2000)
    assert failing.hold_id is not None
    await release(till.shop, failing.hold_id)
    await till.shop.work()


async def test_nothing_is_found_after_all_went_well(till: Till) -> None:
    await everything(till)
    assert await reconcile(till) == {}
    runs = await till.shop.rows(RunRow)
    assert [(run.part, run.found, run.ended_at is not None) for run in runs] == [
        ("ledger", 0, True),
        ("provider", 0, True),
    ]
    assert all(run.checked > 20 for run in runs)


async def test_a_finding_is_told_once_and_resolved_when_it_is_gone(till: Till) -> None:
    await till.cdr(await till.start())
    await change(till, update(Received).values(amount_minor=1100))
    assert (await reconcile(till)).keys() == {"payment_amount", "posted_otherwise", "bill_not_collected"}
    await reconcile(till, days=1)
    rows = await till.shop.rows(FindingRow)
    assert len(rows) == 3
    assert all(row.seen_at > row.found_at for row in rows)
    await change(till, update(Received).values(amount_minor=1200))
    assert await reconcile(till, days=1) == {}
    await change(till, update(Received).values(amount_minor=1100))
    assert len(await reconcile(till, days=1)) == 3
    assert len(await till.shop.rows(FindingRow)) == 3


async def test_what_a_person_has_resolved_stays_so_until_it_says_something_else(till: Till) -> None:
    await till.cdr(await till.start())
    await change(till, update(Received).values(amount_minor=1100))
    await reconcile(till)
    await change(till, update(FindingRow).values(resolved_at=till.shop.clock.now(), note="known"))
    assert await reconcile(till, days=1) == {}
    await change(till, update(Received).values(amount_minor=1000))
    assert "payment_amount" in await reconcile(till, days=1)


async def paid(till: Till) -> None:
    await till.cdr(await till.start())


async def lost_payment(till: Till) -> None:
    await paid(till)
    await change(till, delete(Received))


async def invented_payment(till: Till) -> None:
    await paid(till)
    [line] = [txn for txn in till.shop.stripe.fake.world.objects["txn"].values() if txn["type"] == "charge"]
    del till.shop.stripe.fake.world.objects["txn"][line["id"]]
    await change(till, delete(Line))


async def dashboard_refund(till: Till) -> None:
    await paid(till)
    [received] = await till.shop.received()
    form = {"payment_intent": received.payment_id, "amount": "200"}
    await till.shop.http.post(f"{till.shop.stripe.url}/v1/refunds", data=form, headers=AUTH)


async def refund_of_another_amount(till: Till) -> None:
    await paid(till)
    await give_back(till, 300)
    await change(till, update(Refund).values(amount_minor=299))


async def refund_in_another_state(till: Till) -> None:
    await paid(till)
    await give_back(till, 300)
    await change(till, update(Refund).values(state="PENDING"))


async def invented_refund(till: Till) -> None:
    await paid(till)
    await give_back(till, 300)
    await change(till, delete(Line).where(col(Line.kind) == "refund"))
    world = till.shop.stripe.fake.world
    for id in [txn["id"] for txn in world.objects["txn"].values() if txn["type"] == "refund"]:
        del world.objects["txn"][id]


async def unknown_dispute(till: Till) -> None:
    await paid(till)
    await dispute(till)
    await change(till, delete(Dispute))


async def dispute_of_another_amount(till: Till) -> None:
    await paid(till)
    await dispute(till)
    await change(till, update(Dispute).values(withdrawn_minor=1))


async def dispute_in_another_state(till: Till) -> None:
    await paid(till)
    await dispute(till)
    await change(till, update(Dispute).values(state="under_review"))


async def invented_dispute(till: Till) -> None:
    await paid(till)
    await dispute(till)
    await change(till, delete(Line).where(col(Line.kind) == "dispute"))
    world = till.shop.stripe.fake.world
    for id in [txn["id"] for txn in world.objects["txn"].values() if txn["type"] == "adjustment"]:
        del world.objects["txn"][id]


async def hold_left(till: Till) -> None:
    start = await till.start()
    await change(till, update(Hold).values(state="VOIDED"), update(Start).values(state="CHARGING"))
    assert start.hold_id is not None


async def hold_gone(till: Till) -> None:
    start = await till.start()
    await change(till, update(Start).values(state="CHARGING"))
    hold = await till.shop.hold(start.hold_id or "")
    url = f"{till.shop.stripe.url}/v1/payment_intents/{hold.payment_id}/cancel"
    await till.shop.control("delivery", {"when": "held"})
    await till.shop.http.post(url, headers=AUTH)


async def changed_line(till: Till) -> None:
    await paid(till)
    await change(till, update(Line).values(fee_minor=1))


async def line_gone(till: Till) -> None:
    await paid(till)
    till.shop.stripe.fake.world.objects["txn"].clear()


async def line_of_a_kind_of_its_own(till: Till) -> None:
    await paid(till)
    world = till.shop.stripe.fake.world
    template = next(iter(world.objects["txn"].values()))
    world.keep("txn", {**template, "id": "txn_other", "type": "climate_order_purchase", "source": None})


async def unposted(till: Till, kind: str) -> None:
    await everything(till)
    await unpost(till, kind)


async def other_amount_posted(till: Till) -> None:
    await paid(till)
    await unpost(till, "bill")
    [bill] = await till.bills()
    price = postings.Price(Money(1, "EUR"), Money(1, "EUR"), "BEL")
    async with till.shop.db.tx() as tx:
        await post(tx, Entry(Document("bill", bill.id), postings.sold_to_driver(bill.payer, price)))


async def posted_in_vain(till: Till) -> None:
    await paid(till)
    await give_back(till, 300)
    await change(till, update(Refund).values(state="REQUESTED", provider_id=None))


async def unbilled(till: Till) -> None:
    await till.cdr(await till.start(card=False))
    await change(till, delete(Bill))


async def bill_of_credited(till: Till) -> None:
    await till.credit(await till.cdr(await till.start(card=False)))
    await change(till, update(Bill).values(credited_at=None))


async def not_collected(till: Till) -> None:
    await till.cdr(await till.start(hold=1000))
    await change(till, update(Debt).values(state="CANCELED"), delete(Received).where(col(Received.amount_minor) == 200))


async def not_refunded(till: Till) -> None:
    await till.credit(await till.cdr(await till.start()))
    await change(till, update(Received).values(refunded_minor=0))


async def hold_not_closed(till: Till) -> None:
    await till.start()


async def doubt(till: Till, code: str) -> None:
    start = await till.start(card=False)
    cdr = await till.cdr(start)
    match code:
        case "credit_of_unknown":
            await till.credit(cdr, credit_reference_id="nobody")
        case "credited_twice":
            await till.credit(cdr)
            await till.credit(cdr, "C-1-D")
        case "credit_of_credit":
            await till.credit(cdr)
            await till.credit(cdr, "C-1-D", credit_reference_id="C-1-C")
        case "credit_amount":
            await till.credit(cdr, total_cost={"excl_vat": -1})
        case "several_cdrs":
            await till.cdr(start, "C-2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "happens"),
    [
        ("payment_unknown", lost_payment),
        ("payment_not_at_provider", invented_payment),
        ("refund_unknown", dashboard_refund),
        ("refund_amount", refund_of_another_amount),
        ("refund_state", refund_in_another_state),
        ("refund_not_at_provider", invented_refund),
        ("dispute_unknown", unknown_dispute),
        ("dispute_amount", dispute_of_another_amount),
        ("dispute_state", dispute_in_another_state),
        ("dispute_not_at_provider", invented_dispute),
        ("hold_left", hold_left),
        ("hold_gone", hold_gone),
        ("line_changed", changed_line),
        ("line_gone", line_gone),
        ("line_unexplained", line_of_a_kind_of_its_own),
        ("posted_otherwise", other_amount_posted),
        ("posted_in_vain", posted_in_vain),
        ("not_billed", unbilled),
        ("bill_of_credited", bill_of_credited),
        ("bill_not_collected", not_collected),
        ("credited_not_refunded", not_refunded),
        ("hold_not_closed", hold_not_closed),
    ],
)
async def test_a_mismatch_is_found(till: Till, code: str, happens: Any) -> None:
    await happens(till)
    assert code in await reconcile(till, days=1.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["payment", "refund", "dispute", "dispute_end", "provider_fee", "bill", "bill_credit", "cdr", "credit", "hold_end"],
)
async def test_what_is_not_in_the_ledger_is_found(till: Till, kind: str) -> None:
    await everything(till)
    await unpost(till, kind)
    found = await reconcile(till)
    assert any(subject.startswith(f"{kind} ") for subject in found["not_posted"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["credit_of_unknown", "credited_twice", "credit_of_credit", "credit_amount", "several_cdrs"]
)
async def test_a_doubtful_cdr_is_found(till: Till, code: str) -> None:
    await doubt(till, code)
    assert (await reconcile(till)).keys() == {code}


async def test_a_line_that_nobody_has_read_is_read_and_posted_by_the_way(till: Till) -> None:
    await till.shop.control("settings", {"line_lag_s": 90_000})
    await paid(till)
    assert (await till.balances()).get("provider_fees") is None
    await change(till, text("DELETE FROM job"))
    assert await reconcile(till, days=3) == {}
    assert (await till.balances())["provider_fees"] == 43


async def test_a_provider_that_breaks_off_resolves_nothing(till: Till) -> None:
    await paid(till)
    await change(till, update(Line).values(fee_minor=1))
    assert "line_changed" in await reconcile(till)
    await change(till, update(Line).values(fee_minor=43))
    await till.shop.plan("refuse", "GET /v1/refunds", status=503)
    with pytest.raises(Unknown):
        await reconcile(till, days=0.1)
    assert "line_changed" in await still_open(till)
    assert [run.ended_at is None for run in await till.shop.rows(RunRow) if run.part == "provider"] == [False, True]


@pytest.mark.slow
async def test_lists_of_many_pages_are_read_to_their_end(till: Till) -> None:
    await paid(till)
    world = till.shop.stripe.fake.world
    template = next(iter(world.objects["txn"].values()))
    for number in range(250):
        world.keep("txn", {**template, "id": f"txn_{number}", "type": "strange", "source": None})
    found = await reconcile(till)
    assert len(found["line_unexplained"]) == 250


async def test_two_cdrs_of_two_cpos_with_one_id_are_not_mixed_up(till: Till) -> None:
    cdr = await till.cdr(await till.start())
    other = {**cdr_body(None, "X", kwh=1, at=till.shop.clock.now()), "party_id": "OTH"}
    for body in (other, {**other, "id": "C-1-C", "credit": True, "credit_reference_id": cdr["id"]}):
        async with till.shop.db.tx() as tx:
            await sessions.receive_cdr(tx, body, platform_id="other")
    await till.shop.work()
    assert [bill.credited_at for bill in await till.bills()] == [None]
    assert (await reconcile(till)).keys() == {"credit_of_unknown"}
    async with till.shop.db.read() as tx:
        assert len(await tx.all(select(Cdr))) == 3
