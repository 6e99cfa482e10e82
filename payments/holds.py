"""Holds, inside a transaction: ask for one, give it back, settle it, and see what the provider shows of it.

What is wanted of a hold is written on it, and carried out as soon as its state allows: a hold that is released while
nobody knows whether it stands is given back once that is known.
"""

from dataclasses import dataclass

from kit.errors import NotFound
from kit.money import CurrencyMismatch, Money
from kit.tx import Tx
from payments import debts, operations, received
from payments.errors import AlreadySettled, Declined, NeedsAction, NotPayable, PspUnavailable, Refused
from payments.events import HoldChanged
from payments.hold_lifecycle import Happening, HoldState, Step, Wish, advance, next_step, seen
from payments.operations import Answer, RefusedAt
from payments.psp import Payment, PaymentState
from payments.tables import Hold, Operation, OperationKind, hold_by_reference, locked_hold, open_operation


@dataclass(frozen=True, slots=True)
class HoldWish:
    """A hold as it is asked for. Without a card the driver enters one. `reference` is asked for once.

    `take` has all of it taken as soon as it stands: a payment, of which nothing is owed when it fails.
    """

    reference: str
    amount: Money
    customer_id: str | None = None
    card_id: str | None = None
    off_session: bool = False
    save_card: bool = False
    take: bool = False


