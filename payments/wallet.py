"""Prepaid wallets, inside a transaction: put aside, spend, give back.

Everything that lessens what is free locks the wallet's row and then sums the ledger: of two that do not both fit
exactly one wins, in however many processes. A wallet is never overdrawn; what it does not cover is a debt.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import col

from kit.errors import Conflict, InvalidInput, NotFound
from kit.ids import uuid7
from kit.money import Money
from kit.tx import Tx
from payments import cards, debts, disputes, refunds
from payments.errors import AlreadySettled, OverRefund
from payments.events import DisputeChanged, RefundChanged, WalletRefunded
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import find, post, reverse
from payments.psp import DisputeState
from payments.tables import Dispute, Received, Refund, RefundState, locked_received
from payments.top_ups import reload_if_low
from payments.wallet_balance import standing
from payments.wallet_rules import EarmarkState, Split, Standing, WalletTooLow, can_become, pay_out, split
from payments.wallet_tables import (
    Earmark,
    Wallet,
    WalletRefund,
    loaded_top_ups,
    locked_wallet,
    make_wallet,
    top_up_for,
)

PAY_OUT = "wallet-out:"
DISPUTE = "wallet-dispute:"


class WalletInUse(Conflict):
    """Something is put aside in it, or on its way into it."""

    code, title = "wallet_in_use", "The wallet is in use"


async def open_wallet(tx: Tx, owner: str, currency: str) -> Wallet:
    """The wallet of an owner, locked; made in this currency when there is none."""
    await make_wallet(tx, owner, currency)
    return await _locked(tx, owner)


async def look(tx: Tx, owner: str) -> tuple[Wallet, Standing] | None:
    """A wallet and what is in it, without a lock; None for whoever has none."""
    wallet = await tx.get(Wallet, owner)
    return (wallet, await standing(tx, wallet)) if wallet is not None else None


async def reserve(tx: Tx, owner: str, reference: str, amount: Money) -> Earmark:
    """Put an amount aside; the same reference gets the same earmark. Raises `WalletTooLow`, `OtherCurrency`."""
    wallet = await tx.get(Wallet, owner)
    if wallet is None:
        raise WalletTooLow(amount, Money.zero(amount.currency))
    wallet = await _locked(tx, owner)
    known = await tx.get(Earmark, reference)
    if known is not None:
        return known
    before = await standing(tx, wallet)
    if not before.covers(amount):
        raise WalletTooLow(amount, before.available)
    earmark = _write(tx, wallet, reference, amount)
    await tx.flush()
    await reload_if_low(tx, wallet)
    return earmark


async def reserve_again(tx: Tx, reference: str) -> Earmark:
    """Put aside anew what was released, where as much is free; else it stays as it is. Raises `NotFound`."""
    wallet, earmark = await _of(tx, reference)
    if earmark.state == EarmarkState.RELEASED and (await standing(tx, wallet)).covers(earmark.amount):
        _move(tx, earmark, EarmarkState.KEPT)
        await tx.flush()
        await reload_if_low(tx, wallet)
    return earmark


async def raise_to(tx: Tx, reference: str, amount: Money) -> Earmark:
    """Put more aside as far as it is free; where it is not, the wallet's rule is asked. Raises `NotFound`."""
    wallet, earmark = await _of(tx, reference)
    more = amount - earmark.amount
    if earmark.state != EarmarkState.KEPT or more.amount_minor <= 0:
        return earmark
    available = (await standing(tx, wallet)).available
    earmark.amount_minor += min(more, available).amount_minor
    earmark.updated_at = tx.now
    await tx.flush()
    await reload_if_low(tx, wallet, needed=more - min(more, available))
    return earmark


async def release(tx: Tx, reference: str) -> None:
    """What was put aside is free again. Nothing for what was spent, and where nothing was put aside."""
    if await tx.get(Earmark, reference) is None:
        return
    _, earmark = await _of(tx, reference)
    _move(tx, earmark, EarmarkState.RELEASED)


async def settle(tx: Tx, reference: str, owed: Money) -> Split:
    """Pay what is owed from what was put aside for it, then from what is free; the rest is a debt under the reference.

    Once: again with the same amount it says the same. Also for what was released before: then the wallet pays what it
    can. Raises `NotFound`, `OtherCurrency`, `AlreadySettled`.
    """
    wallet, earmark = await _of(tx, reference)
    if earmark.state == EarmarkState.SPENT:
        if earmark.owed_minor != owed.amount_minor or earmark.currency != owed.currency:
            raise AlreadySettled
        return Split(earmark.spent, owed - earmark.spent)
    if owed.amount_minor < 0:
        raise ValueError("nobody owes less than nothing")
    kept = earmark.amount if earmark.state == EarmarkState.KEPT else Money.zero(earmark.currency)
    paid = split(owed, await standing(tx, wallet), kept)
    earmark.owed_minor, earmark.spent_minor = owed.amount_minor, paid.spent.amount_minor
    _move(tx, earmark, EarmarkState.SPENT)
    if paid.spent:
        await post(tx, spending_of(earmark))
    await tx.flush()
    if paid.rest:
        customer_id = await cards.customer_id_of(tx, wallet.owner)
        await debts.owe(tx, reference, paid.rest, customer_id=customer_id)
    await reload_if_low(tx, wallet)
    return paid


