"""The chart of accounts, and what an entry is made of. Pure.

A transfer takes a positive amount from one account and gives it to another in the same currency, so every entry, and
with it the whole ledger, is balanced by construction: the balances of all accounts of a currency add up to zero.

`from` is credited and `to` debited. What we own and what others owe us has a positive balance (a debit), what we owe
and what we earned a negative one (a credit); `natural` turns that round for whoever reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kit.errors import InvalidInput
from kit.money import Money


class AccountKind(StrEnum):
    """What an account counts; `owned` kinds have one account for each owner."""

    DRIVER_RECEIVABLE = "driver_receivable"
    """What a driver owes us for sessions; the owner is the payer."""
    PROVIDER_CLEARING = "provider_clearing"
    """What the payment provider has taken in for us and not paid out."""
    BANK = "bank"
    """What the payment provider has paid out to us."""
    HOLDS = "holds"
    """Memo: what is held on cards; the owner is the hold. No money of ours until it is captured."""
    HOLDS_OFFSET = "holds_offset"
    """Memo: the other side of `HOLDS`."""
    WALLET = "wallet"
    """What a driver has paid in beforehand and not spent; the owner is the wallet."""
    PARTY_PAYABLE = "party_payable"
    """What we owe an OCPI party; the owner is `CC*PID`."""
    PARTY_RECEIVABLE = "party_receivable"
    """What an OCPI party owes us; the owner is `CC*PID`."""
    HUB_FEES = "hub_fees"
    """What we earned by fees for roaming."""
    MARGIN = "margin"
    """What is left between the price to the driver and the price to the operator, both without VAT."""
    VAT = "vat"
    """VAT that we charged and owe; the owner is the country of charging."""
    VAT_INPUT = "vat_input"
    """VAT that others charged us; the owner is the country of charging."""
    PROVIDER_FEES = "provider_fees"
    """What the payment provider keeps for its work."""
    EXCHANGE = "exchange"
    """Both sides of conversions; what is left over is the spread and the gain or loss of exchange."""
    DISPUTES = "disputes"
    """What the payment provider has taken back while a cardholder disputes a payment; the owner is the dispute."""
    GOODWILL = "goodwill"
    """What we gave drivers as a kindness, into their wallets."""
    BAD_DEBT = "bad_debt"
    """What we gave up collecting."""

    @property
    def has_owner(self) -> bool:
        """Whether there is one account for each owner."""
        return self in _OWNED

    @property
    def is_memo(self) -> bool:
        """Whether it counts what is no money of ours."""
        return self in (AccountKind.HOLDS, AccountKind.HOLDS_OFFSET)

    @property
    def is_credit(self) -> bool:
        """Whether its balance is naturally a credit: what we owe or earned."""
        return self in _CREDIT


_OWNED = frozenset(
    {
        AccountKind.DRIVER_RECEIVABLE,
        AccountKind.HOLDS,
        AccountKind.WALLET,
        AccountKind.PARTY_PAYABLE,
        AccountKind.PARTY_RECEIVABLE,
        AccountKind.VAT,
        AccountKind.VAT_INPUT,
        AccountKind.DISPUTES,
    }
)
_CREDIT = frozenset(
    {
        AccountKind.HOLDS_OFFSET,
        AccountKind.WALLET,
        AccountKind.PARTY_PAYABLE,
        AccountKind.HUB_FEES,
        AccountKind.MARGIN,
        AccountKind.VAT,
    }
)


class InvalidEntry(InvalidInput):
    """An entry that would mean nothing.

    One without transfers, with a transfer that is not positive or leads nowhere, or with currencies that do not meet in
    the account of exchange.
    """

    code, title = "invalid_ledger_entry", "Not a ledger entry"


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `owner` is empty for the kinds of which there is one."""

    kind: AccountKind
    owner: str = ""

    def __post_init__(self) -> None:
        if self.kind.has_owner != bool(self.owner):
            raise InvalidEntry(f"an account {self.kind} {'needs an' if self.kind.has_owner else 'has no'} owner")

    def __str__(self) -> str:
        return f"{self.kind}:{self.owner}" if self.owner else self.kind.value


@dataclass(frozen=True, slots=True)
class Transfer:
    """A positive amount that goes from one account to another. Raises `InvalidEntry`."""

    source: Account
    target: Account
    amount: Money

    def __post_init__(self) -> None:
        if self.amount.amount_minor <= 0:
            raise InvalidEntry("a transfer is positive; what goes back is a transfer the other way")
        if self.source == self.target:
            raise InvalidEntry("a transfer leads from one account to another")
        if self.source.kind.is_memo != self.target.kind.is_memo:
            raise InvalidEntry("what is held is no money of ours: memo accounts know only each other")

    @property
    def is_exchange(self) -> bool:
        """Whether one of the accounts is that of exchange."""
        return AccountKind.EXCHANGE in (self.source.kind, self.target.kind)

    def back(self) -> "Transfer":
        """The same amount the other way."""
        return Transfer(self.target, self.source, self.amount)


@dataclass(frozen=True, slots=True)
class Document:
    """What an entry belongs to: there is at most one entry of each kind for an id. `cdr` `NL*PLB*8ab…`."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """Transfers that belong together, of one document; currencies meet in the account of exchange.

    Raises `InvalidEntry` without any, and for currencies that do not meet there.

    `facts` are what a reader needs to follow the figures: the rate of a conversion and its date, for instance.
    """

    document: Document
    transfers: tuple[Transfer, ...]
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.transfers:
            raise InvalidEntry("an entry without transfers says nothing")
        currencies = {each.amount.currency for each in self.transfers}
        if len(currencies) > 1 and currencies != {each.amount.currency for each in self.transfers if each.is_exchange}:
            raise InvalidEntry("what changes its currency goes through the account of exchange")

    def reversed(self, document: Document) -> "Entry":
        """What takes this entry back, for another document."""
        return Entry(document, tuple(each.back() for each in self.transfers), {"reverses": str(self.document)})


def transfers(*legs: tuple[Account, Account, Money]) -> tuple[Transfer, ...]:
    """A transfer for each leg that moves something; one below zero goes the other way."""
    return tuple(_moving(legs))


def _moving(legs: Iterable[tuple[Account, Account, Money]]) -> Iterable[Transfer]:
    for source, target, amount in legs:
        if amount.amount_minor > 0:
            yield Transfer(source, target, amount)
        elif amount.amount_minor < 0:
            yield Transfer(target, source, -amount)


def natural(kind: AccountKind, balance: Money) -> Money:
    """A balance as its readers expect it: what is owed to a wallet's owner is positive."""
    return -balance if kind.is_credit else balance
