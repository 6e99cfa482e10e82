"""Paying into a wallet, inside a transaction: asked by its owner or by its rule, counted when the money was taken.

A top-up is a payment under a reference of its own. It is a hold that is taken as soon as it stands, so whatever is true
of holds (answers that are lost, 3-D Secure, webhooks) is true of it; the balance grows with `MoneyReceived` alone.
"""

from kit.money import Money
from kit.tx import Tx
from payments import cards, holds
from payments.errors import DeclineReason
from payments.events import HoldChanged, MoneyReceived, ReloadPaused
from payments.hold_lifecycle import HoldState
from payments.holds import HoldWish
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry
from payments.ledger.service import post
from payments.tables import Hold, Operation
from payments.wallet_balance import standing
from payments.wallet_rules import OtherCurrency, ReloadRule, WalletPolicy
from payments.wallet_tables import TopUp, TopUpState, Wallet, locked_wallet, top_up_for


async def ask(
    tx: Tx, wallet: Wallet, amount: Money, policy: WalletPolicy, *, customer_id: str, card_id: str | None
) -> tuple[TopUp, Operation | None]:
    """Write a top-up that the owner of a locked wallet wants, and the order for it, which the caller sends.

    Without a card the owner enters one, by the hold's client secret. Raises `TopUpOutOfBounds`, `OtherCurrency`.
    """
    policy.check(amount, (await standing(tx, wallet)).balance)
    top_up = await _write(tx, wallet, amount, by_rule=False)
    wish = HoldWish(top_up.reference, amount, customer_id, card_id, save_card=True, take=True)
    hold, order = await holds.request(tx, wish)
    top_up.hold_id = hold.id
    return top_up, order


async def set_rule(tx: Tx, wallet: Wallet, rule: ReloadRule | None) -> None:
    """Have a locked wallet filled by a rule from now on, or by none; one that rests goes on. Raises `OtherCurrency`."""
    if rule is not None and rule.amount.currency != wallet.currency:
        raise OtherCurrency(f"the wallet is in {wallet.currency}")
    wallet.reload_below_minor = rule.below.amount_minor if rule else None
    wallet.reload_minor = rule.amount.amount_minor if rule else None
    wallet.reload_paused, wallet.updated_at = None, tx.now
    await reload_if_low(tx, wallet)


async def reload_if_low(tx: Tx, wallet: Wallet, *, needed: Money | None = None) -> None:
    """Have a locked wallet filled when its rule says so, by its owner's default card; once at a time."""
    rule = wallet.rule
    if rule is None or wallet.reload_paused is not None or wallet.reload_id is not None:
        return
    if not rule.applies((await standing(tx, wallet)).available, needed=needed):
        return
    customer_id = await cards.customer_id_of(tx, wallet.owner)
    card_id = await cards.card_for(tx, customer_id, None)
    if card_id is None:
        _pause(tx, wallet, DeclineReason.CARD_GONE)
        return
    top_up = await _write(tx, wallet, rule.amount, by_rule=True)
    wallet.reload_id = top_up.id
    wish = HoldWish(top_up.reference, rule.amount, customer_id, card_id, off_session=True, take=True)
    hold, _ = await holds.request(tx, wish, at_once=False)
    top_up.hold_id = hold.id


async def load(tx: Tx, event: MoneyReceived) -> None:
    """React to money that was taken: what was paid into a wallet is in it."""
    top_up = await top_up_for(tx, event.reference)
    wallet = await locked_wallet(tx, top_up.owner) if top_up is not None else None
    if top_up is None or wallet is None:
        return
    taken = Money(event.amount_minor, event.currency)
    posted = await post(tx, Entry(Document("payment", event.received_id), postings.wallet_loaded(wallet.owner, taken)))
    if not posted:
        return
    top_up.state, top_up.received_id, top_up.updated_at = TopUpState.LOADED, event.received_id, tx.now
    if wallet.reload_id == top_up.id:
        wallet.reload_id = None
        await reload_if_low(tx, wallet)


async def follow_hold(tx: Tx, event: HoldChanged) -> None:
    """React to a payment into a wallet that comes to nothing; the rule that asked for it rests until its owner acts."""
    top_up = await top_up_for(tx, event.reference)
    if top_up is None or top_up.state != TopUpState.ASKED:
        return
    state = HoldState(event.state)
    wallet, hold = await locked_wallet(tx, top_up.owner), await tx.get(Hold, event.hold_id)
    if wallet is None or hold is None:
        return
    if state is HoldState.NEEDS_ACTION and top_up.by_rule:
        _pause(tx, wallet, DeclineReason.AUTHENTICATION_REQUIRED)
        await holds.release(tx, hold.id)
    elif state in (HoldState.FAILED, HoldState.VOIDED, HoldState.EXPIRED):
        top_up.state, top_up.reason, top_up.updated_at = TopUpState.FAILED, hold.reason, tx.now
        if wallet.reload_id == top_up.id:
            wallet.reload_id = None
            _pause(tx, wallet, _reason(hold.reason))


async def _write(tx: Tx, wallet: Wallet, amount: Money, *, by_rule: bool) -> TopUp:
    top_up = TopUp(
        owner=wallet.owner,
        by_rule=by_rule,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(top_up)
    await tx.flush()
    return top_up


def _pause(tx: Tx, wallet: Wallet, reason: DeclineReason) -> None:
    if wallet.reload_paused is None:
        wallet.reload_paused, wallet.updated_at = reason.value, tx.now
        tx.emit(ReloadPaused(wallet.owner, reason.value))


def _reason(word: str | None) -> DeclineReason:
    """The word that a hold failed with, where it is one for drivers."""
    known = {reason.value for reason in DeclineReason}
    return DeclineReason(word) if word in known else DeclineReason.TRY_AGAIN
