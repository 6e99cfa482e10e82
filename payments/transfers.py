"""Paying parties by transfers at the provider, inside a transaction: never more than is owed, nor more back than went.

The entries of the ledger are written by the transaction that learns of the outcome, so that what is owed and what is
under way always add up.
"""

from sqlalchemy import select
from sqlmodel import col

from kit.errors import Conflict, NotFound
from kit.money import CurrencyMismatch, Money
from kit.tx import Tx
from payments import operations
from payments.books import LineKind, Movement
from payments.books import Reversal as ProviderReversal
from payments.books import Transfer as ProviderTransfer
from payments.ledger import postings
from payments.ledger.accounts import Document, Entry, natural
from payments.ledger.service import balance, post
from payments.lines import read_later
from payments.operations import Answer
from payments.tables import Operation, OperationKind
from payments.transfer_tables import (
    PartyAccount,
    Reversal,
    Transfer,
    TransferState,
    locked_account,
    locked_transfer,
    under_way,
)


class NoAccount(Conflict):
    """Nobody has said which account of the provider is this party's."""

    code, title = "party_without_account", "The party has no account with the payment provider"


class OverPayout(Conflict):
    """More would be paid out than the party is owed: credits after a payout can make that negative."""

    code, title = "over_payout", "More than the party is owed"


class OverReversal(Conflict):
    """More would be taken back than was transferred."""

    code, title = "over_reversal", "More than is left of the transfer"


async def connect(tx: Tx, party: str, account_id: str) -> PartyAccount:
    """Note a party's account; transfers that were asked for go to the one before."""
    known = await locked_account(tx, party)
    if known is None:
        known = PartyAccount(party=party, account_id=account_id, created_at=tx.now, updated_at=tx.now)
        tx.add(known)
        await tx.flush()
    known.account_id, known.updated_at = account_id, tx.now
    return known


async def available(tx: Tx, party: str, currency: str) -> Money:
    """What we owe a party and is not on its way; below zero when it owes us."""
    account = postings.payable(party)
    owed = natural(account.kind, await balance(tx, account, currency))
    return owed - await under_way(tx, party, currency)


async def request(tx: Tx, party: str, amount: Money, *, reference: str) -> Transfer:
    """Have an amount transferred to a party; the transfer that there is when the reference has one.

    The party's account is locked, and what is asked for counts at once. Raises `NoAccount`, `OverPayout`.
    """
    account = await locked_account(tx, party)
    if account is None:
        raise NoAccount
    known = await tx.first(select(Transfer).where(col(Transfer.reference) == reference))
    if known is not None:
        return known
    if not 0 < amount.amount_minor <= (await available(tx, party, amount.currency)).amount_minor:
        raise OverPayout
    transfer = Transfer(
        reference=reference,
        party=party,
        account_id=account.account_id,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(transfer)
    await tx.flush()
    order = {"account_id": account.account_id, "amount_minor": amount.amount_minor, "currency": amount.currency}
    await operations.order(tx, OperationKind.TRANSFER, order, transfer_id=transfer.id)
    return transfer


async def reverse(tx: Tx, transfer_id: str, amount: Money, *, reference: str) -> Reversal:
    """Take something back of a transfer that is done; the reversal that there is when the reference has one.

    The transfer is locked, and what is asked for counts at once. Raises `NotFound`, `OverReversal`.
    """
    transfer = await locked_transfer(tx, transfer_id)
    if transfer is None:
        raise NotFound("no such payout")
    known = await tx.first(select(Reversal).where(col(Reversal.reference) == reference))
    if known is not None:
        return known
    if amount.currency != transfer.currency:
        raise CurrencyMismatch(f"{amount.currency} does not come back of {transfer.currency}")
    left = transfer.amount_minor - transfer.reversed_minor if transfer.state == TransferState.DONE else 0
    if not 0 < amount.amount_minor <= left:
        raise OverReversal
    transfer.reversed_minor += amount.amount_minor
    reversal = Reversal(
        reference=reference,
        transfer_id=transfer.id,
        party=transfer.party,
        amount_minor=amount.amount_minor,
        currency=amount.currency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.add(reversal)
    await tx.flush()
    order = {
        "transfer_id": transfer.provider_id,
        "amount_minor": amount.amount_minor,
        "currency": amount.currency,
    }
    await operations.order(tx, OperationKind.REVERSE, order, reversal_id=reversal.id)
    return reversal


def entry_of(row: Transfer | Reversal) -> Entry:
    """The entry of a transfer, or of a reversal, that is done."""
    moved = postings.transferred_to_party(row.party, row.amount)
    if isinstance(row, Reversal):
        return Entry(Document("transfer_reversal", row.id), postings.credited(moved))
    return Entry(Document("transfer", row.id), moved)


async def conclude(tx: Tx, row: Transfer | Reversal, operation: Operation, answer: Answer) -> None:
    """Draw from the answer to an order what it means for its transfer or reversal; both are locked."""
    operations.close(tx, operation, answer)
    await tx.flush()
    row.updated_at = tx.now
    if isinstance(answer, ProviderTransfer | ProviderReversal):
        row.state, row.provider_id, row.reason = TransferState.DONE, answer.id, None
        await post(tx, entry_of(row))
        if isinstance(answer, ProviderReversal):
            read_later(tx, Movement.TRANSFER, answer.transfer_id, wants=LineKind.TRANSFER_REVERSED)
        else:
            read_later(tx, Movement.TRANSFER, answer.id, wants=LineKind.TRANSFER)
        return
    row.state, row.reason = TransferState.FAILED, operation.outcome
    if isinstance(row, Reversal):
        transfer = await locked_transfer(tx, row.transfer_id)
        if transfer is not None:
            transfer.reversed_minor -= row.amount_minor
    operations.stuck(tx, operation)


def lost(tx: Tx, row: Transfer | Reversal) -> None:
    """Nobody knows what became of a locked transfer or reversal."""
    row.state, row.updated_at = TransferState.UNKNOWN, tx.now
