"""JSON of the driver and operator APIs about wallets, saved cards and debts. Amounts are decimal strings, exact."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from hub.starts.covers import start_of
from kit.money import Money
from payments.card_tables import SavedCard
from payments.errors import DeclineReason
from payments.tables import Debt, DebtState
from payments.wallet_balance import Movement
from payments.wallet_rules import Standing
from payments.wallet_tables import TopUp, TopUpState, Wallet

Amount = Annotated[Decimal, Field(description="In the currency's main unit.")]
AmountIn = Annotated[Decimal, Field(gt=0, le=1_000_000, max_digits=10, decimal_places=4)]

_KINDS = {
    "payment": "top_up",
    "wallet_spent": "charging",
    "wallet_refund": "refund",
    "wallet_credit": "credit",
    "wallet_credit_returned": "credit_returned",
    "refund": "paid_out",
    "refund_returned": "pay_out_returned",
    "wallet_taken_back": "disputed",
}
"""What a line of a statement is called, by the kind of its document in the ledger."""


class TopUpIn(BaseModel):
    """Pay into the wallet."""

    model_config = ConfigDict(extra="forbid")

    amount: AmountIn
    card_id: str | None = Field(None, max_length=64, description="A saved card; without one the app asks for it.")


class TopUpOut(BaseModel):
    """A payment into a wallet. The balance grows when `state` is LOADED."""

    id: str
    state: TopUpState
    amount: Amount
    currency: str
    reason: str | None = Field(description="Why it failed, for programs.")
    message: str | None = Field(description="The same for people.")
    client_secret: str | None = Field(description="For the provider's form in the app, while it is wanted.")
    created_at: datetime

    @classmethod
    def of(cls, row: TopUp, client_secret: str | None = None) -> Self:
        """From a stored top-up."""
        return cls(
            id=row.id,
            state=TopUpState(row.state),
            amount=row.amount.to_decimal(),
            currency=row.currency,
            reason=row.reason,
            message=words_for(row.reason),
            client_secret=client_secret,
            created_at=row.created_at,
        )


class ReloadIn(BaseModel):
    """Pay `amount` in by itself, from the default card, whenever less than `below` is free."""

    model_config = ConfigDict(extra="forbid")

    below: Decimal = Field(ge=0, le=1_000_000, max_digits=10, decimal_places=4)
    amount: AmountIn


class ReloadOut(BaseModel):
    """How the wallet is filled by itself."""

    below: Amount
    amount: Amount
    under_way: bool
    paused: bool = Field(description="After a failure it rests until it is set again.")
    reason: str | None
    message: str | None


class WalletOut(BaseModel):
    """What is in a wallet. Without one all is zero."""

    currency: str
    balance: Amount
    reserved: Amount = Field(description="Put aside for sessions that run, and for what is being paid out.")
    available: Amount
    auto_reload: ReloadOut | None

    @classmethod
    def of(cls, found: tuple[Wallet, Standing]) -> Self:
        """From a stored wallet."""
        wallet, standing = found
        return cls(
            currency=wallet.currency,
            balance=standing.balance.to_decimal(),
            reserved=standing.earmarked.to_decimal(),
            available=standing.available.to_decimal(),
            auto_reload=_reload(wallet),
        )

    @classmethod
    def empty(cls, currency: str) -> Self:
        """What somebody has who never paid in."""
        nothing = Money.zero(currency).to_decimal()
        return cls(currency=currency, balance=nothing, reserved=nothing, available=nothing, auto_reload=None)


class MovementOut(BaseModel):
    """One line of a wallet's statement: `amount` came in, or went when it is negative."""

    id: str
    at: datetime
    kind: str = Field(description="top_up, charging, refund, credit, paid_out, …")
    reference: str = Field(description="What for: the start, where kind is charging.")
    amount: Amount
    balance: Amount = Field(description="After it.")
    currency: str

    @classmethod
    def of(cls, line: Movement) -> Self:
        """From a line of the ledger."""
        return cls(
            id=line.id,
            at=line.at,
            kind=_KINDS.get(line.document_kind, line.document_kind),
            reference=line.document_id,
            amount=line.amount.to_decimal(),
            balance=line.balance.to_decimal(),
            currency=line.amount.currency,
        )


class PaidBackOut(BaseModel):
    """What of a wallet is on its way back to the driver's cards."""

    amount: Amount
    currency: str


class CreditIn(BaseModel):
    """An operator's kindness: what the driver may spend and nobody has paid in."""

    model_config = ConfigDict(extra="forbid")

    amount: AmountIn
    reason: str = Field("", max_length=200, description="For your own books; the driver does not see it.")


class CardBegunOut(BaseModel):
    """A card that is being saved: the app shows the provider's form with the secret, and then finishes."""

    id: str
    client_secret: str | None


class CardOut(BaseModel):
    """A saved card."""

    id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool = Field(description="The one that is charged where nobody names another.")

    @classmethod
    def of(cls, card: SavedCard) -> Self:
        """From a stored card."""
        return cls(
            id=card.id,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            is_default=card.is_default,
        )


class DebtIn(BaseModel):
    """Pay what is owed."""

    model_config = ConfigDict(extra="forbid")

    card_id: str | None = Field(None, max_length=64, description="A saved card; the last one, or the default, without.")


class DebtOut(BaseModel):
    """What was not covered by what was put aside for a session."""

    id: str
    start_id: str
    state: DebtState
    amount: Amount
    currency: str
    reason: str | None = Field(description="Why the last attempt failed, for programs.")
    message: str | None = Field(description="The same for people.")
    client_secret: str | None = Field(
        description="For the provider's form in the app, where the bank wants the driver."
    )
    next_attempt_at: datetime | None = Field(description="When it is tried again without the driver.")
    created_at: datetime

    @classmethod
    def of(cls, debt: Debt, client_secret: str | None = None) -> Self:
        """From a stored debt."""
        return cls(
            id=debt.id,
            start_id=start_of(debt.reference),
            state=DebtState(debt.state),
            amount=debt.amount.to_decimal(),
            currency=debt.currency,
            reason=debt.reason,
            message=words_for(debt.reason),
            client_secret=client_secret,
            next_attempt_at=debt.next_attempt_at,
            created_at=debt.created_at,
        )


def words_for(reason: str | None) -> str | None:
    """What a driver is told about why a payment failed."""
    if reason is None:
        return None
    known = {each.value: each for each in DeclineReason}
    return known.get(reason, DeclineReason.TRY_AGAIN).text


def _reload(wallet: Wallet) -> ReloadOut | None:
    rule = wallet.rule
    if rule is None:
        return None
    return ReloadOut(
        below=rule.below.to_decimal(),
        amount=rule.amount.to_decimal(),
        under_way=wallet.reload_id is not None,
        paused=wallet.reload_paused is not None,
        reason=wallet.reload_paused,
        message=words_for(wallet.reload_paused),
    )
