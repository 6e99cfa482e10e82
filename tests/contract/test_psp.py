"""What a payment provider has to do, whichever it is: the fake over a socket, and Stripe's test mode.

Stripe's own is there only when `PLUGBRIDGE_STRIPE_TEST_KEY` holds a key of its test mode (`sk_test_…`).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kit.guard import NetworkInsideTx, tx_active
from kit.money import Money
from payments.books import BalanceLine, LineKind, Movement, ReversalOrder, TransferOrder, Window
from payments.errors import Declined, DeclineReason, NeedsAction, NotPayable, PspUnavailable, Refused
from payments.fake_stripe import serving
from payments.psp import ChargeOrder, HoldOrder, Payment, PaymentState, Psp, RefundOrder, RefundState
from payments.stripe import StripePsp

pytestmark = pytest.mark.anyio

STRIPE_KEY = os.environ.get("PLUGBRIDGE_STRIPE_TEST_KEY", "")


@pytest.fixture(params=["fake", *(["stripe"] if STRIPE_KEY.startswith(("sk_test_", "rk_test_")) else [])])
async def psp(request: pytest.FixtureRequest) -> AsyncIterator[Psp]:
    if request.param == "stripe":
        real = StripePsp(STRIPE_KEY, timeout_s=30)
        yield real
        await real.close()
        return
    async with serving() as stripe:
        fake = StripePsp("sk_test_contract", api_url=stripe.url)
        yield fake
        await fake.close()


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def unique() -> str:
    return uuid4().hex


async def held(psp: Psp, minor: int = 2000, *, save: bool = False, card: str = "pm_card_visa") -> tuple[Payment, str]:
    """A hold of a new customer, and who that is."""
    customer = await psp.create_customer(unique(), key=unique())
    order = HoldOrder(unique(), "contract", eur(minor), customer, card, save_card=save)
    return await psp.hold(order, key=unique()), customer


async def test_a_hold_puts_aside_and_takes_nothing(psp: Psp) -> None:
    payment, _ = await held(psp)
    assert (payment.state, payment.amount, payment.captured) == (PaymentState.HELD, eur(2000), eur(0))
    assert payment.capture_before is not None
    assert datetime.now(UTC) + timedelta(days=4) < payment.capture_before < datetime.now(UTC) + timedelta(days=32)
    assert payment.reference == "contract"
    assert payment.card_id is not None
    again = await psp.payment(payment.id)
    assert (again.state, again.operation_id) == (PaymentState.HELD, payment.operation_id)


async def test_the_same_key_gives_the_same_payment(psp: Psp) -> None:
    order, key = HoldOrder(unique(), "contract", eur(2000), None, "pm_card_visa"), unique()
    first, second = await psp.hold(order, key=key), await psp.hold(order, key=key)
    assert first.id == second.id


async def test_the_same_key_with_another_order_is_refused(psp: Psp) -> None:
    key = unique()
    await psp.hold(HoldOrder("op", "contract", eur(2000), None, "pm_card_visa"), key=key)
    with pytest.raises(Refused) as refused:
        await psp.hold(HoldOrder("op", "contract", eur(2100), None, "pm_card_visa"), key=key)
    assert refused.value.provider_code == "idempotency_error"


async def test_a_part_is_taken_once(psp: Psp) -> None:
    payment, _ = await held(psp)
    taken = await psp.capture(payment.id, eur(1234), key=unique())
    assert (taken.state, taken.captured) == (PaymentState.CAPTURED, eur(1234))
    with pytest.raises(Refused) as refused:
        await psp.capture(payment.id, eur(100), key=unique())
    assert refused.value.provider_code == "payment_intent_unexpected_state"


async def test_more_than_is_put_aside_cannot_be_taken(psp: Psp) -> None:
    payment, _ = await held(psp)
    with pytest.raises(Refused) as refused:
        await psp.capture(payment.id, eur(2001), key=unique())
    assert refused.value.provider_code == "amount_too_large"
    assert (await psp.payment(payment.id)).state is PaymentState.HELD


async def test_a_hold_is_given_back_and_cannot_be_taken_then(psp: Psp) -> None:
    payment, _ = await held(psp)
    voided = await psp.void(payment.id, key=unique())
    assert (voided.state, voided.expired) == (PaymentState.CANCELED, False)
    with pytest.raises(Refused):
        await psp.capture(payment.id, eur(100), key=unique())
    with pytest.raises(Refused):
        await psp.void(payment.id, key=unique())


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("pm_card_visa_chargeDeclined", DeclineReason.DECLINED),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", DeclineReason.INSUFFICIENT_FUNDS),
        ("pm_card_visa_chargeDeclinedLostCard", DeclineReason.CARD_BLOCKED),
        ("pm_card_chargeDeclinedExpiredCard", DeclineReason.CARD_EXPIRED),
        ("pm_card_chargeDeclinedIncorrectCvc", DeclineReason.WRONG_DETAILS),
        ("pm_card_chargeDeclinedProcessingError", DeclineReason.TRY_AGAIN),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", DeclineReason.LIMIT_EXCEEDED),
    ],
)
async def test_a_declined_hold_says_why(psp: Psp, card: str, reason: DeclineReason) -> None:
    with pytest.raises(Declined) as declined:
        await psp.hold(HoldOrder(unique(), "contract", eur(2000), None, card), key=unique())
    assert declined.value.reason is reason
    assert declined.value.payment_id is not None
    assert (await psp.payment(declined.value.payment_id)).decline is reason


async def test_a_driver_who_is_there_is_asked_to_act(psp: Psp) -> None:
    payment, _ = await held(psp, card="pm_card_threeDSecure2Required")
    assert payment.state is PaymentState.NEEDS_ACTION
    assert payment.client_secret is not None
    assert payment.client_secret not in repr(payment)


async def test_a_driver_who_is_away_is_asked_for(psp: Psp) -> None:
    order = HoldOrder(unique(), "contract", eur(2000), None, "pm_card_authenticationRequired", off_session=True)
    with pytest.raises(NeedsAction) as needed:
        await psp.hold(order, key=unique())
    assert needed.value.payment_id is not None
    assert (await psp.payment(needed.value.payment_id)).decline is DeclineReason.AUTHENTICATION_REQUIRED


async def test_a_hold_without_a_card_waits_for_one(psp: Psp) -> None:
    payment = await psp.hold(HoldOrder(unique(), "contract", eur(2000)), key=unique())
    assert (payment.state, payment.decline) == (PaymentState.NEEDS_CARD, None)


async def test_a_card_that_was_saved_with_a_hold_is_charged_without_the_driver(psp: Psp) -> None:
    payment, customer = await held(psp, save=True)
    [card] = await psp.cards(customer)
    assert (card.id, card.brand, card.last4) == (payment.card_id, "visa", "4242")
    charged = await psp.charge(ChargeOrder(unique(), "rest", eur(700), customer, card.id), key=unique())
    assert (charged.state, charged.captured, charged.reference) == (PaymentState.CAPTURED, eur(700), "rest")


async def test_a_removed_card_cannot_be_charged(psp: Psp) -> None:
    payment, customer = await held(psp, save=True)
    assert payment.card_id is not None
    await psp.remove_card(payment.card_id)
    await psp.remove_card(payment.card_id)
    assert await psp.cards(customer) == []
    with pytest.raises(Declined) as declined:
        await psp.charge(ChargeOrder(unique(), "rest", eur(700), customer, payment.card_id), key=unique())
    assert declined.value.reason is DeclineReason.CARD_GONE


async def test_what_was_taken_is_given_back_and_no_more(psp: Psp) -> None:
    payment, _ = await held(psp)
    await psp.capture(payment.id, eur(1500), key=unique())
    operation, key = unique(), unique()
    order = RefundOrder(operation, payment.id, eur(500))
    refund = await psp.refund(order, key=key)
    assert (refund.state, refund.amount, refund.payment_id) == (RefundState.SUCCEEDED, eur(500), payment.id)
    assert (await psp.refund(order, key=key)).id == refund.id
    found = await psp.find_refund(payment.id, operation)
    assert found is not None
    assert (found.id, (await psp.refund_by_id(refund.id)).operation_id) == (refund.id, operation)
    with pytest.raises(Refused):
        await psp.refund(RefundOrder(unique(), payment.id, eur(1001)), key=unique())
    assert await psp.find_refund(payment.id, unique()) is None


async def test_what_was_not_taken_is_not_refunded(psp: Psp) -> None:
    payment, _ = await held(psp)
    with pytest.raises(Refused):
        await psp.refund(RefundOrder(unique(), payment.id, eur(500)), key=unique())


async def test_a_raise_is_done_or_refused_and_never_half_done(psp: Psp) -> None:
    payment, _ = await held(psp)
    try:
        raised = await psp.increase(payment.id, eur(2500), key=unique())
    except Refused:
        raised = await psp.payment(payment.id)
        assert raised.amount == eur(2000)
    else:
        assert raised.amount == eur(2500)
    assert raised.state is PaymentState.HELD


async def test_less_than_the_provider_moves_is_not_payable(psp: Psp) -> None:
    with pytest.raises(NotPayable):
        await psp.hold(HoldOrder(unique(), "contract", eur(10), None, "pm_card_visa"), key=unique())


async def test_a_payment_that_nobody_made_is_refused_and_not_found(psp: Psp) -> None:
    with pytest.raises(Refused) as refused:
        await psp.payment("pi_000000000000000000000000")
    assert refused.value.provider_code == "resource_missing"
    assert await psp.find_payment(unique()) is None


async def test_a_card_is_begun_for_a_customer(psp: Psp) -> None:
    customer = await psp.create_customer(unique(), key=unique())
    setup = await psp.begin_card(customer, key=unique())
    assert setup.client_secret is not None
    again = await psp.card_setup(setup.id)
    assert (again.done, again.card, again.customer_id) == (False, None, customer)


async def test_what_happened_is_listed(psp: Psp) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    payment, _ = await held(psp)
    notices = [notice for notice in await psp.notices(since) if notice.payment_id == payment.id]
    assert [notice.kind for notice in notices] == ["payment_intent.amount_capturable_updated"]
    assert psp.read_notice(notices[0].body) == notices[0]


async def lines_of(psp: Psp, movement: Movement, object_id: str) -> Sequence[BalanceLine]:
    """The lines of something, once they are there: a charge may get its own some seconds after its capture."""
    for _ in range(40):
        found = await psp.lines_of(movement, object_id)
        if found:
            return found
        await asyncio.sleep(0.5)
    raise AssertionError("no line")


async def test_what_was_taken_and_given_back_has_lines_with_fees(psp: Psp) -> None:
    payment, _ = await held(psp)
    assert await psp.lines_of(Movement.PAYMENT, payment.id) == []
    await psp.capture(payment.id, eur(1500), key=unique())
    [taken] = await lines_of(psp, Movement.PAYMENT, payment.id)
    refund = await psp.refund(RefundOrder(unique(), payment.id, eur(500)), key=unique())
    [back] = await lines_of(psp, Movement.REFUND, refund.id)
    assert (taken.kind, back.kind) == (LineKind.PAYMENT, LineKind.REFUND)
    assert (taken.payment_id, back.payment_id, back.source_id) == (payment.id, payment.id, refund.id)
    assert (taken.source_amount or taken.amount, back.source_amount or back.amount) == (eur(1500), eur(-500))
    assert taken.fee.amount_minor > 0
    assert taken.net == taken.amount - taken.fee
    assert taken.available_on >= taken.created
    since = taken.created - timedelta(minutes=1)
    listed = await everything(psp.lines, Window(since, since + timedelta(hours=1)))
    assert {taken.id, back.id} <= {line.id for line in listed}
    assert [line for line in listed if line.id == back.id] == [back]


async def test_what_is_transferred_to_another_can_be_taken_back_and_no_more(psp: Psp) -> None:
    account = os.environ.get("PLUGBRIDGE_STRIPE_TEST_ACCOUNT", "")
    if not account:
        assert isinstance(psp, StripePsp)
        made = await psp._client.v1.accounts.create_async({"type": "express", "country": "DE"})
        account = made.id
    assert await psp.takes_transfers(account)
    with pytest.raises(Refused):
        await psp.takes_transfers("acct_000000000000000")
    payment, _ = await held(psp, 100_000)
    await psp.capture(payment.id, eur(100_000), key=unique())
    operation, key = unique(), unique()
    order = TransferOrder(operation, account, eur(500))
    transfer = await psp.transfer(order, key=key)
    assert (await psp.transfer(order, key=key)).id == transfer.id
    assert (transfer.amount, transfer.account_id, transfer.operation_id) == (eur(500), account, operation)
    found = await psp.find_transfer(operation)
    assert found is not None
    assert found.id == transfer.id
    assert await psp.find_transfer(unique()) is None
    undoing = unique()
    reversal = await psp.reverse(ReversalOrder(undoing, transfer.id, eur(200)), key=unique())
    assert (reversal.amount, reversal.transfer_id) == (eur(200), transfer.id)
    assert await psp.find_reversal(transfer.id, undoing) == reversal
    assert await psp.find_reversal(transfer.id, unique()) is None
    with pytest.raises(Refused):
        await psp.reverse(ReversalOrder(unique(), transfer.id, eur(301)), key=unique())
    lines = await lines_of(psp, Movement.TRANSFER, transfer.id)
    assert {(line.kind, line.amount) for line in lines} == {
        (LineKind.TRANSFER, eur(-500)),
        (LineKind.TRANSFER_REVERSED, eur(200)),
    }


async def test_lists_have_pages_in_which_everything_stands_once(psp: Psp) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    made = [(await held(psp))[0].id for _ in range(3)]
    window = Window(since, since + timedelta(hours=1))
    payments = await everything(psp.payments, window)
    assert set(made) <= {payment.id for payment in payments}
    assert len({payment.id for payment in payments}) == len(payments)
    assert (await everything(psp.refunds, Window(since - timedelta(days=2), since - timedelta(days=1)))) is not None
    assert await everything(psp.disputes, Window(since, since + timedelta(milliseconds=1))) == []


async def everything(listed: Any, window: Window) -> list[Any]:
    found: list[Any] = []
    page = await listed(window)
    while True:
        found += page.items
        if page.next is None:
            return found
        page = await listed(window, after=page.next)


async def test_nothing_is_asked_inside_a_transaction(psp: Psp) -> None:
    token = tx_active.set(True)
    try:
        with pytest.raises(NetworkInsideTx):
            await psp.payment("pi_1")
    finally:
        tx_active.reset(token)


async def test_a_provider_that_is_not_there_has_surely_done_nothing() -> None:
    nobody = StripePsp("sk_test_contract", api_url="http://127.0.0.1:9")
    with pytest.raises(PspUnavailable):
        await nobody.payment("pi_1")
    await nobody.close()