async def request(tx: Tx, wish: HoldWish, *, at_once: bool = True) -> tuple[Hold, Operation | None]:
    """Write a hold and the order for it, which the caller sends; no order when the reference has a hold already.

    A worker sends it when it is not to be sent `at_once`.
    """
    known = await hold_by_reference(tx, wish.reference)
    if known is not None:
        return known, None
    hold = Hold(
        reference=wish.reference,
        amount_minor=wish.amount.amount_minor,
        currency=wish.amount.currency,
        customer_id=wish.customer_id,
        card_id=wish.card_id,
        card_given=wish.card_id is not None,
        wish=Wish.TAKE if wish.take else Wish.KEEP,
        owed_minor=wish.amount.amount_minor if wish.take else 0,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(hold)
    await tx.flush()
    order = {
        "reference": hold.reference,
        "amount_minor": hold.amount_minor,
        "currency": hold.currency,
        "customer_id": hold.customer_id,
        "card_id": hold.card_id,
        "off_session": wish.off_session,
        "save_card": wish.save_card,
    }
    return hold, await operations.order(tx, OperationKind.HOLD, order, hold_id=hold.id, at_once=at_once)


async def release(tx: Tx, hold_id: str) -> Hold:
    """Give a hold back, now or as soon as it is known to stand. One that is to be settled is settled."""
    hold = await _locked(tx, hold_id)
    if hold.wish in (Wish.KEEP, Wish.TAKE):
        hold.wish = Wish.RELEASE
        await proceed(tx, hold)
    return hold


async def settle(tx: Tx, hold_id: str, owed: Money) -> Hold:
    """Take what is owed: from the hold as far as it goes, the rest as a debt. Nothing owed gives the hold back.

    Also for a hold that was given back, has expired or failed: then all of it is a debt. Raises `AlreadySettled` when
    it was settled with another amount.
    """
    hold = await _locked(tx, hold_id)
    if owed.currency != hold.currency:
        raise CurrencyMismatch(f"a hold in {hold.currency} does not settle {owed.currency}")
    if owed.amount_minor < 0:
        raise ValueError("nobody owes less than nothing")
    if hold.is_settled:
        if hold.owed_minor != owed.amount_minor:
            raise AlreadySettled
        return hold
    hold.wish, hold.owed_minor = Wish.SETTLE, owed.amount_minor
    await proceed(tx, hold)
    return hold


async def ask_more(tx: Tx, hold_id: str, amount: Money) -> Operation | None:
    """Write the order to raise a hold to an amount, which the caller sends; None where that is not possible."""
    hold = await _locked(tx, hold_id)
    possible = hold.state == HoldState.HELD and hold.can_increase and hold.wish == Wish.KEEP
    if not possible or amount <= hold.amount or await open_operation(tx, hold_id=hold.id) is not None:
        return None
    order = {"payment_id": hold.payment_id, "amount_minor": amount.amount_minor, "currency": amount.currency}
    return await operations.order(tx, OperationKind.INCREASE, order, hold_id=hold.id, at_once=True)


async def see(tx: Tx, hold: Hold, payment: Payment, *, go_on: bool = True) -> None:
    """Bring a locked hold to where its payment is, as the provider shows it; what is old news changes nothing."""
    if hold.payment_id not in (None, payment.id):
        return
    hold.payment_id = payment.id
    before = HoldState(hold.state)
    happening = seen(payment, card_given=hold.card_given)
    if not before.is_over:
        hold.amount_minor = max(hold.amount_minor, payment.amount.amount_minor)
        hold.card_id = payment.card_id or hold.card_id
        hold.card_brand = (payment.card_brand or hold.card_brand or "")[:32] or None
        hold.card_last4 = (payment.card_last4 or hold.card_last4 or "")[:4] or None
        hold.capture_before = payment.capture_before or hold.capture_before
        hold.can_increase = payment.can_increase
    if happening is not None:
        _move(tx, hold, happening, reason=payment.decline.value if payment.decline else None)
    if payment.state is PaymentState.CAPTURED:
        hold.captured_minor = payment.captured.amount_minor
        await received.record(tx, payment, hold.reference, hold_id=hold.id)
    if not go_on:
        return
    if HoldState(hold.state).is_over and payment.state not in (PaymentState.CAPTURED, PaymentState.CANCELED):
        await close_payment(tx, hold)  # else somebody who has the client secret could still put money aside
    await proceed(tx, hold)


async def conclude(tx: Tx, hold: Hold, operation: Operation, answer: Answer) -> None:
    """Draw from the answer to an order what it means for its hold; both are locked."""
    operations.close(tx, operation, answer)
    await tx.flush()
    match answer:
        case Payment():
            await see(tx, hold, answer)
        case RefusedAt(error, payment):
            await _refused(tx, hold, operation, error, payment)
        case Declined() | NeedsAction() if operation.kind == OperationKind.HOLD:
            hold.payment_id = answer.payment_id
            if isinstance(answer, NeedsAction):
                _move(tx, hold, Happening.ACTION_NEEDED)
            else:
                _move(tx, hold, Happening.FAILED, reason=answer.reason.value)
                await close_payment(tx, hold)
            await proceed(tx, hold)
        case Refused() | PspUnavailable() | None if operation.kind == OperationKind.HOLD:
            _move(tx, hold, Happening.FAILED, reason=operation.outcome)
            if isinstance(answer, Refused):
                operations.stuck(tx, operation)
            await proceed(tx, hold)
        case Declined() | NeedsAction():  # to a raise: the hold stands as it did
            hold.can_increase = False
            await proceed(tx, hold)
        case _:
            operations.stuck(tx, operation)


async def _refused(tx: Tx, hold: Hold, operation: Operation, error: Refused, payment: Payment) -> None:
    """The payment says why, most often: it has expired, or was captured by an order whose answer was lost."""
    if operation.kind == OperationKind.INCREASE:
        await see(tx, hold, payment, go_on=False)
        hold.can_increase = False
        await proceed(tx, hold)
        return
    stays = payment.state in (PaymentState.HELD, PaymentState.NEEDS_ACTION, PaymentState.NEEDS_CARD)
    if stays and operation.kind == OperationKind.CAPTURE and isinstance(error, NotPayable):
        await debts.owe_rest(tx, hold, Money(hold.owed_minor, hold.currency))  # less than the provider moves
        hold.wish = Wish.RELEASE
        stays = False
    await see(tx, hold, payment, go_on=not stays)
    if stays:
        operations.stuck(tx, operation)


async def lost(tx: Tx, hold: Hold) -> None:
    """Nobody knows where a locked hold stands."""
    _move(tx, hold, Happening.ANSWER_LOST)


async def unwanted(tx: Tx, hold: Hold, operation: Operation) -> None:
    """A hold was given up before its order went out: it never will."""
    operations.close(tx, operation, None)
    await tx.flush()
    _move(tx, hold, Happening.VOIDED)
    await proceed(tx, hold)


async def proceed(tx: Tx, hold: Hold) -> None:
    """Write the order that brings a locked hold closer to what is wanted of it, unless one is under way."""
    step = next_step(
        HoldState(hold.state), Wish(hold.wish), owed_minor=hold.owed_minor, captured_minor=hold.captured_minor
    )
    if step is Step.NOTHING:
        return
    if step is Step.OWE:
        rest = Money(hold.owed_minor - hold.captured_minor, hold.currency)
        await debts.owe_rest(tx, hold, rest)
    elif step is Step.VOID:
        await close_payment(tx, hold)
    elif await open_operation(tx, hold_id=hold.id) is None:
        amount_minor = min(hold.owed_minor, hold.amount_minor)
        order = {"payment_id": hold.payment_id, "amount_minor": amount_minor, "currency": hold.currency}
        await operations.order(tx, OperationKind.CAPTURE, order, hold_id=hold.id)


async def close_payment(tx: Tx, hold: Hold) -> None:
    """Write the order to cancel a locked hold's payment, unless one is under way."""
    if hold.payment_id is not None and await open_operation(tx, hold_id=hold.id) is None:
        await operations.order(tx, OperationKind.VOID, {"payment_id": hold.payment_id}, hold_id=hold.id)


def _move(tx: Tx, hold: Hold, happening: Happening, *, reason: str | None = None) -> None:
    before = HoldState(hold.state)
    after = advance(before, happening)
    if after is before:
        return
    hold.state, hold.updated_at = after, tx.now
    hold.reason = reason if after is HoldState.FAILED else None
    tx.emit(HoldChanged(hold.id, hold.reference, after.value))


async def _locked(tx: Tx, hold_id: str) -> Hold:
    hold = await locked_hold(tx, hold_id)
    if hold is None:
        raise NotFound
    return hold
