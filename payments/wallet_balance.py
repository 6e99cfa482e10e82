"""Reading a wallet: its balance and its statement are those of its account in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select
from sqlmodel import col

from kit.money import Money
from kit.tx import Tx
from payments.ledger import postings
from payments.ledger.accounts import AccountKind, natural
from payments.ledger.service import balance
from payments.ledger.tables import LedgerEntry, LedgerTransfer
from payments.wallet_rules import Standing
from payments.wallet_tables import Wallet, earmarked_minor


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a statement: what came (positive) or went, for which document, and the balance after it."""

    id: str
    at: datetime
    document_kind: str
    document_id: str
    amount: Money
    balance: Money


async def standing(tx: Tx, wallet: Wallet) -> Standing:
    """What is in a wallet, and how much of it is put aside. Exact for whoever has locked the wallet."""
    posted = await balance(tx, postings.wallet(wallet.owner), wallet.currency)
    earmarked = Money(await earmarked_minor(tx, wallet.owner), wallet.currency)
    return Standing(natural(AccountKind.WALLET, posted), earmarked)


async def statement(tx: Tx, wallet: Wallet, *, offset: int, limit: int) -> tuple[Sequence[Movement], int]:
    """A page of what came and went, newest first, and how many lines there are."""
    account = str(postings.wallet(wallet.owner))
    touching = (
        or_(col(LedgerTransfer.source) == account, col(LedgerTransfer.target) == account),
        col(LedgerTransfer.currency) == wallet.currency,
    )
    amount, entry, number = col(LedgerTransfer.amount_minor), col(LedgerTransfer.entry_id), col(LedgerTransfer.number)
    signed = case((col(LedgerTransfer.source) == account, amount), else_=-amount)
    lines = (
        select(entry, number, signed.label("amount"), func.sum(signed).over(order_by=(entry, number)).label("balance"))
        .where(*touching)
        .subquery()
    )
    page: Any = await tx.execute(
        select(
            lines.c.entry_id,
            lines.c.number,
            col(LedgerEntry.made_at),
            col(LedgerEntry.document_kind),
            col(LedgerEntry.document_id),
            lines.c.amount,
            lines.c.balance,
        )
        .join(LedgerEntry, col(LedgerEntry.id) == lines.c.entry_id)
        .order_by(lines.c.entry_id.desc(), lines.c.number.desc())
        .offset(offset)
        .limit(limit)
    )
    found = [
        Movement(f"{row[0]}-{row[1]}", row[2], row[3], row[4], _money(row[5], wallet), _money(row[6], wallet))
        for row in page
    ]
    total = (await tx.execute(select(func.count()).select_from(LedgerTransfer).where(*touching))).scalar_one()
    return found, total


def _money(minor: Any, wallet: Wallet) -> Money:
    return Money(int(minor), wallet.currency)
