"""Operator API: what we and OCPI parties owe each other, and paying them out by transfers at the payment provider."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from auth.guards import AdminDep, OperatorDep
from hub.parties.schemas import PARTY
from kit.errors import Conflict, InvalidInput, NotFound
from kit.money import Money, exact
from kit.paging import Page, Paging
from kit.tx import Database
from payments import transfers
from payments.errors import Refused
from payments.ledger import postings
from payments.ledger.accounts import natural
from payments.ledger.service import balance, currencies_of
from payments.psp import Psp
from payments.transfer_tables import PartyAccount, Reversal, Transfer, listed, under_way

Party = Annotated[str, Path(pattern=PARTY)]
Amount = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=4)]


class NoProvider(Conflict):
    """No payment provider is set up here."""

    code, title = "no_payment_provider", "There is no payment provider to pay out with"


class NoTransfers(InvalidInput):
    """The provider has no such account, or it may not get transfers yet."""

    code, title = "account_takes_no_transfers", "The account does not take transfers"


class BalanceOut(BaseModel):
    """What we and a party owe each other in one currency."""

    currency: str
    owed: Decimal = Field(description="What we owe the party; below zero when credits came after a payout.")
    owes: Decimal = Field(description="What the party owes us.")
    under_way: Decimal = Field(description="What is being transferred to it and still counts as owed.")
    available: Decimal = Field(description="What can be paid out.")


class PartyBalanceOut(BaseModel):
    """A party's balances, and its account with the provider."""

    party: str
    account_id: str | None
    balances: Sequence[BalanceOut]


class AccountIn(BaseModel):
    """A party's account with the payment provider."""

    model_config = ConfigDict(extra="forbid")

    account_id: str = Field(pattern=r"^[A-Za-z0-9_]{1,64}$", description="As the provider calls it: `acct_…`.")


class PayoutIn(BaseModel):
    """Pay a party."""

    model_config = ConfigDict(extra="forbid")

    party: str = Field(pattern=PARTY)
    amount: Amount
    currency: str = Field(pattern="^[A-Z]{3}$")
    reference: str = Field(min_length=1, max_length=64, description="Yours: the same one is the same payout.")


class ReversalIn(BaseModel):
    """Take something back of a payout."""

    model_config = ConfigDict(extra="forbid")

    amount: Amount
    reference: str = Field(min_length=1, max_length=64, description="Yours: the same one is the same reversal.")


class ReversalOut(BaseModel):
    """What was taken back, or is being."""

    id: str
    payout_id: str
    amount: Decimal
    currency: str
    state: str
    reason: str | None
    reference: str

    @classmethod
    def of(cls, row: Reversal) -> Self:
        """From a stored reversal."""
        return cls(
            id=row.id,
            payout_id=row.transfer_id,
            amount=row.amount.to_decimal(),
            currency=row.currency,
            state=row.state,
            reason=row.reason,
            reference=row.reference,
        )


class PayoutOut(BaseModel):
    """A payout to a party."""

    id: str
    party: str
    account_id: str
    amount: Decimal
    taken_back: Decimal = Field(description="With what is being taken back.")
    currency: str
    state: str = Field(description="REQUESTED, UNKNOWN while no answer came, DONE or FAILED.")
    reason: str | None
    reference: str
    created_at: datetime

    @classmethod
    def of(cls, row: Transfer) -> Self:
        """From a stored transfer."""
        return cls(
            id=row.id,
            party=row.party,
            account_id=row.account_id,
            amount=row.amount.to_decimal(),
            taken_back=Money(row.reversed_minor, row.currency).to_decimal(),
            currency=row.currency,
            state=row.state,
            reason=row.reason,
            reference=row.reference,
            created_at=row.created_at,
        )


def router(db: Database, psp: Psp | None) -> APIRouter:
    """The routes. Without a provider nothing is paid out."""
    routes = APIRouter(tags=["money"])

    @routes.get("/party-balances/{party}", operation_id="get_party_balance")
    async def get_party_balance(party: Party, _: OperatorDep) -> PartyBalanceOut:
        """What we and a party owe each other, by the ledger."""
        return await _balance(db, party.upper())

    @routes.put("/party-balances/{party}/account", operation_id="set_party_account")
    async def set_party_account(party: Party, body: AccountIn, _: AdminDep) -> PartyBalanceOut:
        """Say to which account at the provider a party is paid; it is asked whether that takes transfers."""
        if psp is None:
            raise NoProvider
        try:
            takes = await psp.takes_transfers(body.account_id)
        except Refused:
            takes = False
        if not takes:
            raise NoTransfers
        async with db.tx() as tx:
            await transfers.connect(tx, party.upper(), body.account_id)
        return await _balance(db, party.upper())

    @routes.post("/payouts", operation_id="create_payout", status_code=202)
    async def create_payout(body: PayoutIn, _: AdminDep) -> PayoutOut:
        """Pay a party what it is owed, or a part of it."""
        if psp is None:
            raise NoProvider
        async with db.tx() as tx:
            made = await transfers.request(
                tx, body.party.upper(), exact(body.amount, body.currency), reference=body.reference
            )
            return PayoutOut.of(made)

    @routes.get("/payouts", operation_id="list_payouts")
    async def list_payouts(_: OperatorDep, paging: Paging) -> Page[PayoutOut]:
        """Payouts, newest first."""
        async with db.read() as tx:
            rows, total = await listed(tx, offset=paging.offset, limit=paging.limit)
        return Page.of([PayoutOut.of(row) for row in rows], total, paging)

    @routes.post("/payouts/{payout_id}/reverse", operation_id="reverse_payout", status_code=202)
    async def reverse_payout(payout_id: str, body: ReversalIn, _: AdminDep) -> ReversalOut:
        """Take a payout back, or a part of it."""
        if psp is None:
            raise NoProvider
        async with db.tx() as tx:
            row = await tx.get(Transfer, payout_id)
            if row is None:
                raise NotFound("no such payout")
            amount = exact(body.amount, row.currency)
            return ReversalOut.of(await transfers.reverse(tx, payout_id, amount, reference=body.reference))

    return routes


async def _balance(db: Database, party: str) -> PartyBalanceOut:
    payable, receivable = postings.payable(party), postings.receivable_from_party(party)
    found = []
    async with db.read() as tx:
        account = await tx.get(PartyAccount, party)
        for currency in sorted({*await currencies_of(tx, payable), *await currencies_of(tx, receivable)}):
            owed = natural(payable.kind, await balance(tx, payable, currency))
            moving = await under_way(tx, party, currency)
            found.append(
                BalanceOut(
                    currency=currency,
                    owed=owed.to_decimal(),
                    owes=(await balance(tx, receivable, currency)).to_decimal(),
                    under_way=moving.to_decimal(),
                    available=max(owed - moving, Money.zero(currency)).to_decimal(),
                )
            )
    return PartyBalanceOut(party=party, account_id=account.account_id if account else None, balances=found)