async def spend(tx: Tx, owner: str, reference: str, owed: Money) -> Split:
    """`settle`, whether or not something was put aside: a session that nobody was asked about is owed, too.

    What is owed in another currency, or by somebody without a wallet, is a debt as a whole. Raises `AlreadySettled`.
    """
    wallet, earmark = await locked_wallet(tx, owner), await tx.get(Earmark, reference)
    nothing = Money.zero(owed.currency)
    if wallet is None or wallet.currency != owed.currency:
        await release(tx, reference)
        if owed:
            await debts.owe(tx, reference, owed, customer_id=await cards.customer_id_of(tx, owner))
        return Split(nothing, owed)
    if earmark is None:
        if not owed:
            return Split(nothing, nothing)
        _move(tx, _write(tx, wallet, reference, owed), EarmarkState.RELEASED)
        await tx.flush()
    return await settle(tx, reference, owed)


async def credit(tx: Tx, owner: str, amount: Money, *, reference: str, why: str = "") -> bool:
    """An operator's kindness; False when the reference was credited before. Raises `NotFound`, `OtherCurrency`."""
    wallet = await _locked(tx, owner)
    _check_amount(wallet, amount)
    entry = Entry(Document("wallet_credit", reference), postings.wallet_credited(owner, amount), {"why": why})
    return await post(tx, entry)


async def refund(tx: Tx, earmark: str, amount: Money, *, reference: str) -> WalletRefund:
    """What a wallet has paid for something goes back into it; the refund that there is when the reference has one.

    It is the money side alone: that less is owed is the credited sale's entry. Raises `NotFound`, and `OverRefund` for
    more than was paid and did not go back by now.
    """
    wallet, paid = await _of(tx, earmark)
    known = await tx.first(select(WalletRefund).where(col(WalletRefund.reference) == reference))
    if known is not None:
        return known
    _check_amount(wallet, amount)
    if amount > paid.refundable:
        raise OverRefund
    paid.refunded_minor += amount.amount_minor
    made = WalletRefund(
        reference=reference,
        earmark=earmark,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
    )
    tx.add(made)
    await tx.flush()
    await post(tx, entry_of_refund(wallet.owner, made))
    tx.emit(WalletRefunded(made.id, earmark))
    return made


def spending_of(earmark: Earmark) -> Entry:
    """The entry of what a wallet has paid."""
    moved = postings.wallet_spent(earmark.owner, earmark.owner, earmark.spent)
    return Entry(Document("wallet_spent", earmark.reference), moved)


def entry_of_refund(owner: str, refund: WalletRefund) -> Entry:
    """The entry of what went back into an owner's wallet."""
    return Entry(Document("wallet_refund", refund.id), postings.wallet_refunded(owner, owner, refund.amount))


async def pay_back(tx: Tx, owner: str) -> Money:
    """Pay all of a wallet out, to the cards that it was filled from, the last top-ups first; its rule ends.

    What nobody has paid in returns to us, as does what a bank has taken back for its owner. The money leaves the wallet
    when the provider has sent it; until then it is put aside, and it is free again when the bank sends it back. What is
    being paid out. Raises `WalletInUse`, also while a bank has not decided to whom a payment belongs.
    """
    wallet = await _locked(tx, owner)
    now = await standing(tx, wallet)
    if now.earmarked or wallet.reload_id is not None:
        raise WalletInUse
    wallet.reload_below_minor = wallet.reload_minor = wallet.reload_paused = None
    parts = pay_out(now.balance, await _refundable(tx, owner))
    for received_id, part in parts.parts:
        going = await refunds.request(tx, received_id, part, reference=f"{PAY_OUT}{uuid7()}")
        _write(tx, wallet, f"{PAY_OUT}{going.id}", part)
    if parts.rest:
        rest = postings.wallet_credit_returned(owner, parts.rest)
        await post(tx, Entry(Document("wallet_credit_returned", uuid7()), rest))
    await tx.flush()
    return now.balance - parts.rest


async def follow_refund(tx: Tx, event: RefundChanged) -> None:
    """React to a payment into a wallet that goes back, or comes back from the bank."""
    refund, received = await tx.get(Refund, event.refund_id), await tx.get(Received, event.received_id)
    top_up = await top_up_for(tx, received.reference) if received is not None else None
    if refund is None or top_up is None:
        return
    wallet, paid_back = await _locked(tx, top_up.owner), Document("refund", refund.id)
    earmark = await tx.get(Earmark, f"{PAY_OUT}{refund.id}")
    amount = Money(refund.amount_minor, refund.currency)
    if event.state == RefundState.SUCCEEDED:
        if await post(tx, Entry(paid_back, postings.wallet_paid_back(wallet.owner, amount))) and earmark is not None:
            earmark.owed_minor = earmark.spent_minor = earmark.amount_minor
            _move(tx, earmark, EarmarkState.SPENT)
    elif event.state == RefundState.FAILED:
        if await find(tx, paid_back) is not None:
            await reverse(tx, paid_back, by=Document("refund_returned", refund.id))
        elif earmark is not None:
            _move(tx, earmark, EarmarkState.RELEASED)


async def follow_dispute(tx: Tx, event: DisputeChanged) -> None:
    """React to a cardholder who wants back what was paid in: as much as is free is nobody's until the bank decides."""
    dispute = await tx.get(Dispute, event.dispute_id)
    received = await tx.get(Received, dispute.received_id) if dispute and dispute.received_id else None
    top_up = await top_up_for(tx, received.reference) if received is not None else None
    if dispute is None or top_up is None:
        return
    wallet, reference = await _locked(tx, top_up.owner), f"{DISPUTE}{dispute.id}"
    earmark = await tx.get(Earmark, reference)
    if earmark is None and dispute.withdrawn_minor > 0:
        part = min((await standing(tx, wallet)).available, Money(dispute.withdrawn_minor, dispute.currency))
        earmark = _write(tx, wallet, reference, part) if part else None
    if earmark is None or earmark.state != EarmarkState.KEPT:
        return
    if event.state == DisputeState.WON:
        _move(tx, earmark, EarmarkState.RELEASED)
    elif event.state == DisputeState.LOST:
        earmark.owed_minor = earmark.spent_minor = earmark.amount_minor
        _move(tx, earmark, EarmarkState.SPENT)
        await post(tx, Entry(Document("wallet_taken_back", dispute.id), _taken_back(wallet, earmark)))


def _taken_back(wallet: Wallet, earmark: Earmark) -> postings.Transfers:
    return postings.wallet_taken_back(wallet.owner, earmark.amount)


async def _refundable(tx: Tx, owner: str) -> Sequence[tuple[str, Money]]:
    """What is left of the payments into a wallet, the newest first. Raises `WalletInUse`."""
    ids = [each.received_id for each in await loaded_top_ups(tx, owner) if each.received_id is not None]
    withdrawn: Counter[str] = Counter()
    for dispute in await disputes.not_won(tx, ids):
        if not DisputeState(dispute.state).is_closed:
            raise WalletInUse
        withdrawn[dispute.received_id or ""] += dispute.withdrawn_minor
    found = [each for each in [await locked_received(tx, id) for id in ids] if each is not None]
    left = {each.id: each.amount_minor - each.refunded_minor - withdrawn[each.id] for each in found}
    return [(each.id, Money(left[each.id], each.currency)) for each in found if left[each.id] > 0]


async def _locked(tx: Tx, owner: str) -> Wallet:
    wallet = await locked_wallet(tx, owner)
    if wallet is None:
        raise NotFound("no wallet")
    return wallet


async def _of(tx: Tx, reference: str) -> tuple[Wallet, Earmark]:
    """An earmark as it is now, with its wallet locked."""
    earmark = await tx.get(Earmark, reference)
    if earmark is None:
        raise NotFound("nothing is put aside for this")
    wallet = await _locked(tx, earmark.owner)
    await tx.session.refresh(earmark)  # as it is now that nobody else changes it
    return wallet, earmark


def _write(tx: Tx, wallet: Wallet, reference: str, amount: Money) -> Earmark:
    earmark = Earmark(
        reference=reference,
        owner=wallet.owner,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(earmark)
    return earmark


def _move(tx: Tx, earmark: Earmark, after: EarmarkState) -> None:
    if can_become(EarmarkState(earmark.state), after):
        earmark.state, earmark.updated_at = after, tx.now


def _check_amount(wallet: Wallet, amount: Money) -> None:
    if amount.currency != wallet.currency or amount.amount_minor <= 0:
        raise InvalidInput(f"a positive amount in {wallet.currency} is wanted")
